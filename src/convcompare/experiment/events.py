"""Events of running trials, as executors yield them."""

from __future__ import annotations

from dataclasses import dataclass

from convcompare.store.run import Epoch, Run, Trial
from convcompare.training.progress import StepProgress


@dataclass(frozen=True)
class Started:
    """A trial has started, or resumes after the epochs of `history`."""

    trial: Trial
    history: tuple[Epoch, ...]
    progress: StepProgress
    damage: str = ""
    """Which parts of its saved state were damaged, and how that is handled."""


@dataclass(frozen=True)
class CompileDecided:
    """Whether the trial's steps are compiled was decided, by a measurement or an earlier one."""

    trial: Trial
    why: str
    """The decision and its reason."""


@dataclass(frozen=True)
class EpochFinished:
    """One more epoch of a trial is committed."""

    trial: Trial
    epoch: Epoch


@dataclass(frozen=True)
class Ended:
    """A trial has ended, successfully or not; `reused` if it had ended before this command."""

    run: Run
    reused: bool


@dataclass(frozen=True)
class WorkerDied:
    """The process of a trial died; the trial will be tried again, as attempt number `attempt`."""

    trial: Trial
    message: str
    attempt: int


@dataclass(frozen=True)
class Waiting:
    """Another process runs a trial, and this one waits for its result."""

    trial: Trial
    holder: str
    """Description of that process."""


Event = Started | CompileDecided | EpochFinished | WorkerDied | Waiting | Ended
