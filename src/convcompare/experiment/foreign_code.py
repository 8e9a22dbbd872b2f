"""Foreign code runs in processes of its own, one for each file, package or library it is from.

What such code does to its process (modules of a common name, default dtype, threads, patched
functions, prints, exits, crashes) reaches no other network, not this process, and not what it
prints. Networks of the zoo and of plugins are built in this process.

    network = resolve("net.py:Net", shape)      # what there is to know of it, as data
    call("net.py:Net", layer_table, ...)        # a function run where the network's code may be

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

MOST_IDLE = 4
"""Processes without work that are kept: each holds torch and a data set."""


@dataclass(frozen=True)
class ForeignNetwork:
    """What there is to know of a network whose code this process must not run.

    The fields are those of `Builder`: its spec with every option resolved, the shape that it was
    made to fit, where it comes from, the SHA-256 of its code, its counts, whether it draws random
    numbers when it sets itself up by training images, whether it can be trained on a batch of one
    image, and the regular expression of the parameters that do not train.
    """

    spec: str
    shape: Shape
    origin: Origin
    code: str | None
    description: Description
    random_setup: bool
    takes_one_image: bool
    freeze: str | None = None


Network: TypeAlias = "Builder | ForeignNetwork"
"""A network that is to be trained, wherever it is built."""


def source_of(text: str) -> str | None:
    """The file, package or library that the network of a spec is from; None where it runs here."""
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
    """The network of a spec, examined; ModelError where it cannot be built or does not fit."""
    if source_of(text) is None:
        return _builder(text, shape, freeze)
    try:
        return call(text, examine, text, shape, freeze)
    except ProcessDied:  # of the tries perhaps: then its trials fail, and those of others go on
        return call(text, examine, text, shape, freeze, False)


def examine(
    text: str, shape: Shape, freeze: str | None = None, examined: bool = True
) -> ForeignNetwork:
    """All that `ForeignNetwork` tells, worked out in the process that has the code.

    Without `examined` the network is built and counted alone.
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
    """The network, in this process; one of the user's own that was examined here is known."""
    from convcompare.models import build

    return _known.get((text, shape, freeze)) or build.resolve(text, shape, freeze)


def call(text: str, function: Callable[..., T], *arguments: Any) -> T:
    """What a function returns where the code of a spec may run: here, or in a process of its own.

    There the function, the arguments and what it returns travel pickled. Raises ProcessDied where
    that process dies.
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
    """Start the processes of all specs, so that they get ready at the same time."""
    for source in dict.fromkeys(map(source_of, texts)):
        if source is not None:
            give_back(borrow(source))


def borrow(source: str) -> WorkerProcess:
    """The idle process of a source, or a new one; it is the borrower's until it is given back."""
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
    """Make a network of an object of this program; whoever resolves its spec sends it along.

    Raises ModelError where it cannot travel to another process.
    """
    from convcompare.models.given_network import give

    network = give(builder)
    _given[network.spec] = network
    return network


def receive(network: GivenNetwork, path: list[str]) -> None:
    """Take in an object, in its process, with the path on which its program finds modules."""
    from convcompare.models.given_network import receive

    sys.path[:] = [*path, *(entry for entry in sys.path if entry not in path)]
    receive(network)


def give_back(worker: WorkerProcess) -> None:
    """Keep a process for later, unless it has died; of many, those that were used last."""
    if worker.process.poll() is not None:
        worker.stop()
        return
    _idle.append(worker)
    while len(_idle) > MOST_IDLE:
        _idle.pop(0).stop()


def close() -> None:
    """End all processes that wait for work."""
    while _idle:
        _idle.pop().stop()


def run_here() -> None:
    """Let this process run the code itself: it was started for that alone."""
    global _runs_here
    _runs_here = True


_idle: list[WorkerProcess] = []
_given: dict[str, GivenNetwork] = {}
"""Objects of this program, by their specs."""
_known: dict[tuple[str, Shape, str | None], Builder] = {}
"""Networks of this process's source that were examined: by spec, shape and what is frozen."""
_runs_here = False
atexit.register(close)
