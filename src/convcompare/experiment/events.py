"""What happens while trials run, as an executor passes it on."""

from __future__ import annotations

from dataclasses import dataclass

from convcompare.store.run import Epoch, Run, Trial
from convcompare.training.progress import StepProgress


@dataclass(frozen=True)
class Started:
    """A trial has begun, or goes on after the epochs of `history`."""

    trial: Trial
    history: tuple[Epoch, ...]
    progress: StepProgress
    damage: str = ""
    """What of its state was damaged, and what is done about it, in words."""


@dataclass(frozen=True)
class CompileDecided:
    """How the steps of a trial are made was chosen by a measurement, or as it was before."""

    trial: Trial
    why: str
    """What was chosen and why, in words."""


@dataclass(frozen=True)
class EpochFinished:
    """One more epoch of a trial is committed."""

    trial: Trial
    epoch: Epoch


@dataclass(frozen=True)
class Ended:
    """A trial has ended, well or not; `reused` where it had ended before."""

    run: Run
    reused: bool


@dataclass(frozen=True)
class WorkerDied:
    """The process of a trial died; the trial will be tried again, for the `attempt`-th time."""

    trial: Trial
    message: str
    attempt: int


@dataclass(frozen=True)
class Waiting:
    """Another process works on a trial: what it makes of it is waited for."""

    trial: Trial
    holder: str
    """Which process, in words."""


Event = Started | CompileDecided | EpochFinished | WorkerDied | Waiting | Ended
