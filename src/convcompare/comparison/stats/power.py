"""What a number of seeds can show, before it is trained."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .estimates import ALPHA
from .paired import Spread

POWER = 0.8
"""The probability of finding a difference that is called detectable (Cohen 1988, §2.4)."""


def detectable(
    spread: float,
    n: int,
    alpha: float = ALPHA,
    freedom: int | None = None,
) -> float:
    """The smallest true difference that a two-sided paired t-test over n seeds finds with `POWER`.

    ``spread`` is the standard deviation of the differences, in the unit of the result. The t
    statistic of a true difference d follows the noncentral t distribution with `freedom` degrees of
    freedom (n - 1 where it is None) and noncentrality d √n / spread (Johnson and Welch 1940,
    doi:10.1093/biomet/31.3-4.362); power grows with d, so the answer is found by halving.
    """
    return spread * _detectable_effect(n, alpha, n - 1 if freedom is None else freedom)


def detectable_by(spreads: Sequence[Spread], n: int, seeds: int, level: float) -> float:
    """The smallest true difference that the test of `seeds` seeds finds with 80 % power.

    ``spreads`` are those of the test of `n` seeds, all of which have to reject; each further seed
    adds a degree of freedom to each of them. 0 if there are none.
    """
    sizes = (
        detectable(one.deviation, seeds, level, freedom=one.freedom + seeds - n) for one in spreads
    )
    return max(sizes, default=0.0)


@functools.cache
def _detectable_effect(n: int, alpha: float, freedom: int) -> float:
    """The smallest detectable difference in standard deviations of the differences."""
    if n < 2:
        raise ValueError("a paired t-test needs two seeds or more")
    low, high = 0.0, 1.0
    while power_of(high, n, alpha, freedom) < POWER:
        high *= 2
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if power_of(middle, n, alpha, freedom) < POWER else (low, middle)
    return high


def power_of(effect: float, n: int, alpha: float = ALPHA, freedom: int | None = None) -> float:
    """The probability of finding a true difference of `effect` standard deviations with n seeds.

    That is, of t beyond its critical value on the right side: the mean of the normal probability
    over the distribution of the standard deviation, at the nodes of Gauss and Legendre. (The lower
    tail of scipy's nctdtr is far off for two seeds.)
    """
    from scipy.special import chdtri, ndtr, stdtrit

    shares, weights = _nodes()
    df = n - 1 if freedom is None else freedom
    critical = stdtrit(df, 1 - alpha / 2)
    deviations = np.sqrt(chdtri(df, shares) / df)
    return float(weights @ ndtr(effect * math.sqrt(n) - critical * deviations))


def power_within(effect: float, margin: float, n: int, alpha: float, freedom: int) -> float:
    """The probability that the interval of level 1 - `alpha` over n seeds lies within ±`margin`.

    ``effect`` is the true difference; both are in standard deviations of the differences. These are
    two one-sided tests, each at alpha/2 (Schuirmann 1987, doi:10.1007/BF01068419).
    """
    from scipy.special import chdtri, ndtr, stdtrit

    shares, weights = _nodes()
    half = stdtrit(freedom, 1 - alpha / 2) * np.sqrt(chdtri(freedom, shares) / freedom)
    upper = ndtr((margin - effect) * math.sqrt(n) - half)
    lower = ndtr((-margin - effect) * math.sqrt(n) + half)
    return float(weights @ np.maximum(0, upper - lower))


@functools.cache
def _nodes() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Nodes and weights of a quadrature over 0 to 1."""
    nodes, weights = np.polynomial.legendre.leggauss(200)
    return (nodes + 1) / 2, weights / 2
