"""Two networks trained with the same seeds: tests and intervals of their mean difference.

Differences are model minus baseline, one a seed. `t_test` takes its spread from these differences
alone, `moderated` also from other networks.
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
"""Seeds up to which all 2^n assignments of signs are counted."""
DRAWS = 100_000
"""Random assignments of signs above that."""
ROUNDING = 1e-9
"""Differences of accuracies that are closer than this are equal: the rest is float64 rounding."""


Interval = tuple[float | None, float | None]
"""The ends of an interval; None where there is none."""


def no_interval(_: float) -> Interval:
    """The estimate of a paired difference that allows no interval."""
    return None, None


@dataclass(frozen=True)
class Spread:
    """A standard deviation of paired differences, and the degrees of freedom that it has."""

    deviation: float
    freedom: int

    def upper(self, alpha: float = ALPHA) -> Spread:
        """The same with the upper limit of the true deviation, exceeded with probability alpha.

        By the chi-squared distribution of the variance of normal differences.
        """
        from scipy.special import chdtri

        smallest = float(chdtri(self.freedom, 1 - alpha))
        return replace(self, deviation=self.deviation * math.sqrt(self.freedom / smallest))


@dataclass(frozen=True)
class PairedTest:
    """A mean difference with its interval, the two-sided p-value, and the effect size.

    ``effect_size`` is Hedges' g of paired differences: their mean in units of their standard
    deviation, corrected for few seeds; None where two seeds or none of the spread allow none.
    ``interval`` gives the ends at any level. ``spreads`` are those that the mean was compared with:
    several where each of several t-tests has to reject, none where it was not a t-test.
    ``moderated`` is whether one of them rests on other networks, too. ``p_paired`` is that of the
    plain paired t-test.
    """

    difference: Estimate
    p: float
    effect_size: float | None = None
    interval: Callable[[float], Interval] = no_interval
    spreads: tuple[Spread, ...] = ()
    moderated: bool = False
    p_paired: float | None = None

    def at(self, level: float) -> Estimate:
        """The difference with the interval of another level: nothing is tested again."""
        low, high = self.interval(level)
        return replace(self.difference, low=low, high=high)

    def equivalence(self, margin: float) -> float:
        """The p-value of "the true mean difference is at least `margin` away from zero".

        Two one-sided t-tests (Schuirmann 1987, doi:10.1007/BF01068419), the larger p-value: where
        it is at most alpha, the difference is smaller than the margin, on either side. One seed
        proves nothing; where all differences are equal, the one-sided sign-flip test stands in.
        """
        n, beyond = self.difference.n, abs(self.difference.value) - margin
        if n < 2:
            return 1.0
        if not self.spreads:
            return 2.0**-n if beyond < 0 else 1.0
        return max(_below(beyond, spread, n) for spread in self.spreads)


def t_test(differences: Sequence[float]) -> PairedTest:
    """Student's paired t-test over two seeds or more (Student 1908, doi:10.1093/biomet/6.1.1).

    Differences that are all equal have no spread to compare the mean with, and the t statistic
    would be infinite: the exact sign-flip test stands in, and there is no interval.
    """
    n = len(differences)
    if n < 2:
        raise ValueError("a paired t-test needs two differences or more")
    spread = stdev(differences)
    if spread <= ROUNDING:
        return _equal(differences)
    return _student(differences, (Spread(spread, n - 1),), f"paired t over {n} seeds")


def moderated(
    differences: Sequence[float],
    variance: float,
    freedom: int,
    guarded: bool = False,
) -> PairedTest:
    """The paired t-test with a variance that is drawn towards that of other networks.

    The moderated t of Smyth (2004, doi:10.2202/1544-6115.1027): with s² the variance of these n
    differences, (freedom·variance + (n - 1)·s²)/(freedom + n - 1) on freedom + n - 1 degrees of
    freedom, `freedom` being the weight of the variance of others. ``guarded``: the plain paired t
    has to reject, too, so that the larger p-value and the wider interval count.
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
    """Student's t-test of the mean with each of these spreads, all of which have to reject."""
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
    """The probability that the t statistic of n differences is below that of this mean."""
    from scipy.special import stdtr

    return float(stdtr(spread.freedom, value / spread.deviation * math.sqrt(n)))


