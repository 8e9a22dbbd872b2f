"""Tests of the seed-to-seed spread of two networks: ratios of standard deviations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist, correlation, stdev

import numpy as np
import numpy.typing as npt

from .estimates import ALPHA, Estimate, smallest
from .paired import PairedTest

FEWEST = 10
"""Minimum number of seeds to compare standard deviations. With 5 seeds, a true ratio of 1 is
measured as more than 2.4 or less than 0.42 in one of ten pairs."""


def ratio(values: Sequence[float], baseline: Sequence[float]) -> PairedTest:
    """Return the ratio of two standard deviations, paired by seed, by two tests.

    The tests are `pitman_morgan` and `bonett`; the larger p-value and the wider interval are used.
    Pitman and Morgan's test mistakes a long tail for a difference, and a choice between the tests
    by a test of normality still has too many false positives.

    Args:
        values: Figures of the model by seed, (n,), with n at least `FEWEST`.
        baseline: Figures of the baseline for the same seeds, (n,).

    Raises:
        ValueError: if there are too few seeds, or a network does not vary at all.
    """
    if len(values) != len(baseline) or len(values) < FEWEST:
        raise ValueError(f"{FEWEST} pairs or more, got {len(values)} and {len(baseline)}")
    if not stdev(values) or not stdev(baseline):
        raise ValueError("figures that do not vary have no ratio of deviations")
    made = pitman_morgan(values, baseline), bonett(values, baseline)

    def interval(level: float) -> tuple[float, float]:
        ends = [end for one in made for end in one.interval(level) if end is not None]
        return min(ends), max(ends)

    method = f"Pitman–Morgan and Bonett over {len(values)} seeds, the weaker of both"
    value = made[0].difference.value
    estimate = Estimate(value, *interval(ALPHA), len(values), method)
    return PairedTest(estimate, max(one.p for one in made), interval=interval)


def pitman_morgan(values: Sequence[float], baseline: Sequence[float]) -> PairedTest:
    """Return the ratio of standard deviations of pairs from a bivariate normal distribution.

    The variances are equal exactly if sums and differences are uncorrelated (Pitman 1939,
    doi:10.1093/biomet/31.1-2.9; Morgan 1939, doi:10.1093/biomet/31.1-2.13), which is tested by t
    with n - 2 degrees of freedom. The interval contains the ratios that the same test does not
    reject.
    """
    from scipy.special import stdtr, stdtrit

    n = len(values)
    a, b = stdev(values), stdev(baseline)
    r = correlation(values, baseline)
    square, freedom = (a / b) ** 2, n - 2
    unshared = max(1 - r**2, 1e-15)
    t = (square - 1) * math.sqrt(freedom) / (2 * a / b * math.sqrt(unshared))
    p = 2 * float(stdtr(freedom, -abs(t)))

    def interval(level: float) -> tuple[float, float]:
        quantile = float(stdtrit(freedom, 1 - level / 2))
        k = 1 + 2 * unshared * quantile**2 / freedom
        reach = math.sqrt(k + math.sqrt(k**2 - 1))
        return a / b / reach, a / b * reach

    estimate = Estimate(a / b, *interval(ALPHA), n, f"Pitman–Morgan over {n} seeds")
    return PairedTest(estimate, p, interval=interval)


def bonett(values: Sequence[float], baseline: Sequence[float]) -> PairedTest:
    """Return the ratio of standard deviations of skewed or long-tailed figures.

    The test divides the logarithm of the ratio by a standard error from the pooled kurtosis about
    trimmed means (Bonett 2006, doi:10.1177/0146621605279551). The interval contains the ratios that
    the same test does not reject; the kurtosis is pooled again for each of them, so that the result
    does not depend on the unit. The method is made for independent samples: it ignores the
    covariance of the two variances, which is positive for pairs, so that the interval is too wide
    rather than too narrow.
    """
    a, b = _moments(values), _moments(baseline)
    n, log = len(values), math.log(stdev(values) / stdev(baseline))
    p = 2 * NormalDist().cdf(-abs(log) / _error(n, a, b))

    def end(quantile: float) -> float:
        """Return the ratio at `quantile` standard errors from the estimate."""
        sign = math.copysign(1, quantile)

        def outside(by: float) -> bool:
            return by >= abs(quantile) * _error(n, a, b, math.exp(log + sign * by))

        return math.exp(log + sign * smallest(outside))

    def interval(level: float) -> tuple[float, float]:
        quantile = NormalDist().inv_cdf(1 - level / 2)
        return end(-quantile), end(quantile)

    estimate = Estimate(math.exp(log), *interval(ALPHA), n, f"Bonett over {n} seeds")
    return PairedTest(estimate, p, interval=interval)


Moments = tuple[float, float]


def _moments(values: Sequence[float]) -> Moments:
    """Return the sum of fourth powers about the trimmed mean, and of squares about the mean."""
    found = np.asarray(values, dtype=np.float64)
    fourth = float(((found - _trimmed_mean(found)) ** 4).sum())
    return fourth, float(((found - found.mean()) ** 2).sum())


def _error(n: int, a: Moments, b: Moments, factor: float = 1.0) -> float:
    """Return the standard error of the logarithm of a ratio of standard deviations.

    The deviations of `b` are multiplied by `factor`.
    """
    fourth, second = a[0] + factor**4 * b[0], a[1] + factor**2 * b[1]
    kurtosis = 2 * n * fourth / second**2
    return math.sqrt(2 * max(kurtosis - (n - 3) / n, 1e-9) / (n - 1)) / 2


def _trimmed_mean(values: npt.NDArray[np.float64]) -> float:
    """Return the mean without the share 1/(2 sqrt(n - 4)) of the values at either end."""
    n = len(values)
    cut = int(n / (2 * math.sqrt(n - 4)))
    return float(np.sort(values)[cut : n - cut].mean())
