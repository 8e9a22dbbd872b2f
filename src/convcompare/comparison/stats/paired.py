"""Tests and intervals of the mean difference of two networks trained with the same seeds.

Differences are model minus baseline, one per seed. `t_test` estimates the spread from these
differences alone, `moderated` from other networks too.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, stdev

import numpy as np
import numpy.typing as npt

from . import estimates
from .estimates import ALPHA, Estimate

EXACT_UP_TO = 20
"""Maximum number of seeds for which all 2^n assignments of signs are enumerated."""
DRAWS = 100_000
"""Number of random assignments of signs for more seeds."""
ROUNDING = 1e-9
"""Differences in accuracy below this are float64 rounding and count as equal."""


Interval = tuple[float | None, float | None]
"""Ends of an interval; None if there is none."""


@dataclass(frozen=True)
class Spread:
    """Standard deviation of paired differences, and its degrees of freedom."""

    deviation: float
    freedom: int

    def upper(self, alpha: float = ALPHA) -> Spread:
        """Return the upper confidence limit of the true deviation, of level 1 - alpha.

        It is from the chi-squared distribution of the variance of normal differences.
        """
        from scipy.special import chdtri

        smallest = float(chdtri(self.freedom, 1 - alpha))
        return replace(self, deviation=self.deviation * math.sqrt(self.freedom / smallest))


@dataclass(frozen=True)
class PairedTest:
    """A mean difference with its interval, two-sided p-value and effect size.

    ``effect_size`` is Hedges' g of paired differences: their mean in units of their standard
    deviation, corrected for few seeds; None for two seeds or without a spread. ``interval`` returns
    the ends at any level. ``spreads`` are those with which the mean was compared: several if each
    of several t-tests must reject, none if it was not a t-test. ``moderated`` is whether other
    networks contribute to one of them. ``p_paired`` is the p-value of the plain paired t-test.
    """

    difference: Estimate
    p: float
    effect_size: float | None = None
    interval: Callable[[float], Interval] = lambda _: (None, None)
    spreads: tuple[Spread, ...] = ()
    moderated: bool = False
    p_paired: float | None = None

    def at(self, level: float) -> Estimate:
        """Return the difference with the interval at another level."""
        low, high = self.interval(level)
        return replace(self.difference, low=low, high=high)

    def mapped(self, function: Callable[[float], float]) -> PairedTest:
        """Return the test with an increasing function of its difference and of all intervals."""

        def interval(level: float) -> Interval:
            found = self.at(level).mapped(function)
            return found.low, found.high

        return PairedTest(self.difference.mapped(function), self.p, self.effect_size, interval)

    def equivalence(self, margin: float) -> float:
        """Return the p-value of "the true mean difference is at least `margin` away from zero".

        It is the larger p-value of two one-sided t-tests (Schuirmann 1987, doi:10.1007/BF01068419);
        if it is at most alpha, the difference is smaller than the margin in either direction. It is
        1 for one seed. If all differences are equal, the one-sided sign-flip test is used instead.
        """
        n, beyond = self.difference.n, abs(self.difference.value) - margin
        if n < 2:
            return 1.0
        if not self.spreads:
            return 2.0**-n if beyond < 0 else 1.0
        return max(_below(beyond, spread, n) for spread in self.spreads)


def t_test(differences: Sequence[float]) -> PairedTest:
    """Return Student's paired t-test (Student 1908, doi:10.1093/biomet/6.1.1).

    If all differences are equal, the t statistic would be infinite; the exact sign-flip test is
    used instead, without an interval.

    Raises:
        ValueError: if there are fewer than two differences.
    """
    n = len(differences)
    if n < 2:
        raise ValueError("a paired t-test needs two differences or more")
    spread = stdev(differences)
    if spread <= ROUNDING:
        method = f"exact sign-flip over {n} seeds (all differences are equal)"
        estimate = Estimate(mean_difference(differences), None, None, n, method)
        p = sign_flip(differences)
        return PairedTest(estimate, p, p_paired=p)
    return _student(differences, (Spread(spread, n - 1),), f"paired t over {n} seeds")


def moderated(
    differences: Sequence[float],
    variance: float,
    freedom: int,
    guarded: bool = False,
) -> PairedTest:
    """Return the paired t-test with a variance that is shrunk towards that of other networks.

    This is the moderated t of Smyth (2004, doi:10.2202/1544-6115.1027). With s² the variance of
    these n differences, its variance is (freedom·variance + (n - 1)·s²)/(freedom + n - 1) on
    freedom + n - 1 degrees of freedom.

    Args:
        differences: Differences by seed, (n,).
        variance: Variance of a paired difference, from all networks.
        freedom: Weight of that variance, in degrees of freedom.
        guarded: Whether the plain paired t-test must reject too, so that the larger p-value and the
            wider interval are used.
    """
    n, plain = len(differences), t_test(differences)
    own = deviation(differences) ** 2
    pooled = (freedom * variance + (n - 1) * own) / (freedom + n - 1)
    if math.sqrt(pooled) <= ROUNDING or (guarded and not plain.spreads):
        return replace(plain, moderated=True)
    spreads = (Spread(math.sqrt(pooled), freedom + n - 1), *(plain.spreads if guarded else ()))
    method = f"moderated paired t over {n} seeds"
    if guarded:
        method += ", the weaker of it and the plain one"
    test = _student(differences, spreads, method)
    return replace(test, moderated=True, p_paired=plain.p, effect_size=plain.effect_size)


def _student(differences: Sequence[float], spreads: tuple[Spread, ...], method: str) -> PairedTest:
    """Return Student's t-test of the mean with each of these spreads, all of which must reject."""
    from scipy.special import stdtrit

    n, value = len(differences), mean_difference(differences)

    def interval(level: float) -> Interval:
        half = max(
            float(stdtrit(one.freedom, 1 - level / 2)) * one.deviation / math.sqrt(n)
            for one in spreads
        )
        return value - half, value + half

    p = max(2 * _below(-abs(value), one, n) for one in spreads)
    own = deviation(differences)
    effect = hedges(value / own, n) if own else None
    estimate = Estimate(value, *interval(ALPHA), n, method)
    return PairedTest(estimate, p, effect, interval, spreads, p_paired=p)


