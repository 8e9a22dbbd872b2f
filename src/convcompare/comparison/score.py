"""The figure that verdicts on accuracy are about: the last epoch's, or a mean of the last ones.

Under a constant learning rate the weights still jump from epoch to epoch when a training ends. This
jitter has nothing to do with the network: the mean of the last five epochs has 64 % of the paired
variance over seeds of the last epoch alone on CIFAR-10, and 35 % on MNIST
(docs/concepts/statistics.md). It is chosen before anything is run, by the configuration alone.
"""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from convcompare.core.config import LAST_EPOCHS
from convcompare.core.errors import UsageError, did_you_mean, quote

if TYPE_CHECKING:
    from convcompare.core.config import TrainConfig
    from convcompare.store.run import Run

LAST = "last"
EPOCHS = LAST_EPOCHS
"""Epochs whose mean is taken where nothing else is asked for."""
FEWEST = 10
"""Epochs of a training from which on it is taken."""
_MEAN = re.compile(r"mean:([1-9]\d{0,4})", re.ASCII)


@dataclass(frozen=True)
class Score:
    """Test accuracy over the last `epochs` epochs, a mean; one epoch is the one that counts."""

    epochs: int = 1

    @classmethod
    def parse(cls, text: str) -> Score:
        """``last`` or ``mean:5``; UsageError for anything else."""
        if text == LAST:
            return cls()
        found = _MEAN.fullmatch(text)
        if not found:
            raise UsageError(
                f"invalid value for `--score`: {quote(text)}",
                did_you_mean(text, [LAST, f"mean:{EPOCHS}"]) or f"last, or mean:{EPOCHS}",
            )
        return cls(int(found[1]))

    def __str__(self) -> str:
        return LAST if self.epochs == 1 else f"mean:{self.epochs}"

    @property
    def words(self) -> str:
        """What it is, for under a table; empty for the last epoch alone."""
        return "" if self.epochs == 1 else f"mean test accuracy of the last {self.epochs} epochs"

    def of(self, run: Run) -> float:
        """The score of a run, a fraction; NaN where it has no epoch, or one was not evaluated."""
        if self.epochs == 1 or not run.history:
            return run.test_accuracy
        found = [epoch.test_accuracy for epoch in run.history[-self.epochs :]]
        return statistics.fmean(math.nan if one is None else one for one in found)


LAST_EPOCH = Score()
"""The epoch that counts, alone."""


def choose(asked: str | None, configs: Iterable[TrainConfig]) -> Score:
    """The score of a comparison, by what was asked for or by how all its networks are trained.

    The mean of the last EPOCHS epochs under a constant learning rate and FEWEST epochs or more, the
    last epoch otherwise. Raises UsageError where an epoch is selected, there are fewer epochs, or
    fewer that are evaluated.
    """
    trainings = list(configs)
    fewest = min(config.epochs for config in trainings)
    selected = any(config.select != "last" for config in trainings)
    if asked is None:
        steady = all(config.schedule == "constant" for config in trainings)
        return Score(EPOCHS if steady and not selected and fewest >= FEWEST else 1)
    score = Score.parse(asked)
    if score.epochs > 1 and selected:
        raise UsageError(
            "`--score` and `--select best` cannot be combined", "the epoch that is selected counts"
        )
    if score.epochs > fewest:
        raise UsageError(
            f"`--score {score}` takes more epochs than the {fewest} of a training",
            f"`--score last`, or mean:{max(1, fewest // 2)}",
        )
    if score.epochs > LAST_EPOCHS and any(config.evaluate == "last" for config in trainings):
        raise UsageError(
            f"`--score {score}` takes more epochs than the {LAST_EPOCHS} that `--evaluate last` "
            "measures",
            f"`--score mean:{LAST_EPOCHS}`, or `--evaluate every`",
        )
    return score
