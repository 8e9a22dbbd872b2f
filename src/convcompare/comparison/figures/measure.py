"""A figure that verdicts can be about: where it is read, and by which test it is compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from convcompare.core.errors import UsageError
from convcompare.store.run import Run
from convcompare.store.run_store import RunStore

from ..predictions import Labels, Logits
from ..quantity import Quantity

Test = Literal["accuracy", "mean", "ratio", "times", "spread", "counted"]
"""How two networks are compared: by the test of accuracy; by the paired t-test of differences, of
log ratios, or of the second where all runs reach a level and the paired Prentice–Wilcoxon test
where some do not; by the ratio of standard deviations; by counts that no seed changes."""
Scores = Callable[[Logits, Labels], npt.NDArray[np.float64]]
"""A figure of each image (n,), whose mean is that of a run."""
AGAIN = "--fresh"
"""The option under which a run records all that this version can record."""
EVERY_EPOCH = "--evaluate every"
"""The option under which a run has the test figures of every epoch."""


@dataclass(frozen=True)
class Measure:
    """One figure by its name in ``--verdict-on``, and how verdicts on it are made.

    ``of_run`` reads it from a run: None where it was not recorded, `censored.NEVER` for a level
    that was not reached. ``margin`` is the difference, or the logarithm of the ratio, below which
    two networks are equivalent; None where there is no such size. ``of_images`` gives the figure
    of each test image, for networks that have run once. ``recorded_by`` are options under which
    the same command records it, None where no command can.
    """

    name: str
    quantity: Quantity
    test: Test
    of_run: Callable[[Run, RunStore], float | None]
    margin: float | None = None
    of_images: Scores | None = None
    recorded_by: str | None = AGAIN
    on_device: bool = False
    """Whether it depends on the kind of device alone, as memory does."""
    untrained: bool = False
    """Whether it is one of the network before the training."""
    epochs: int = 0
    """The epochs that a run must have for it."""
    undefined: str = ""
    """Of which data it has no value, in words that follow "it has no value"; empty for none."""

    @property
    def timed(self) -> bool:
        """Whether it depends on the machine, as times do."""
        return self.quantity.timed

    @property
    def grows(self) -> bool:
        """Whether it goes on changing with the epochs: counts and times do not."""
        return not (self.timed or self.untrained or self.test == "counted")


def metric_failed(name: str, run: Run, error: Exception) -> UsageError:
    """The error of a metric, of a plugin perhaps, that cannot be computed of a run."""
    return UsageError(
        f"the metric {name} cannot be computed of run {run.id}: {type(error).__name__}: {error}",
        "a metric takes logits (n, classes) and labels (n,), and returns one number",
    )
