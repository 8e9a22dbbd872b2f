"""What a number of seeds can show, before it is trained."""

from __future__ import annotations

import math

from .stats import ALPHA

POWER = 0.8
"""The probability of finding a difference that is called detectable (Cohen 1988, §2.4)."""
MOST = 10_000
"""Seeds above which nobody asks."""


def detectable(spread: float, n: int, alpha: float = ALPHA, power: float = POWER) -> float:
    """The smallest true difference that a two-sided paired t-test over n seeds finds with `power`.

    ``spread`` is the standard deviation of the differences, in the unit of the result. The t
    statistic of a true difference d follows the noncentral t distribution with n - 1 degrees of
    freedom and noncentrality d √n / spread (Student 1908; Johnson and Welch 1940,
    doi:10.1093/biomet/31.3-4.362); it grows with d, so the answer is found by halving.
    """
    if n < 2:
        raise ValueError("a paired t-test needs two seeds or more")
    low, high = 0.0, 1.0
    while _power(high, n, alpha) < power:
        high *= 2
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if _power(middle, n, alpha) < power else (low, middle)
    return high * spread / math.sqrt(n)


def seeds_for(
    difference: float, spread: float, alpha: float = ALPHA, power: float = POWER
) -> int | None:
    """The fewest seeds to find a true difference with `power`; None above 10,000."""
    low, high = 1, 2
    while detectable(spread, high, alpha, power) > difference:
        low, high = high, 2 * high
        if low > MOST:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        enough = detectable(spread, middle, alpha, power) <= difference
        low, high = (low, middle) if enough else (middle, high)
    return high


def _power(noncentrality: float, n: int, alpha: float) -> float:
    """The probability that |t| over n seeds is beyond its critical value."""
    from scipy.special import nctdtr, stdtrit

    critical = stdtrit(n - 1, 1 - alpha / 2)
    above = 1 - nctdtr(n - 1, noncentrality, critical)
    return float(above + nctdtr(n - 1, noncentrality, -critical))
