"""Estimates with intervals. Every method names its source."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist, fmean, stdev
from typing import Any

ALPHA = 0.05
"""The probability of a false claim that a test may have: its level of significance."""
LEVEL = 1 - ALPHA
"""The probability with which an interval covers."""


@dataclass(frozen=True)
class Estimate:
    """A value, the interval around it, the number of observations, and how it was made.

    ``low`` and ``high`` are None where one observation allows no interval.
    """

    value: float
    low: float | None
    high: float | None
    n: int
    method: str

    def __float__(self) -> float:
        return self.value

    @property
    def ends(self) -> tuple[float, float] | None:
        """Those of the interval, if there is one."""
        return None if self.low is None or self.high is None else (self.low, self.high)

    @property
    def bare(self) -> Estimate:
        """The same without an interval."""
        return replace(self, low=None, high=None)

    @property
    def half_width(self) -> float | None:
        """Half the length of the interval."""
        return None if self.ends is None else (self.ends[1] - self.ends[0]) / 2


def inverse(ratio: Estimate) -> Estimate:
    """The ratio of two figures in the other order; infinite for 0."""

    def turn(value: float) -> float:
        return 1 / value if value else math.inf

    low, high = (None if end is None else turn(end) for end in (ratio.high, ratio.low))
    return replace(ratio, value=turn(ratio.value), low=low, high=high)


def estimate_json(estimate: Estimate | None) -> dict[str, Any] | None:
    """What JSON objects have of an estimate."""
    return None if estimate is None else dict(vars(estimate))


def mean(values: Sequence[float]) -> Estimate:
    """The mean over runs with Student's t interval (Student 1908, doi:10.1093/biomet/6.1.1)."""
    value = fmean(values)
    if len(values) < 2:
        return Estimate(value, None, None, len(values), "single run")
    from scipy.special import stdtrit

    t = float(stdtrit(len(values) - 1, 1 - ALPHA / 2))
    half = t * stdev(values) / math.sqrt(len(values))
    return Estimate(value, value - half, value + half, len(values), "mean of seeds, t interval")


FEWEST = 3
"""Seeds from which on a mean is shown with an interval: that of two is 12.7 standard errors."""


def over_seeds(values: Sequence[float]) -> Estimate:
    """The mean over seeds as it is shown: with an interval from FEWEST seeds on."""
    found = mean(values)
    return found.bare if len(values) < FEWEST else found


def prediction(values: Sequence[float]) -> Estimate:
    """Where one more run would be: Student's t interval with the deviation s·sqrt(1 + 1/n)."""
    around = mean(values)
    if around.half_width is None:
        return around
    half = around.half_width * math.sqrt(len(values) + 1)
    low, high = around.value - half, around.value + half
    return Estimate(around.value, low, high, len(values), "one more run, t interval")


def share(hits: int, n: int) -> Estimate:
    """A share of n images with Wilson's interval.

    It covers the draw of the test images for one trained network, not the draw of the seed.
    """
    return Estimate(hits / n, *share_interval(hits, n), n, "one run, Wilson interval over images")


def share_interval(hits: int, n: int, alpha: float = ALPHA) -> tuple[float, float]:
    """Wilson's interval of a share of n (Wilson 1927, doi:10.2307/2276774)."""
    return wilson(hits / n, n, NormalDist().inv_cdf(1 - alpha / 2))


def wilson(p: float, n: float, z: float) -> tuple[float, float]:
    """Wilson's interval of a share `p` of n images, `z` standard errors to either side."""
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    return centre - half, centre + half


Levels = Callable[[int], float]
"""The level of a test by the number of hypotheses that it is one of; it falls as they grow."""


def bonferroni(hypotheses: int) -> float:
    """The level of each of so many tests: alpha/m."""
    return ALPHA / hypotheses


def holm(
    p_values: Sequence[float],
    level_of: Levels = bonferroni,
    held: int = 0,
) -> list[float]:
    """Holm's adjusted p-values, in the order given (Holm 1979, jstor.org/stable/4615733).

    Claiming what is adjusted to alpha or less makes any false claim among all of them with
    probability at most that, whatever the dependence between the tests. ``level_of`` gives their
    levels, which are less at one of several looks. ``held`` further hypotheses belong to the family
    and are not tested now.
    """
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(_by_size(p_values)):
        factor = ALPHA / level_of(held + len(p_values) - rank)
        largest = max(largest, min(1.0, factor * p_values[i]))
        adjusted[i] = largest
    return adjusted


def holm_steps(
    p_values: Sequence[float], level_of: Levels = bonferroni, held: int = 0
) -> list[int]:
    """Of how many hypotheses each was one when Holm's procedure tested it, in the order given.

    It begins at m = the tests and those `held`, and falls with every claim; all that is left when
    the first claim fails is tested at that step. An interval of the level of that many therefore
    excludes zero exactly where Holm claims a difference, and being at least as wide as the plain
    one it covers at least as often.
    """
    steps, step = [0] * len(p_values), held + len(p_values)
    claiming = True
    for i in _by_size(p_values):
        steps[i] = step
        claiming = claiming and p_values[i] <= level_of(step)
        step -= claiming
    return steps


def _by_size(values: Sequence[float]) -> list[int]:
    return sorted(range(len(values)), key=lambda i: values[i])
