"""McNemar's test and an interval for two trained networks on the same test images.

Both are about the draw of the test images for these two networks, not about the seed.
"""

from __future__ import annotations

import functools
import math

import numpy as np
import numpy.typing as npt

from .estimates import ALPHA, Estimate, share_interval
from .paired import PairedTest

Hits = npt.NDArray[np.bool_]


def mcnemar(hits: Hits, baseline_hits: Hits) -> PairedTest:
    """Return McNemar's exact test (McNemar 1947, doi:10.1007/BF02295996), with Newcombe's interval.

    Only images that exactly one network predicts correctly count: if the networks are equally good,
    each is the right one with equal probability. Dietterich (1998, doi:10.1162/089976698300017197)
    recommends the test for two networks that are trained once.

    Args:
        hits: Whether the model is right, by image, (n,).
        baseline_hits: Whether the baseline is right, for the same images, (n,).

    Raises:
        ValueError: if the shapes differ or there is no image.
    """
    if hits.shape != baseline_hits.shape or hits.ndim != 1 or not len(hits):
        raise ValueError(f"hits must be (n,) for both, got {hits.shape} and {baseline_hits.shape}")
    from scipy.special import bdtr

    only = int(np.sum(hits & ~baseline_hits))
    only_baseline = int(np.sum(baseline_hits & ~hits))
    p = min(1.0, 2 * float(bdtr(min(only, only_baseline), only + only_baseline, 0.5)))
    both = int(np.sum(hits & baseline_hits))
    neither = len(hits) - both - only - only_baseline
    interval = functools.partial(newcombe, both, only, only_baseline, neither)
    value = (only - only_baseline) / len(hits)
    method = "McNemar's exact test over the images"
    return PairedTest(Estimate(value, *interval(ALPHA), 1, method), p, interval=interval)


def newcombe(
    both: int, first: int, second: int, neither: int, alpha: float = ALPHA
) -> tuple[float, float]:
    """Return the interval of the difference of two proportions of the same images.

    Method 10 of Newcombe (1998, Statistics in Medicine 17:2635,
    doi:10.1002/(SICI)1097-0258(19981130)17:22<2635::AID-SIM954>3.0.CO;2-C): Wilson's intervals of
    both proportions, combined with the correlation of the hits, with a continuity correction.

    Args:
        both: Number of images that both networks predict correctly.
        first: Number that only the first one predicts correctly.
        second: Number that only the second one predicts correctly.
        neither: Number that neither predicts correctly.
        alpha: 1 minus the confidence level.
    """
    n = both + first + second + neither
    one, other = (both + first) / n, (both + second) / n
    low, high = share_interval(both + first, n, alpha)
    other_low, other_high = share_interval(both + second, n, alpha)
    product = (both + first) * (second + neither) * (both + second) * (first + neither)
    excess: float = both * neither - first * second
    if excess > 0:
        excess = max(excess - n / 2, 0)
    correlation = excess / math.sqrt(product) if product else 0.0
    difference = one - other
    below = _joined(one - low, other_high - other, correlation)
    above = _joined(high - one, other - other_low, correlation)
    return max(-1.0, difference - below), min(1.0, difference + above)


def _joined(a: float, b: float, correlation: float) -> float:
    """Return the margin of a difference from those of its two parts."""
    return math.sqrt(max(0.0, a**2 - 2 * correlation * a * b + b**2))
