"""Estimates with intervals. Every method names its source."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, stdev

LEVEL = 0.95


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
    def half_width(self) -> float | None:
        """Half the length of the interval."""
        if self.low is None or self.high is None:
            return None
        return (self.high - self.low) / 2


def mean(values: Sequence[float]) -> Estimate:
    """The mean over runs with Student's t interval (Student 1908, doi:10.1093/biomet/6.1.1)."""
    value = fmean(values)
    if len(values) < 2:
        return Estimate(value, None, None, len(values), "single run")
    from scipy.special import stdtrit

    t = float(stdtrit(len(values) - 1, (1 + LEVEL) / 2))
    half = t * stdev(values) / math.sqrt(len(values))
    return Estimate(value, value - half, value + half, len(values), "mean of seeds, t interval")


def share(hits: int, n: int) -> Estimate:
    """A share of n images with Wilson's interval (Wilson 1927, doi:10.2307/2276774).

    It covers the draw of the test images for one trained network, not the draw of the seed.
    """
    z = NormalDist().inv_cdf((1 + LEVEL) / 2)
    p = hits / n
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    return Estimate(p, centre - half, centre + half, n, "one run, Wilson interval over images")
