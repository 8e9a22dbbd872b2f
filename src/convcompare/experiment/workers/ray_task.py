"""A trial on another machine: what travels there, the function that runs it, what comes back.

What travels is JSON (`RayTaskSpec`), the arrays of the data set, and the state of a half-done
trial; what comes back is the same JSON as from a worker of this machine (`protocol.py`), with the
files of an epoch or of the end beside it. The trial runs in a store of its own, which is gone when
it ends.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convcompare.core import process
from convcompare.core.config import Runtime
from convcompare.core.errors import DataError, UsageError, quote
from convcompare.core.version import __version__
from convcompare.data.dataset import Dataset, Split
from convcompare.store.gradient_record import GRADIENTS
from convcompare.store.json_fields import from_record, to_record
from convcompare.store.run import Epoch, Trial
from convcompare.store.run_store import RunStore
from convcompare.training.progress import StepProgress

from .. import foreign_code
from ..events import Ended, EpochFinished, Event, Started
from .protocol import error_to_json, event_to_json
from .worker import PROGRESS_SECONDS

if TYPE_CHECKING:
    from ..trial_runner import TrialRunner

FOLDER = "convcompare-trial-"
Message = tuple[dict[str, Any], dict[str, Any]]
"""A record as of `protocol.py`, and what does not go into JSON: bytes and arrays by name."""


@dataclass(frozen=True)
class RayTaskSpec:
    """What to run and how, on which images by their SHA-256, and from which folder."""

    trial: Trial
    runtime: Runtime
    data: str
    folder: str
    version: str = __version__


def pack_dataset(dataset: Dataset) -> dict[str, Any]:
    """A data set as plain values and arrays."""
    splits = {"train": dataset.train, "test": dataset.test}
    arrays = {name: dict(vars(split)) for name, split in splits.items()}
    return {**vars(dataset), **arrays, "notes": ()}


def unpack_dataset(packed: Mapping[str, Any], sha256: str) -> Dataset:
    """The data set; DataError where its arrays are not those that were sent."""
    splits = {name: Split(**packed[name]) for name in ("train", "test")}
    known = {name: packed[name] for name in Dataset.__dataclass_fields__}
    dataset = Dataset(**{**known, **splits})
    if dataset.sha256 != sha256:
        raise DataError("the images that a node received are not those that were sent")
    return dataset


def pack_state(store: RunStore, run_id: str) -> dict[str, Any] | None:
    """Where a half-done trial stands: epochs, tensors, gradients; None where it has not begun."""
    checkpoint, _ = store.checkpoint(run_id)
    if checkpoint is None:
        return None
    return {
        "history": [to_record(epoch) for epoch in checkpoint.history],
        "tensors": checkpoint.data,
        "gradients": store.incomplete_analysis(run_id, GRADIENTS),
    }


def unpack_state(store: RunStore, trial: Trial, state: Mapping[str, Any]) -> None:
    """Put it into another store, so that the trial goes on there."""
    if state["gradients"] is not None:
        store.save_analysis(trial.id, GRADIENTS, state["gradients"])
    history = [from_record(Epoch, epoch) for epoch in state["history"]]
    store.save_epoch(trial, history, state["tensors"])


def attempt_of(order: str, images: Sequence[Any], state: Sequence[Any]) -> Iterator[Message]:
    """`attempt`, with the images and the state fetched from the object store of Ray by this task.

    They come in lists. An argument that Ray fetches itself is pinned on the node, and stays pinned
    for ever where the command is killed meanwhile: after some times no task of anybody would start.
    """
    import ray

    yield from attempt(order, ray.get(images[0]), ray.get(state[0]) if state else None)


def attempt(
    order: str, images: Mapping[str, Any], state: Mapping[str, Any] | None
) -> Iterator[Message]:
    """Run a trial here and tell what happens, as it happens.

    It trains in a thread, so that this one can say several times a second where it is. What goes
    wrong outside of the network is told as an error, and nothing is raised.
    """
    said: queue.SimpleQueue[tuple[Event | Exception | None, dict[str, Any]]] = queue.SimpleQueue()
    thread = threading.Thread(target=_work, args=(order, images, state, said.put), daemon=True)
    thread.start()
    progress, told = StepProgress(), (0, 0.0)
    while True:
        try:
            what, files = said.get(timeout=PROGRESS_SECONDS)
        except queue.Empty:
            now = (progress.step, progress.loss)
            if now != told:
                yield {"progress": now}, {}
            told = now
            continue
        if what is None:
            return
        if isinstance(what, Exception):
            yield error_to_json(what), {}
            continue
        progress = what.progress if isinstance(what, Started) else progress
        yield {**event_to_json(what), "node": socket.gethostname()}, files


def _work(
    text: str,
    images: Mapping[str, Any],
    state: Mapping[str, Any] | None,
    tell: Callable[[tuple[Event | Exception | None, dict[str, Any]]], None],
) -> None:
    try:
        order = from_record(RayTaskSpec, json.loads(text))
        _check_version(order)
        if foreign_code.source_of(order.trial.model):
            foreign_code.run_here()
        with suppress(
            OSError
        ):  # where the folder is shared, a network of the user's is found in it
            os.chdir(order.folder)
        with _folder() as folder:
            store = RunStore(folder)
            runner = _runner(order, images)
            runner.store = store
            if state is not None:
                store.begin(order.trial, runner.environment)
                unpack_state(store, order.trial, state)
            for event in runner(order.trial):
                tell((event, _beside(event, runner)))
    except Exception as error:
        tell((error, {}))
    finally:
        tell((None, {}))


def _beside(event: Event, runner: TrialRunner) -> dict[str, Any]:
    """What belongs to an event and is not JSON: the state of an epoch, the files of an end."""
    if isinstance(event, EpochFinished):
        return pack_state(runner.store, event.trial.id) or {}
    if isinstance(event, Ended) and event.run.status != "failed":
        return runner.store.binary_files(event.run)
    if isinstance(event, Started):
        return {"environment": to_record(runner.environment)}
    return {}


def _check_version(order: RayTaskSpec) -> None:
    if order.version != __version__:
        raise UsageError(
            f"node {quote(socket.gethostname())} has convcompare {__version__}, and this is "
            f"{order.version}",
            "install one version on every node",
        )


_runners: dict[tuple[str, Runtime], TrialRunner] = {}
"""The runner of the last trial: the next one of this process mostly wants the same images."""


def _runner(order: RayTaskSpec, images: Mapping[str, Any]) -> TrialRunner:
    from convcompare.training.hardware import prepare

    from ..trial_runner import TrialRunner

    key = (order.data, order.runtime)
    if key not in _runners:
        _runners.clear()
        dataset = unpack_dataset(images, order.data)
        _runners[key] = TrialRunner(RunStore(Path()), order.runtime, dataset)
    prepare(order.runtime)
    return _runners[key]


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder for one trial. Those of processes that were killed are cleared away."""
    for left in Path(tempfile.gettempdir()).glob(f"{FOLDER}*"):
        pid = left.name.removeprefix(FOLDER).partition("-")[0]
        if pid.isdigit() and not process.exists(int(pid)):
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"{FOLDER}{os.getpid()}-") as folder:
        yield Path(folder)
