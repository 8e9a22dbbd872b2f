"""The score of a run: the accuracy that verdicts use, of the last epoch or a mean of the last ones.

Under a constant learning rate, the weights still fluctuate from epoch to epoch at the end of a
training. The mean of the last five epochs has 64 % of the paired variance over seeds of the last
epoch alone on CIFAR-10, and 35 % on MNIST (docs/concepts/statistics.md). The score is chosen before
the first run, by the configuration alone.
"""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from convcompare.core.config import LAST_EPOCHS
from convcompare.core.errors import UsageError, did_you_mean, exclusive, invalid

if TYPE_CHECKING:
    from convcompare.core.config import TrainConfig
    from convcompare.store.run import Run

LAST = "last"
EPOCHS = LAST_EPOCHS
"""Number of epochs in the default mean."""
FEWEST = 10
"""Minimum number of epochs of a training for which the mean is the default."""
_MEAN = re.compile(r"mean:([1-9]\d{0,4})", re.ASCII)


@dataclass(frozen=True)
class Score:
    """Mean test accuracy of the last `epochs` epochs; if 1, that of the selected epoch."""

    epochs: int = 1

    @classmethod
    def parse(cls, text: str) -> Score:
        """Parse ``last`` or ``mean:5``. Raises UsageError for anything else."""
        if text == LAST:
            return cls()
        found = _MEAN.fullmatch(text)
        if not found:
            hint = did_you_mean(text, [LAST, f"mean:{EPOCHS}"]) or f"last, or mean:{EPOCHS}"
            raise invalid("--score", text, hint)
        return cls(int(found[1]))

    def __str__(self) -> str:
        return LAST if self.epochs == 1 else f"mean:{self.epochs}"

    @property
    def words(self) -> str:
        """Description for the note of a table; empty for the last epoch alone."""
        return "" if self.epochs == 1 else f"mean test accuracy of the last {self.epochs} epochs"

    def of(self, run: Run) -> float:
        """Return the score of a run, a fraction; NaN without epochs or if one was not evaluated."""
        if self.epochs == 1 or not run.history:
            return run.test_accuracy
        found = [epoch.test_accuracy for epoch in run.history[-self.epochs :]]
        return statistics.fmean(math.nan if one is None else one for one in found)


LAST_EPOCH = Score()
"""Score of the selected epoch alone."""


def choose(requested: str | None, configs: Iterable[TrainConfig]) -> Score:
    """Return the score of a comparison.

    The default is the mean of the last `EPOCHS` epochs if all networks are trained with a constant
    learning rate for at least `FEWEST` epochs and no epoch is selected; otherwise the last epoch.

    Args:
        requested: Requested score; None for the default.
        configs: Training configurations of all networks.

    Raises:
        UsageError: if a mean is combined with the selection of an epoch, or if it takes more epochs
            than are trained or evaluated.
    """
    trainings = list(configs)
    fewest = min(config.epochs for config in trainings)
    selected = any(config.select != "last" for config in trainings)
    if requested is None:
        steady = all(config.schedule == "constant" for config in trainings)
        return Score(EPOCHS if steady and not selected and fewest >= FEWEST else 1)
    score = Score.parse(requested)
    if score.epochs > 1 and selected:
        raise exclusive("--score", "--select best", "the epoch that is selected counts")
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
