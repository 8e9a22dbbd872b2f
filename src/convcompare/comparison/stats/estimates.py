"""Estimates with intervals, and Holm's procedure. Every method names its source."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist, fmean, stdev
from typing import Any, NamedTuple

ALPHA = 0.05
"""Significance level."""
LEVEL = 1 - ALPHA
"""Confidence level of intervals."""


@dataclass(frozen=True)
class Estimate:
    """A value with its interval, the number of observations, and the method.

    ``low`` and ``high`` are None if there is no interval, for example of one observation.
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
        """Ends of the interval; None if there is none."""
        return None if self.low is None or self.high is None else (self.low, self.high)

    @property
    def bare(self) -> Estimate:
        """The estimate without its interval."""
        return replace(self, low=None, high=None)

    def mapped(self, function: Callable[[float], float]) -> Estimate:
        """Return the estimate with a monotone function of its value and of the ends."""
        low, high = sorted(map(function, self.ends)) if self.ends else (None, None)
        return replace(self, value=function(self.value), low=low, high=high)

    @property
    def half_width(self) -> float | None:
        """Half the length of the interval; None if there is none."""
        return None if self.ends is None else (self.ends[1] - self.ends[0]) / 2


def inverse(ratio: Estimate) -> Estimate:
    """Return the inverse of a ratio, with its interval; infinite for 0."""
    return ratio.mapped(lambda value: 1 / value if value else math.inf)


def finite(value: float | None) -> float | None:
    """Return a value for JSON, which has no NaN and no infinity; None for these."""
    return value if value is not None and math.isfinite(value) else None


def estimate_json(estimate: Estimate | None) -> dict[str, Any] | None:
    """Return the JSON object of an estimate."""
    return None if estimate is None else dict(vars(estimate))


def mean(values: Sequence[float]) -> Estimate:
    """Return the mean with Student's t interval (Student 1908, doi:10.1093/biomet/6.1.1).

    There is no interval for one value.
    """
    value = fmean(values)
    if len(values) < 2:
        return Estimate(value, None, None, len(values), "single run")
    from scipy.special import stdtrit

    t = float(stdtrit(len(values) - 1, 1 - ALPHA / 2))
    half = t * stdev(values) / math.sqrt(len(values))
    return Estimate(value, value - half, value + half, len(values), "mean of seeds, t interval")


FEWEST = 3
"""Minimum number of seeds for an interval or a test: with two, the interval would be ± 12.7
standard errors, and their spread is too rough to plan further seeds by."""


def over_seeds(values: Sequence[float]) -> Estimate:
    """Return the mean over seeds, with an interval from `FEWEST` seeds."""
    found = mean(values)
    return found.bare if len(values) < FEWEST else found


def prediction(values: Sequence[float]) -> Estimate:
    """Return the prediction interval of one more run: Student's t, deviation s·sqrt(1 + 1/n)."""
    around = mean(values)
    if around.half_width is None:
        return around
    half = around.half_width * math.sqrt(len(values) + 1)
    low, high = around.value - half, around.value + half
    return Estimate(around.value, low, high, len(values), "one more run, t interval")


def share(hits: int, n: int) -> Estimate:
    """Return a share of n images with Wilson's interval.

    The interval is about the draw of the test images for one trained network, not about the seed.
    """
    return Estimate(hits / n, *share_interval(hits, n), n, "one run, Wilson interval over images")


def share_interval(hits: int, n: int, alpha: float = ALPHA) -> tuple[float, float]:
    """Return Wilson's interval of a share of n (Wilson 1927, doi:10.2307/2276774)."""
    return wilson(hits / n, n, NormalDist().inv_cdf(1 - alpha / 2))


def wilson(p: float, n: float, z: float) -> tuple[float, float]:
    """Return Wilson's interval of a share `p` of n images, of `z` standard errors on each side."""
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    return centre - half, centre + half


def smallest(holds: Callable[[float], bool], high: float = 1.0) -> float:
    """Return the smallest positive number for which a condition holds, by bisection.

    It must hold for all larger numbers, too. The search starts below `high`.
    """
    low = 0.0
    while not holds(high):
        high *= 2
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


Levels = Callable[[int], float]
"""Level of a test as a decreasing function of the number of hypotheses."""


def bonferroni(hypotheses: int) -> float:
    """Return Bonferroni's level of each test: alpha over the number of hypotheses."""
    return ALPHA / hypotheses


class Holm(NamedTuple):
    """Results of Holm's procedure for each test, in the given order.

    Rejecting hypotheses with an ``adjusted`` p-value of at most alpha gives any false rejection
    with a probability of at most alpha, whatever the dependence between the tests. ``steps`` are
    the numbers of hypotheses left when each was tested: from all of the family down by one with
    every rejection, and the same for all that are left at the first that is not rejected. An
    interval of the level of this step therefore excludes zero exactly if the hypothesis is
    rejected. Being at least as wide as the unadjusted interval, it covers at least as often.
    """

    adjusted: list[float]
    steps: list[int]


def holm(p_values: Sequence[float], level_of: Levels = bonferroni, held: int = 0) -> Holm:
    """Test a family of hypotheses by Holm's procedure (Holm 1979, jstor.org/stable/4615733).

    Args:
        p_values: p-values of the tests.
        level_of: Level of a test by number of hypotheses; lower at one of several looks.
        held: Number of further hypotheses in the family that are not tested now.
    """
    tests = len(p_values)
    found = Holm([0.0] * tests, [0] * tests)
    largest, left, rejecting = 0.0, held + tests, True
    for rank, i in enumerate(sorted(range(tests), key=p_values.__getitem__)):
        factor = ALPHA / level_of(held + tests - rank)
        largest = max(largest, min(1.0, factor * p_values[i]))
        found.adjusted[i], found.steps[i] = largest, left
        rejecting = rejecting and p_values[i] <= level_of(left)
        left -= rejecting
    return found
