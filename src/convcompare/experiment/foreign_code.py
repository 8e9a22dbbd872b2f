"""Runs foreign code in separate processes, one per file, package or library.

Side effects of such code (modules with common names, default dtype, threads, patched functions,
prints, exits, crashes) affect neither other networks nor this process and its output. Networks
of the zoo and of plugins are built in this process.

    network = resolve("net.py:Net", shape)      # a description, as data
    call("net.py:Net", layer_table, ...)        # a function call in the process with the code

A process lives until `close`, at the end of the command.
"""

from __future__ import annotations

import atexit
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from convcompare.core.errors import ProcessDied
from convcompare.core.spec import Spec

if TYPE_CHECKING:
    from convcompare.models.build import Builder
    from convcompare.models.construction import Origin
    from convcompare.models.description import Description
    from convcompare.models.given_network import GivenNetwork
    from convcompare.models.shape import Shape

    from .workers.worker_process import WorkerProcess

T = TypeVar("T")

MAX_IDLE = 4
"""Maximum number of idle processes that are kept; each holds torch and a data set."""


@dataclass(frozen=True)
class ForeignNetwork:
    """Description of a network whose code this process must not run.

    The fields are those of `Builder`.

    Attributes:
        spec: Spec with every option resolved.
        shape: Shape that the network was built for.
        origin: Where the network comes from.
        code: SHA-256 of its code.
        description: Parameter and MAC counts.
        random_setup: Whether its set-up from training images draws random numbers.
        takes_one_image: Whether it can be trained on a batch of one image.
        freeze: Regular expression of the parameters that are not trained.
    """

    spec: str
    shape: Shape
    origin: Origin
    code: str | None
    description: Description
    random_setup: bool
    takes_one_image: bool
    freeze: str | None


Network: TypeAlias = "Builder | ForeignNetwork"
"""A network to train, in whichever process it is built."""


def source_of(text: str) -> str | None:
    """Return the file, package or library of a spec's network; None if it runs in this process."""
    from convcompare.models.build import origin_of
    from convcompare.models.given_network import is_given

    name = Spec.parse(text).name
    origin = origin_of(name)
    if _runs_here or origin == "registry":
        return None
    if is_given(name):
        return name
    where = name.rpartition(":")[0] or name
    return where if origin == "library" or where.endswith(".py") else where.partition(".")[0]


def resolve(text: str, shape: Shape, freeze: str | None = None) -> Network:
    """Return the network of a spec after an examination.

    Raises:
        ModelError: if it cannot be built or does not fit the shape.
    """
    if source_of(text) is None:
        return _builder(text, shape, freeze)
    try:
        return call(text, examine, text, shape, freeze)
    except ProcessDied:  # perhaps in the examination: its trials will fail, others still run
        return call(text, examine, text, shape, freeze, False)


def examine(
    text: str, shape: Shape, freeze: str | None = None, examined: bool = True
) -> ForeignNetwork:
    """Return the description of a network; runs in the process that has the code.

    If `examined` is false, the network is only built and counted.
    """
    builder = replace(_builder(text, shape, freeze), examined=examined)
    if examined:
        _known[builder.spec, shape, freeze] = builder
    return ForeignNetwork(
        spec=builder.spec,
        shape=shape,
        origin=builder.origin,
        code=builder.code,
        description=builder.description,
        random_setup=builder.random_setup,
        takes_one_image=builder.takes_one_image,
        freeze=freeze,
    )


def _builder(text: str, shape: Shape, freeze: str | None) -> Builder:
    """Build the network in this process, or return the builder of an earlier examination."""
    from convcompare.models import build

    return _known.get((text, shape, freeze)) or build.resolve(text, shape, freeze)


def call(text: str, function: Callable[..., T], *arguments: Any) -> T:
    """Call a function in the process that may run the code of a spec, and return its result.

    If that is another process, function, arguments and result are pickled.

    Raises:
        ProcessDied: if that process dies.
    """
    source = source_of(text)
    if source is None:
        return function(*arguments)
    worker = borrow(source)
    try:
        return worker.call(function, *arguments)
    finally:
        give_back(worker)


def start(texts: list[str]) -> None:
    """Start the processes of all specs, which then prepare themselves in parallel."""
    for source in dict.fromkeys(map(source_of, texts)):
        if source is not None:
            give_back(borrow(source))


def borrow(source: str) -> WorkerProcess:
    """Return an idle process of a source or a new one, for exclusive use until `give_back`."""
    from .workers.worker_process import WorkerProcess

    for worker in _idle:
        if (worker.source, worker.folder) == (source, Path.cwd()):
            _idle.remove(worker)
            return worker
    worker = WorkerProcess(source=source)
    given = _given.get(source)
    if given is not None:
        worker.call(receive, given, sys.path)
    return worker


def give(builder: Callable[..., Any]) -> GivenNetwork:
    """Register an object of this program as a network.

    It is sent to the process that resolves its spec.

    Raises:
        ModelError: if it cannot be sent to another process.
    """
    from convcompare.models.given_network import give

    network = give(builder)
    _given[network.spec] = network
    return network


def receive(network: GivenNetwork, path: list[str]) -> None:
    """Register an object in its process, with the module search path of its program."""
    from convcompare.models.given_network import receive

    sys.path[:] = [*path, *(entry for entry in sys.path if entry not in path)]
    receive(network)


def give_back(worker: WorkerProcess) -> None:
    """Keep a process for later use unless it has died; the most recently used ones are kept."""
    if worker.process.poll() is not None:
        worker.stop()
        return
    _idle.append(worker)
    while len(_idle) > MAX_IDLE:
        _idle.pop(0).stop()


def close() -> None:
    """Stop all idle processes."""
    while _idle:
        _idle.pop().stop()


def run_here() -> None:
    """Let this process run foreign code itself, which is its only purpose."""
    global _runs_here
    _runs_here = True


_idle: list[WorkerProcess] = []
_given: dict[str, GivenNetwork] = {}
"""Objects of this program by spec."""
_known: dict[tuple[str, Shape, str | None], Builder] = {}
"""Examined networks of this process by spec, shape and `freeze`."""
_runs_here = False
atexit.register(close)
