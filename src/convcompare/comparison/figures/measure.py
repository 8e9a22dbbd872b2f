"""Definition of a figure that verdicts can be about: how it is read, and by which test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from convcompare.store.run import Run
from convcompare.store.run_store import RunStore

from ..predictions import Labels, Logits
from ..quantity import Quantity

Test = Literal["accuracy", "mean", "ratio", "times", "spread", "counted"]
"""Test of two networks. "accuracy": as in `contrasts`. "mean": paired t-test of differences.
"ratio": paired t-test of log ratios. "times": the same if all runs reach a level, otherwise the
paired Prentice–Wilcoxon test. "spread": ratio of standard deviations. "counted": counts that do not
vary with the seed."""
Scores = Callable[[Logits, Labels], npt.NDArray[np.float64]]
"""Function that returns a figure of each image, (n,), whose mean is that of a run."""
AGAIN = "--fresh"
"""Option that trains runs again and records everything that this version can record."""
EVERY_EPOCH = "--evaluate every"
"""Option that records the test figures of every epoch."""


@dataclass(frozen=True)
class Measure:
    """A figure by its name in ``--verdict-on``, and how verdicts on it are made.

    ``of_run`` reads it from a run: None if it was not recorded, `censored.NEVER` for a level that
    was not reached. ``margin`` is the equivalence margin, a difference or the logarithm of a ratio;
    None if there is none. ``of_images`` computes the figure of each test image, for networks with
    one seed. ``recorded_by`` are the options with which the same command records the figure, None
    if no option does.
    """

    name: str
    quantity: Quantity
    test: Test
    of_run: Callable[[Run, RunStore], float | None]
    margin: float | None = None
    of_images: Scores | None = None
    recorded_by: str | None = AGAIN
    on_device: bool = False
    """Whether the figure depends on the kind of device alone, as memory does."""
    untrained: bool = False
    """Whether the figure is of the network before training."""
    epochs: int = 0
    """Number of epochs that a run must have."""
    undefined: str = ""
    """Data without a value, as text after "it has no value"; empty if there are none."""

    @property
    def grows(self) -> bool:
        """Whether the figure changes with further epochs; counts and times do not."""
        return not (self.quantity.timed or self.untrained or self.test == "counted")
