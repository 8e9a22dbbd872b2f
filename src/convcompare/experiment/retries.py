"""How often a trial is tried again when what runs it dies: the same for every executor."""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING

from convcompare.store.run import Trial

from .events import Ended, WorkerDied

if TYPE_CHECKING:
    from .trial_runner import TrialRunner

ATTEMPTS = 3
"""Processes that may die of one trial."""


class RetryCounter:
    """Counts the processes that each trial has cost.

    Only deaths count. A network that raises, runs out of memory in a way that can be told, or
    diverges would do the same again, and is not tried again by whoever runs it.
    """

    def __init__(self, runner: TrialRunner) -> None:
        self.runner = runner
        self.counts: collections.Counter[str] = collections.Counter()

    def another(self, trial: Trial, how: str, guess: str = "") -> WorkerDied | Ended:
        """What follows from one more death: the trial is to be tried again, or it has failed.

        `how` says what died and of what, `guess` why, as far as can be told when it is given up.
        """
        self.counts[trial.id] += 1
        deaths = self.counts[trial.id]
        if deaths < ATTEMPTS:
            return WorkerDied(trial, how, deaths + 1)
        return Ended(self.runner.fail(trial, f"{guess}{how}, {deaths} times"), reused=False)
