"""State of each trial of a running comparison, and the remaining time."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from convcompare.core import formatting
from convcompare.core.errors import quote

from .events import Ended, EpochFinished, Started, Waiting, WorkerDied

if TYPE_CHECKING:
    from convcompare.store.run import Epoch, Trial
    from convcompare.training.progress import StepProgress

    from .events import Event


@dataclass
class TrialRow:
    """Current state of one trial."""

    trial: Trial
    epochs: list[Epoch] = field(default_factory=list)
    state: str = "waiting"
    progress: StepProgress | None = None
    waits_for: str = ""
    """Description of the process that runs it instead."""
    began: float = 0.0
    """Start of its current epoch, by the monotonic clock."""

    @property
    def label(self) -> str:
        """Label of the network."""
        return self.trial.label

    @property
    def mark(self) -> str:
        """One character for the state of the trial."""
        marks = {"waiting": "○", "running": "◐", "finished": "●", "reused": "●"}
        return marks.get(self.state, "✗")


class Tracker:
    """Follows the events of a plan and estimates the remaining time.

    Args:
        trials: All trials.
        expected: Seconds per epoch by label, for networks that have not finished an epoch.
        jobs: Parallel trials.
    """

    def __init__(
        self, trials: Sequence[Trial], expected: Mapping[str, float], jobs: int = 1
    ) -> None:
        self.rows = {trial.id: TrialRow(trial) for trial in trials}
        self.by_label: dict[str, list[TrialRow]] = {}
        """Trials of each network, in the order of their first trials."""
        for row in self.rows.values():
            self.by_label.setdefault(row.label, []).append(row)
        self.expected = expected
        self.jobs = jobs
        self.started = time.monotonic()

    def update(self, event: Event) -> None:
        """Apply an event to the state of its trial."""
        if isinstance(event, Ended):
            row = self.rows[event.run.id]
            row.waits_for = ""
            row.epochs = list(event.run.history)
            row.state = "reused" if event.reused else event.run.status
            return
        row = self.rows[event.trial.id]
        row.began = time.monotonic()
        row.waits_for = event.holder if isinstance(event, Waiting) else ""
        if isinstance(event, Started):
            row.progress, row.epochs, row.state = event.progress, list(event.history), "running"
        elif isinstance(event, EpochFinished):
            row.epochs.append(event.epoch)
            if row.progress:
                row.progress.step = 0
        elif isinstance(event, WorkerDied | Waiting):
            row.state = "waiting"

    @property
    def running(self) -> list[TrialRow]:
        """Trials that are running."""
        return [row for row in self.rows.values() if row.state == "running"]

    @property
    def done(self) -> int:
        """Number of trials that have ended."""
        return sum(row.state not in ("waiting", "running") for row in self.rows.values())

    @property
    def spent(self) -> str:
        """Elapsed time, formatted."""
        return formatting.about_seconds(time.monotonic() - self.started)

    @property
    def finished(self) -> str:
        """Number of ended trials, as a phrase."""
        return f"{self.done} of {formatting.several(len(self.rows), 'trial')} finished"

    def saved(self, saved_epochs: Callable[[Trial], int]) -> str:
        """Return `finished` with the saved epochs of running trials."""
        epochs = [
            f", epoch {saved} of {quote(row.label)} (seed {row.trial.seed}) is saved"
            for row in self.running
            if (saved := saved_epochs(row.trial))
        ]
        return f"{self.finished}{''.join(epochs)}"

    def epoch_seconds(self, label: str) -> float | None:
        """Return the seconds per epoch of a network with evaluation; None if it has no epoch."""
        rows = [row for row in self.by_label[label] if row.state != "reused"]
        spent = [e.train_seconds + e.evaluation_seconds for row in rows for e in row.epochs]
        return sum(spent) / len(spent) if spent else None

    def remaining(self) -> float | None:
        """Return the seconds until the end; None if nothing is known about a network."""
        left = [0.0]
        known = {label: self.epoch_seconds(label) for label in self.by_label}
        for row in self.rows.values():
            if row.state in ("waiting", "running"):
                epoch = known[row.label] or self._running_epoch(row)
                epoch = epoch or self.expected.get(row.label)
                if epoch is None:
                    return None
                behind = time.monotonic() - row.began if row.state == "running" else 0.0
                whole = epoch * (row.trial.config.epochs - len(row.epochs))
                left.append(max(0.0, whole - behind))
        return max(sum(left) / self.jobs, *left)

    def progress(self) -> float:
        """Return the completed share of the work, by time."""
        rest = self.remaining()
        if rest is None or self.done == len(self.rows):
            return self.done / len(self.rows)
        spent = time.monotonic() - self.started
        return spent / (spent + rest) if spent + rest else 0.0

    def _running_epoch(self, row: TrialRow) -> float | None:
        """Return the seconds that the current epoch will take; None if it is too early."""
        progress = row.progress
        if row.state != "running" or not progress or progress.step < progress.steps / 20:
            return None
        return (time.monotonic() - row.began) * progress.steps / progress.step
