"""The commits of a trial alone, without training.

This performs all file operations of a comparison of one trial, from the first record to the last,
in milliseconds, so that the short form can disturb each of them.
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
from tests.support.trials import COMPARISON, ENVIRONMENT, PREDICTIONS, epoch, trial

from . import faulty
from .harness import Ended, fork_server, must
from .small import saved

ALL_COMMITS = "tests.torture.commits:all_commits"
EPOCHS = 2
TRIAL = trial(config=TrainConfig(epochs=EPOCHS))
TIMING = Timing(replace(ENVIRONMENT, jobs=1), 10, 9, 0.1, 0.09, 0.11, ())


def run(folder: Path, place: int, what: str, log: str) -> Ended:
    """Perform all commits of a run in `folder`; resume if some are done.

    Args:
        place: Number of the operation to disturb; 0 disturbs none. A disturbed run has its own
        process, which ends with it.
    """
    if place:
        arguments = {"folder": str(folder), "place": place, "what": what, "log": log}
        return fork_server().run(None, folder, before=ALL_COMMITS, **arguments)
    stderr, disk = io.StringIO(), atomic_files.disk
    try:
        with contextlib.redirect_stderr(stderr):
            all_commits(str(folder), place, what, log)
    finally:
        atomic_files.disk = disk
    return Ended(0, "", stderr.getvalue(), [ALL_COMMITS])


def all_commits(folder: str, place: int, what: str, log: str) -> None:
    """Perform the commits of a comparison of one trial, disturbed as `faulty` defines."""
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
    """Perform the commits of `convcompare.experiment.attempt`, in its order."""
    store.begin(TRIAL, ENVIRONMENT)
    checkpoint, _ = store.checkpoint(TRIAL.id)
    history = list(checkpoint.history) if checkpoint else []
    for number in range(len(history) + 1, EPOCHS + 1):
        history.append(epoch(number))
        store.save_analysis(TRIAL.id, "gradients", {"moments": np.arange(number)})
        store.save_epoch(TRIAL, history, f"state {number}".encode())
        print(f"fcn · epoch {number}/{EPOCHS}", file=sys.stderr, flush=True)
    end = Run(TRIAL, "finished", tuple(history), Cost(1, 1), ENVIRONMENT, "2026-01-01")
    store.finish(end, b"weights", PREDICTIONS)


def check_readable(folder: Path) -> None:
    """Assert that readers find consistent records; incomplete files belong to no record."""
    store = RunStore(folder / "runs")
    for run_id, epochs in saved(folder / "runs").items():
        outcome = store.outcome(run_id)
        must(outcome is None or (outcome.status, epochs) == ("finished", EPOCHS), outcome)
    for name in store.comparisons():
        store.comparison(name)


def check_equal(folder: Path) -> None:
    """Assert that all files except leases equal those of an undisturbed run."""
    found, expected = _files(folder), _undisturbed()
    must(set(found) == set(expected), f"files {sorted(set(found) ^ set(expected))}")
    for name, data in expected.items():
        must(found[name] == data, f"{name} is not that of the undisturbed life")


@lru_cache
def _undisturbed() -> dict[str, bytes]:
    with TemporaryDirectory(prefix="torture-whole-") as folder:
        run(Path(folder), 0, "", str(Path(folder, faulty.LOG))).clean(0)
        return _files(Path(folder))


def _files(folder: Path) -> dict[str, bytes]:
    paths = [path for path in folder.joinpath("runs").rglob("*") if path.is_file()]
    kept = [path for path in paths if not is_lease(path.name)]
    return {str(path.relative_to(folder)): path.read_bytes() for path in kept}