def _equal(differences: Sequence[float]) -> PairedTest:
    """The sign-flip test of differences that are all the same."""
    n, p = len(differences), sign_flip(differences)
    method = f"exact sign-flip over {n} seeds (all differences are equal)"
    return PairedTest(Estimate(mean_difference(differences), None, None, n, method), p, p_paired=p)


def hedges(d_z: float, n: int) -> float | None:
    """Cohen's d_z of n differences without its bias (Hedges 1981, 10.3102/10769986006002107).

    The exact factor, by the gamma function: 0.80 for 5 seeds, 0.92 for 10. It is 0 for two seeds,
    which allow no estimate: None.
    """
    df = n - 1
    if df < 2:
        return None
    factor = math.exp(math.lgamma(df / 2) - math.lgamma((df - 1) / 2)) / math.sqrt(df / 2)
    return factor * d_z


def sign_flip(differences: Sequence[float]) -> float:
    """The p-value of sign flips of the mean (Fisher 1935, *The Design of Experiments*, §21).

    If the networks are alike, every difference is as likely with the other sign: p is the share of
    all 2^n assignments whose mean is as far from zero. Above 20 seeds, of 100,000 random ones, the
    observed counted in (Phipson and Smyth 2010, doi:10.2202/1544-6115.1585), from a fixed seed. It
    can say nothing with few seeds: it is reported beside the t-test, and decides nothing.
    """
    values = np.asarray(differences, dtype=np.float64)
    if not len(values):
        raise ValueError("a sign-flip test needs a difference")
    exact = len(values) <= EXACT_UP_TO
    sums = _all_subsets(values) if exact else _random_subsets(values)
    total = float(values.sum())
    as_far = int(np.sum(np.abs(total - 2 * sums) >= abs(total) - ROUNDING))
    return (as_far + (not exact)) / (len(sums) + (not exact))


def ratio(costs: Sequence[float], baseline_costs: Sequence[float]) -> Estimate:
    """How many times the cost of the baseline, paired by seed: mean log ratio with t interval.

    Both are positive. Logarithms, so that "twice as slow" and "twice as fast" weigh the same; the
    value is the geometric mean (Fleming and Wallace 1986, doi:10.1145/5666.5673).
    """
    logs = [math.log(a / b) for a, b in zip(costs, baseline_costs, strict=True)]
    log = estimates.mean(logs)
    low, high = (None if end is None else math.exp(end) for end in (log.low, log.high))
    method = f"geometric mean over {log.n} seeds, t interval" if log.n > 1 else "one run each"
    return Estimate(math.exp(log.value), low, high, log.n, method)


def _all_subsets(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The sum of every subset of n values, the empty one first: (2^n,)."""
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums, sums + value])
    return sums


def _random_subsets(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The same of random subsets, always the same ones: (DRAWS,)."""
    return _flips(len(values)) @ values


@functools.lru_cache(maxsize=1)
def _flips(count: int) -> npt.NDArray[np.bool_]:
    """Which of so many differences have the other sign: (DRAWS, count)."""
    return np.random.Generator(np.random.PCG64(0)).random((DRAWS, count)) < 0.5


def mean_difference(differences: Sequence[float]) -> float:
    """The mean of differences; 0 where only rounding makes it differ from that."""
    value = fmean(differences)
    return value if abs(value) > ROUNDING else 0.0


def deviation(differences: Sequence[float]) -> float:
    """The standard deviation of two differences or more; 0 where only rounding makes them vary."""
    spread = stdev(differences)
    return spread if spread > ROUNDING else 0.0
