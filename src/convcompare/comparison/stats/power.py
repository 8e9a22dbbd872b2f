"""Power of the paired t-test: the differences that a number of seeds can detect."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .estimates import ALPHA, smallest
from .paired import Spread

POWER = 0.8
"""Power with which a detectable difference is found (Cohen 1988, §2.4)."""


def detectable(
    spread: float,
    n: int,
    alpha: float = ALPHA,
    freedom: int | None = None,
) -> float:
    """Return the smallest true difference that a two-sided paired t-test finds with `POWER`.

    The t statistic of a true difference d has the noncentral t distribution with noncentrality
    d √n / spread (Johnson and Welch 1940, doi:10.1093/biomet/31.3-4.362). Power increases with d,
    so the difference is found by bisection.

    Args:
        spread: Standard deviation of the differences, in the unit of the result.
        n: Number of seeds.
        alpha: Level of the test.
        freedom: Degrees of freedom of the spread; None for n - 1.
    """
    return spread * _detectable_effect(n, alpha, n - 1 if freedom is None else freedom)


def detectable_by(spreads: Sequence[Spread], n: int, seeds: int, level: float) -> float:
    """Return the smallest true difference that the test of `seeds` seeds finds with 80 % power.

    Args:
        spreads: Spreads of the test of `n` seeds, all of which must reject. Each further seed adds
            a degree of freedom to each.
        n: Number of seeds of these spreads.
        seeds: Number of seeds of the test.
        level: Level of the test.

    Returns:
        The difference in the unit of the spreads; 0 if there are none.
    """
    sizes = (
        detectable(one.deviation, seeds, level, freedom=one.freedom + seeds - n) for one in spreads
    )
    return max(sizes, default=0.0)


@functools.cache
def _detectable_effect(n: int, alpha: float, freedom: int) -> float:
    """Return the smallest detectable difference in standard deviations of the differences."""
    if n < 2:
        raise ValueError("a paired t-test needs two seeds or more")
    return smallest(lambda effect: power_of(effect, n, alpha, freedom) >= POWER)


def power_of(effect: float, n: int, alpha: float, freedom: int) -> float:
    """Return the probability of finding a true difference of `effect` standard deviations.

    This is the probability of t beyond its critical value on the right side: the mean of the normal
    probability over the distribution of the standard deviation, by Gauss–Legendre quadrature. (The
    lower tail of scipy's nctdtr is inaccurate for two seeds.) Arguments as in `detectable`.
    """
    from scipy.special import chdtri, ndtr, stdtrit

    shares, weights = _nodes()
    critical = stdtrit(freedom, 1 - alpha / 2)
    deviations = np.sqrt(chdtri(freedom, shares) / freedom)
    return float(weights @ ndtr(effect * math.sqrt(n) - critical * deviations))


def power_within(effect: float, margin: float, n: int, alpha: float, freedom: int) -> float:
    """Return the probability that the interval of level 1 - `alpha` over n seeds is in ±`margin`.

    ``effect`` is the true difference; effect and margin are in standard deviations of the
    differences. This is two one-sided tests, each at alpha/2 (Schuirmann 1987,
    doi:10.1007/BF01068419).
    """
    from scipy.special import chdtri, ndtr, stdtrit

    shares, weights = _nodes()
    half = stdtrit(freedom, 1 - alpha / 2) * np.sqrt(chdtri(freedom, shares) / freedom)
    upper = ndtr((margin - effect) * math.sqrt(n) - half)
    lower = ndtr((-margin - effect) * math.sqrt(n) + half)
    return float(weights @ np.maximum(0, upper - lower))


@functools.cache
def _nodes() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return nodes and weights of a Gauss–Legendre quadrature over 0 to 1."""
    nodes, weights = np.polynomial.legendre.leggauss(200)
    return (nodes + 1) / 2, weights / 2
