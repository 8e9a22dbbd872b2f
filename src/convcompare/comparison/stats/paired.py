"""Two networks trained with the same seeds: tests and intervals of their mean difference.

Differences are model minus baseline, one a seed. The t-test rests on their being normal; the
sign-flip test only on their being symmetric, and has 2^n outcomes, so that it can say nothing with
few seeds. `compare` states the weaker of both claims.
"""

from __future__ import annotations

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
class PairedTest:
    """A mean difference with its interval, the two-sided p-value, and the effect size.

    ``effect_size`` is Hedges' g of paired differences: their mean in units of their standard
    deviation, corrected for few seeds; None where two seeds or none of the spread allow none.
    ``interval`` gives the ends at any level up to that of the test.
    """

    difference: Estimate
    p: float
    effect_size: float | None = None
    interval: Callable[[float], Interval] = no_interval

    def at(self, level: float) -> Estimate:
        """The difference with the interval of a stricter level: nothing is tested again."""
        low, high = self.interval(level)
        return replace(self.difference, low=low, high=high)


def t_test(differences: Sequence[float], alpha: float = ALPHA) -> PairedTest:
    """Student's paired t-test over two seeds or more (Student 1908, doi:10.1093/biomet/6.1.1).

    Differences that are all equal have no spread to compare the mean with, and the t statistic
    would be infinite: the exact sign-flip test stands in, and there is no interval.
    """
    n, value = len(differences), fmean(differences)
    if n < 2:
        raise ValueError("a paired t-test needs two differences or more")
    spread = stdev(differences)
    if spread <= ROUNDING:
        flipped = sign_flip(differences, alpha)
        method = f"exact sign-flip over {n} seeds (all differences are equal)"
        return PairedTest(Estimate(value, None, None, n, method), flipped.p)
    from scipy.special import stdtr

    def interval(level: float) -> Interval:
        around = estimates.mean(differences, level)
        return around.low, around.high

    estimate = Estimate(value, *interval(alpha), n, f"paired t over {n} seeds")
    p = 2 * float(stdtr(n - 1, -abs(value) / spread * math.sqrt(n)))
    return PairedTest(estimate, p, hedges(value / spread, n), interval)


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


def sign_flip(differences: Sequence[float], alpha: float = ALPHA) -> PairedTest:
    """The two-sided sign-flip test of the mean (Fisher 1935, *The Design of Experiments*, §21).

    If the networks are alike, every difference is as likely with the other sign: p is the share of
    all 2^n assignments whose mean is as far from zero. Above 20 seeds, of 100,000 random ones, the
    observed counted in (Phipson and Smyth 2010, doi:10.2202/1544-6115.1585), from a fixed seed.

    The interval holds the differences that the test does not reject: its ends are two of the means
    of all subsets of the differences (Hartigan 1969, doi:10.1080/01621459.1969.10501057). It is
    None where there are too few seeds for the test to reject anything.
    """
    values = np.asarray(differences, dtype=np.float64)
    n = len(values)
    if n < 1:
        raise ValueError("a sign-flip test needs a difference")
    exact = n <= EXACT_UP_TO
    sums, sizes = _all_subsets(values) if exact else _random_subsets(values)
    outcomes = len(sums) + (not exact)
    p = (_as_far(sums, float(values.sum())) + (not exact)) / outcomes
    lowest, highest = _tails(sums[sizes > 0] / sizes[sizes > 0], _rank(alpha, outcomes))

    def interval(level: float) -> Interval:
        rank = _rank(level, outcomes)
        return (float(lowest[rank - 1]), float(highest[-rank])) if rank else (None, None)

    method = f"{'exact' if exact else 'Monte Carlo'} sign-flip over {n} seeds"
    estimate = Estimate(fmean(differences), *interval(alpha), n, method)
    return PairedTest(estimate, p, interval=interval)


def _rank(level: float, outcomes: int) -> int:
    """How many outcomes on either side a test of this level rejects."""
    return math.floor(level * outcomes / 2 + ROUNDING)


def _tails(
    means: npt.NDArray[np.float64], rank: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The lowest and the highest `rank` of some means, ascending: (rank,) each."""
    if not rank:
        return means[:0], means[:0]
    parts = np.partition(means, [rank - 1, len(means) - rank])
    return np.sort(parts[:rank]), np.sort(parts[-rank:])


def _as_far(sums: npt.NDArray[np.float64], total: float) -> int:
    """How many subsets leave a total as far from zero as it is, their signs flipped."""
    return int(np.sum(np.abs(total - 2 * sums) >= abs(total) - ROUNDING))


def can_reject(n: int, alpha: float, tests: int = 1) -> bool:
    """Whether n sign flips can reach the level that the strictest of several tests needs.

    From 6 seeds on for one test at 5 %, from 7 for two or three, from 8 for four to six.
    """
    return 2.0 ** (1 - n) <= alpha / tests


def compare(
    differences: Sequence[float], alpha: float = ALPHA, with_flips: bool = False
) -> PairedTest:
    """The paired t-test; ``with_flips`` beside the sign-flip test, and then the weaker claim.

    That is the larger p-value and the hull of both intervals. Two valid tests of which both must
    reject reject falsely no more often than either does.
    """
    t = t_test(differences, alpha)
    if not with_flips or t.difference.low is None:
        return t
    flips = sign_flip(differences, alpha)

    def interval(level: float) -> Interval:
        ends = (*t.interval(level), *flips.interval(level))
        known = [end for end in ends if end is not None]
        return min(known), max(known)

    method = f"paired t and {flips.difference.method}, the weaker of both"
    both = Estimate(t.difference.value, *interval(alpha), t.difference.n, method)
    return PairedTest(both, max(t.p, flips.p), t.effect_size, interval)


def ratio(
    costs: Sequence[float], baseline_costs: Sequence[float], alpha: float = ALPHA
) -> Estimate:
    """How many times the cost of the baseline, paired by seed: mean log ratio with t interval.

    Both are positive. Logarithms, so that "twice as slow" and "twice as fast" weigh the same; the
    value is the geometric mean (Fleming and Wallace 1986, doi:10.1145/5666.5673).
    """
    logs = [math.log(a / b) for a, b in zip(costs, baseline_costs, strict=True)]
    log = estimates.mean(logs, alpha)
    low, high = (None if end is None else math.exp(end) for end in (log.low, log.high))
    method = f"geometric mean over {log.n} seeds, t interval" if log.n > 1 else "one run each"
    return Estimate(math.exp(log.value), low, high, log.n, method)


Sums = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]


def _all_subsets(values: npt.NDArray[np.float64]) -> Sums:
    """The sum and the size of every subset of n values, the empty one first: (2^n,) each."""
    sums, sizes = np.zeros(1), np.zeros(1)
    for value in values:
        sums = np.concatenate([sums, sums + value])
        sizes = np.concatenate([sizes, sizes + 1])
    return sums, sizes


def _random_subsets(values: npt.NDArray[np.float64]) -> Sums:
    """The same of random subsets, always the same ones: (DRAWS,) each."""
    flipped = np.random.Generator(np.random.PCG64(0)).random((DRAWS, len(values))) < 0.5
    return flipped @ values, flipped.sum(1).astype(np.float64)


def deviation(differences: Sequence[float]) -> float:
    """The standard deviation of two differences or more; 0 where only rounding makes them vary."""
    spread = stdev(differences)
    return spread if spread > ROUNDING else 0.0