def _below(value: float, spread: Spread, n: int) -> float:
    """Return the probability that the t statistic of n differences is below that of this mean."""
    from scipy.special import stdtr

    return float(stdtr(spread.freedom, value / spread.deviation * math.sqrt(n)))


def hedges(d_z: float, n: int) -> float | None:
    """Return Cohen's d_z of n differences without its bias (Hedges 1981).

    doi:10.3102/10769986006002107. The exact factor, from the gamma function, is 0.80 for 5 seeds
    and 0.92 for 10. None for two seeds, for which the factor is 0.
    """
    df = n - 1
    if df < 2:
        return None
    factor = math.exp(math.lgamma(df / 2) - math.lgamma((df - 1) / 2)) / math.sqrt(df / 2)
    return factor * d_z


def sign_flip(differences: Sequence[float]) -> float:
    """Return the p-value of sign flips of the mean (Fisher 1935, *The Design of Experiments*, §21).

    If the networks are equal, every difference has either sign with equal probability. The p-value
    is the share of all 2^n assignments of signs whose mean is at least as far from zero. Above 20
    seeds, it is estimated from 100,000 random assignments, from a fixed seed, including the
    observed one (Phipson and Smyth 2010, doi:10.2202/1544-6115.1585). With few seeds it cannot be
    small, so it is reported beside the t-test and decides nothing.

    Raises:
        ValueError: if there is no difference.
    """
    values = np.asarray(differences, dtype=np.float64)
    if not len(values):
        raise ValueError("a sign-flip test needs a difference")
    exact = len(values) <= EXACT_UP_TO
    sums = _all_subsets(values) if exact else _flips(len(values)) @ values
    total = float(values.sum())
    as_far = int(np.sum(np.abs(total - 2 * sums) >= abs(total) - ROUNDING))
    return (as_far + (not exact)) / (len(sums) + (not exact))


def ratio(costs: Sequence[float], baseline_costs: Sequence[float]) -> Estimate:
    """Return the geometric mean of the ratios of costs, paired by seed, with a t interval of logs.

    There is no interval for one seed.
    Logarithms give "twice as slow" and "twice as fast" the same weight (Fleming and Wallace 1986,
    doi:10.1145/5666.5673).

    Args:
        costs: Positive costs of the model by seed, (n,).
        baseline_costs: Positive costs of the baseline for the same seeds, (n,).
    """
    logs = [math.log(a / b) for a, b in zip(costs, baseline_costs, strict=True)]
    log = estimates.mean(logs)
    method = f"geometric mean over {log.n} seeds, t interval" if log.n > 1 else "one run each"
    return replace(log.mapped(math.exp), method=method)


def _all_subsets(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the sum of every subset of n values, (2^n,), the empty one first."""
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums, sums + value])
    return sums


@functools.lru_cache(maxsize=1)
def _flips(count: int) -> npt.NDArray[np.bool_]:
    """Return random signs, (DRAWS, count), from a fixed seed: True for the opposite sign."""
    return np.random.Generator(np.random.PCG64(0)).random((DRAWS, count)) < 0.5


def mean_difference(differences: Sequence[float]) -> float:
    """Return the mean of differences; exactly 0 if it is within rounding of 0."""
    value = fmean(differences)
    return value if abs(value) > ROUNDING else 0.0


def deviation(differences: Sequence[float]) -> float:
    """Return the standard deviation of two or more differences; 0 if it is within rounding."""
    spread = stdev(differences)
    return spread if spread > ROUNDING else 0.0
