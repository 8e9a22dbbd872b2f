"""Number of attempts at a trial whose process dies; the same for every executor."""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING

from convcompare.store.run import Trial

from .events import Ended, WorkerDied

if TYPE_CHECKING:
    from .trial_runner import TrialRunner

ATTEMPTS = 3
"""Number of processes that may die in one trial."""


class RetryCounter:
    """Counts the processes that died in each trial.

    Only deaths count. A network that raises an exception, runs out of memory detectably or diverges
    would do so again, and executors do not repeat it.
    """

    def __init__(self, runner: TrialRunner) -> None:
        self.runner = runner
        self.counts: collections.Counter[str] = collections.Counter()

    def another(self, trial: Trial, how: str, guess: str = "") -> WorkerDied | Ended:
        """Count one more death and return whether the trial is repeated or has failed.

        Args:
            trial: The trial whose process died.
            how: What died and how, for the message.
            guess: Prefix of the final message with the likely cause.
        """
        self.counts[trial.id] += 1
        deaths = self.counts[trial.id]
        if deaths < ATTEMPTS:
            return WorkerDied(trial, how, deaths + 1)
        return Ended(self.runner.fail(trial, f"{guess}{how}, {deaths} times"), reused=False)
