"""A trial as a Ray task: its arguments, the function that runs it, and its messages.

The arguments are a JSON text (`RayTaskSpec`), the arrays of the data set, and the state of an
interrupted trial. The messages are those of a local worker (`protocol.py`), each with the files of
its epoch or of the end. The trial runs in a temporary store, which is deleted when it ends.
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
"""A record of `protocol.py`, and the bytes and arrays that belong to it, by name."""

Item = tuple[Event | Exception | None, dict[str, Any]]
"""An event with its binary part, an error, or None at the end of the thread that trains."""


@dataclass(frozen=True)
class RayTaskSpec:
    """A trial, its runtime, the SHA-256 of its images, and the working directory of the driver."""

    trial: Trial
    runtime: Runtime
    data: str
    folder: str
    version: str = __version__


def pack_dataset(dataset: Dataset) -> dict[str, Any]:
    """Return a data set as plain values and arrays."""
    splits = {"train": dataset.train, "test": dataset.test}
    arrays = {name: dict(vars(split)) for name, split in splits.items()}
    return {**vars(dataset), **arrays, "notes": ()}


def unpack_dataset(packed: Mapping[str, Any], sha256: str) -> Dataset:
    """Return the data set of `pack_dataset`.

    Raises:
        DataError: if its SHA-256 is not `sha256`.
    """
    splits = {name: Split(**packed[name]) for name in ("train", "test")}
    known = {name: packed[name] for name in Dataset.__dataclass_fields__}
    dataset = Dataset(**{**known, **splits})
    if dataset.sha256 != sha256:
        raise DataError("the images that a node received are not those that were sent")
    return dataset


def pack_state(store: RunStore, run_id: str) -> dict[str, Any] | None:
    """Return epochs, tensors and gradients of an interrupted trial; None if no epoch is saved."""
    checkpoint, _ = store.checkpoint(run_id)
    if checkpoint is None:
        return None
    return {
        "history": [to_record(epoch) for epoch in checkpoint.history],
        "tensors": checkpoint.data,
        "gradients": store.incomplete_analysis(run_id, GRADIENTS),
    }


def unpack_state(store: RunStore, trial: Trial, state: Mapping[str, Any]) -> None:
    """Save the state from `pack_state` in another store, from which the trial resumes."""
    if state["gradients"] is not None:
        store.save_analysis(trial.id, GRADIENTS, state["gradients"])
    history = [from_record(Epoch, epoch) for epoch in state["history"]]
    store.save_epoch(trial, history, state["tensors"])


def attempt_of(task: str, images: Sequence[Any], state: Sequence[Any]) -> Iterator[Message]:
    """Call `attempt` with images and state that this task fetches from Ray's object store.

    The references are passed in lists: Ray pins on the node what it fetches as an argument itself,
    and never unpins it if the command is killed meanwhile. After several kills no task of any user
    could start.
    """
    import ray

    yield from attempt(task, ray.get(images[0]), ray.get(state[0]) if state else None)


def attempt(
    task: str, images: Mapping[str, Any], state: Mapping[str, Any] | None
) -> Iterator[Message]:
    """Run a trial on this node and yield its messages as they arise.

    A thread trains, so that this one can report progress several times per second. Errors outside
    the network are yielded as messages; nothing is raised.
    """
    messages: queue.SimpleQueue[Item] = queue.SimpleQueue()
    thread = threading.Thread(target=_work, args=(task, images, state, messages.put), daemon=True)
    thread.start()
    progress, last_progress = StepProgress(), (0, 0.0)
    while True:
        try:
            item, files = messages.get(timeout=PROGRESS_SECONDS)
        except queue.Empty:
            now = (progress.step, progress.loss)
            if now != last_progress:
                yield {"progress": now}, {}
            last_progress = now
            continue
        if item is None:
            return
        if isinstance(item, Exception):
            yield error_to_json(item), {}
            continue
        progress = item.progress if isinstance(item, Started) else progress
        yield {**event_to_json(item), "node": socket.gethostname()}, files


def _work(
    text: str,
    images: Mapping[str, Any],
    state: Mapping[str, Any] | None,
    send: Callable[[Item], None],
) -> None:
    try:
        task = from_record(RayTaskSpec, json.loads(text))
        _check_version(task)
        if foreign_code.source_of(task.trial.model):
            foreign_code.run_here()
        with suppress(OSError):  # a user's network is found there if the nodes share the folder
            os.chdir(task.folder)
        with _folder() as folder:
            store = RunStore(folder)
            runner = _runner(task, images)
            runner.store = store
            if state is not None:
                store.begin(task.trial, runner.environment)
                unpack_state(store, task.trial, state)
            for event in runner(task.trial):
                send((event, _beside(event, runner)))
    except Exception as error:
        send((error, {}))
    finally:
        send((None, {}))


def _beside(event: Event, runner: TrialRunner) -> dict[str, Any]:
    """Return the binary part of an event: the state after an epoch, or the files of the run."""
    if isinstance(event, EpochFinished):
        return pack_state(runner.store, event.trial.id) or {}
    if isinstance(event, Ended) and event.run.status != "failed":
        return runner.store.binary_files(event.run)
    if isinstance(event, Started):
        return {"environment": to_record(runner.environment)}
    return {}


def _check_version(task: RayTaskSpec) -> None:
    if task.version != __version__:
        raise UsageError(
            f"node {quote(socket.gethostname())} has convcompare {__version__}, and this is "
            f"{task.version}",
            "install one version on every node",
        )


_runners: dict[tuple[str, Runtime], TrialRunner] = {}
"""The runner of the last trial; the next trial in this process usually has the same images."""


def _runner(task: RayTaskSpec, images: Mapping[str, Any]) -> TrialRunner:
    from convcompare.training.hardware import prepare

    from ..trial_runner import TrialRunner

    key = (task.data, task.runtime)
    if key not in _runners:
        _runners.clear()
        dataset = unpack_dataset(images, task.data)
        _runners[key] = TrialRunner(RunStore(Path()), task.runtime, dataset)
    prepare(task.runtime)
    return _runners[key]


@contextmanager
def _folder() -> Iterator[Path]:
    """Yield a temporary folder for one trial; delete those that killed processes have left."""
    for left in Path(tempfile.gettempdir()).glob(f"{FOLDER}*"):
        pid = left.name.removeprefix(FOLDER).partition("-")[0]
        if pid.isdigit() and not process.exists(int(pid)):
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"{FOLDER}{os.getpid()}-") as folder:
        yield Path(folder)
