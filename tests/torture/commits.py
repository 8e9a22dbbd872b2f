"""The commits of a trial by themselves, with nothing trained between them: a whole life of a run.

What a comparison does to its store, from the note of what is about to run to the record of its
end, in milliseconds, so that every file operation can be disturbed within the short form too.
"""

from __future__ import annotations

import contextlib
import io
import sys
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from convcompare.cli.console import show_error
from convcompare.core.config import TrainConfig
from convcompare.core.errors import ConvcompareError
from convcompare.store import atomic_files
from convcompare.store.cost import Cost, Timing
from convcompare.store.lease import is_lease
from convcompare.store.run import Run
from convcompare.store.run_store import RunStore

from . import faulty
from .harness import Ended, must, nursery
from .records import COMPARISON, LOGITS, PLACE, epoch, trial
from .small import saved

LIFE = "tests.torture.commits:live"
EPOCHS = 2
TRIAL = trial(config=TrainConfig(epochs=EPOCHS))
TIMING = Timing(replace(PLACE, jobs=1), 10, 9, 0.1, 0.09, 0.11, ())


def run(folder: Path, place: int, what: str, log: str) -> Ended:
    """The life of a run in `folder`, from where it is; without a place nothing disturbs it.

    What is disturbed has a process of its own, which ends with it.
    """
    if place:
        how = {"folder": str(folder), "place": place, "what": what, "log": log}
        return nursery().run(None, folder, before=LIFE, **how)
    said, disk = io.StringIO(), atomic_files.disk
    try:
        with contextlib.redirect_stderr(said):
            live(str(folder), place, what, log)
    finally:
        atomic_files.disk = disk
    return Ended(0, "", said.getvalue(), [LIFE])


def live(folder: str, place: int, what: str, log: str) -> None:
    """What a comparison of one trial does to its store, disturbed as `faulty` says."""
    faulty.install(place, what, log)
    store = RunStore(Path(folder, "runs"))
    try:
        if not store.finished(TRIAL.id):
            with store.lock(TRIAL.id):
                _train(store)
        store.tidy(TRIAL.id)
        store.save_timing(TRIAL.id, TIMING)
        store.add_comparison("first", COMPARISON)
    except ConvcompareError as error:
        show_error(error)
        raise SystemExit(error.exit_code) from None


def _train(store: RunStore) -> None:
    """The commits of `convcompare.experiment.attempt`, in its order."""
    store.begin(TRIAL, PLACE)
    checkpoint, _ = store.checkpoint(TRIAL.id)
    history = list(checkpoint.history) if checkpoint else []
    for number in range(len(history) + 1, EPOCHS + 1):
        history.append(epoch(number))
        store.save_analysis(TRIAL.id, "gradients", {"moments": np.arange(number)})
        store.save_epoch(TRIAL, history, f"state {number}".encode())
        print(f"fcn · epoch {number}/{EPOCHS}", file=sys.stderr, flush=True)
    end = Run(TRIAL, "finished", tuple(history), Cost(1, 1), PLACE, "2026-01-01")
    store.finish(end, b"weights", LOGITS)


def check_readable(folder: Path) -> None:
    """Broken where a reader is not told what is there; what is half-written is nobody's."""
    store = RunStore(folder / "runs")
    for run_id, epochs in saved(folder / "runs").items():
        outcome = store.outcome(run_id)
        must(outcome is None or (outcome.status, epochs) == ("finished", EPOCHS), outcome)
    for name in store.comparisons():
        store.comparison(name)


def check_equal(folder: Path) -> None:
    """Broken unless every file but the leases is that of a life that nothing disturbed."""
    found, wanted = _files(folder), _whole()
    must(set(found) == set(wanted), f"files {sorted(set(found) ^ set(wanted))}")
    for name, data in wanted.items():
        must(found[name] == data, f"{name} is not that of the undisturbed life")


@lru_cache
def _whole() -> dict[str, bytes]:
    with TemporaryDirectory(prefix="torture-whole-") as folder:
        run(Path(folder), 0, "", str(Path(folder, faulty.LOG))).clean(0)
        return _files(Path(folder))


def _files(folder: Path) -> dict[str, bytes]:
    every = [path for path in folder.joinpath("runs").rglob("*") if path.is_file()]
    kept = [path for path in every if not is_lease(path.name)]
    return {str(path.relative_to(folder)): path.read_bytes() for path in kept}
