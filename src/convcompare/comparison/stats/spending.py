"""Exact levels of several looks at a growing number of seeds, from their joint distribution.

The looks of one contrast share seeds, so that the probability of any false positive is less than
the sum of their levels. Here it equals the alpha that is spent (Lan and DeMets 1983,
doi:10.1093/biomet/70.3.659): each look spends the share of alpha that its new seeds have of all.

Let S and Q be the sum and the sum of squares of n differences that are normal around zero. The t
statistic is a function of w = S/√Q alone: t² = (n - 1) w²/(n - w²). Q is independent of all w up to
n (Basu 1955, Sankhyā 15:377: Q is complete and sufficient for the scale, w does not depend on it).
Therefore w is a Markov chain in one dimension: with τ = x/√Q for the next difference x, where √n τ
has Student's t distribution with n degrees of freedom,

    w' = (w + τ)/√(1 + τ²).

The distribution function of w' given w is that of τ at one or two roots. The chain is computed on
cells of arcsin(|w|/√n), the same on every machine; the mass beyond a boundary at a look is removed.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .estimates import smallest

CELLS = 100
"""Number of cells; four times as many change no level by more than 0.6 % of its value."""
Array = npt.NDArray[np.float64]


def spent(schedule: Sequence[int], alpha: float) -> list[float]:
    """Return the alpha that each look spends: its share of the seeds (linear spending)."""
    before = (0, *schedule)
    return [alpha * (n - b) / schedule[-1] for b, n in zip(before, schedule, strict=False)]


@functools.cache
def exact_levels(schedule: tuple[int, ...], alpha: float, cells: int = CELLS) -> tuple[float, ...]:
    """Return the two-sided level of the t-test at each look, for a total error rate of alpha.

    Args:
        schedule: Numbers of seeds of the looks, ascending, at least 2.
        alpha: Probability of a false positive over all looks.
        cells: Number of cells.
    """
    shares = spent(schedule, alpha)
    levels = [shares[0]]
    n, boundary = schedule[0], _boundary(schedule[0], shares[0])
    edges = _edges(n, boundary, cells)
    inside = 1 - np.array([_two_sided(n, edge) for edge in edges])
    points, masses = _points(edges, n), _halved(inside)
    for look, share in zip(schedule[1:], shares[1:], strict=True):
        while n + 1 < look:
            edges = _edges(n + 1, math.sqrt(n + 1), cells)
            masses = _halved(masses @ _within(edges, points, n))
            points, n = _points(edges, n + 1), n + 1
        boundary = _crossing(points, masses, n, share)
        edges = _edges(look, boundary, cells)
        masses = _halved(masses @ _within(edges, points, n))
        points, n = _points(edges, look), look
        levels.append(_two_sided(n, boundary))
    return tuple(levels)


def _boundary(n: int, level: float) -> float:
    """Return the |w| of n differences whose t-test has this p-value."""
    from scipy.special import stdtrit

    t = float(stdtrit(n - 1, 1 - level / 2))
    return t * math.sqrt(n / (n - 1 + t * t))


def _two_sided(n: int, w: float) -> float:
    """Return the p-value of the t-test of n differences with this |w|."""
    from scipy.special import stdtr

    beyond = n - w * w
    t = math.sqrt((n - 1) / beyond) * w if beyond > 0 else math.inf
    return 2 * float(stdtr(n - 1, -t))


def _edges(n: int, highest: float, cells: int) -> Array:
    """Return the edges of cells of |w| from 0 to `highest`, (cells + 1,).

    They are evenly spaced in arcsin(|w|/√n).
    """
    top = math.asin(min(1.0, highest / math.sqrt(n)))
    return np.asarray(math.sqrt(n) * np.sin(np.linspace(0, top, cells + 1)))


def _points(edges: Array, n: int) -> Array:
    """Return the two Gauss–Legendre points of each cell, which share its mass."""
    angles = np.arcsin(np.minimum(1, edges / math.sqrt(n)))
    middles, halves = (angles[1:] + angles[:-1]) / 2, np.diff(angles) / 2
    apart = halves / math.sqrt(3)
    return np.asarray(math.sqrt(n) * np.sin(np.concatenate([middles - apart, middles + apart])))


def _halved(cumulative: Array) -> Array:
    """Return the masses of the points of cells, from the distribution function at the edges.

    The density within a cell is taken as linear, which preserves the centre of mass.
    """
    masses = np.diff(cumulative)
    tilt = np.gradient(masses) / np.maximum(2 * masses, np.finfo(float).tiny) / math.sqrt(3)
    tilt = np.clip(tilt, -1, 1)
    return np.concatenate([masses * (1 - tilt), masses * (1 + tilt)]) / 2


def _within(bounds: Array, start: Array, n: int) -> Array:
    """Return P(|w'| ≤ bound), (starts, bounds), one difference after w = start ≥ 0 of n."""
    from scipy.special import stdtr

    w, y = start[:, None], bounds[None, :]
    root = math.sqrt(n)
    depth = np.sqrt(np.maximum(0, 1 + w * w - y * y))
    with np.errstate(divide="ignore", invalid="ignore"):
        upper = (y * y - w * w) / (w + y * depth)
        lower = np.where(y < 1, -(w + y * depth) / (1 - y * y), -np.inf)
        beyond = np.where(y > 1, (w + y * depth) / (y * y - 1), np.inf)
    found = stdtr(n, root * upper) - stdtr(n, root * lower) + stdtr(n, -root * beyond)
    return np.where(y * y >= 1 + w * w, 1.0, found)


def _crossing(points: Array, masses: Array, n: int, share: float) -> float:
    """Return the boundary of |w| that the chain crosses with probability `share` next."""

    def holds(boundary: float) -> bool:
        crossed = float(masses @ (1 - _within(np.array([boundary]), points, n)[:, 0]))
        return crossed <= share

    return smallest(holds, math.sqrt(n + 1))
