"""Rules that decide whether networks differ, for many simulated tables at once.

Tables are (rounds, networks, seeds), contrasts are pairs of rows. Each rule returns p-values
(rounds, contrasts), and its `claims` apply Holm's procedure. `moderated` is a vectorised copy of
the library's rule; tests/comparison/test_rules.py compares the two.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from convcompare.comparison.stats import paired, shared

Array = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Pairs = Sequence[tuple[int, int]]
LevelOf = Callable[[int], float]


def star(contrasts: int) -> list[tuple[int, int]]:
    """Pair each network with the first one."""
    return [(i, 0) for i in range(1, contrasts + 1)]


def every(contrasts: int) -> list[tuple[int, int]]:
    """Return all pairs of 2, 3 or 4 networks."""
    networks = {1: 2, 3: 3, 6: 4}[contrasts]
    return [(b, a) for a, b in itertools.combinations(range(networks), 2)]


def t_p(mean: Array, variance: Array, n: int, freedom: int) -> Array:
    """Return two-sided p-values of means of n values."""
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.abs(mean) * math.sqrt(n) / np.sqrt(variance)
    return np.asarray(2 * special.stdtr(freedom, -np.nan_to_num(t, posinf=1e300)))


def differences(tables: Array, pairs: Pairs) -> Array:
    """Return paired differences, (rounds, contrasts, seeds)."""
    return np.stack([tables[:, a] - tables[:, b] for a, b in pairs], 1)


def paired_t(tables: Array, pairs: Pairs) -> Array:
    """Return p-values of the paired t-test."""
    found, n = differences(tables, pairs), tables.shape[2]
    mean, variance = found.mean(2), found.var(2, ddof=1)
    equal = np.where(np.abs(mean) > paired.ROUNDING, 2.0 ** (1 - n), 1.0)
    return np.where(variance > paired.ROUNDING**2, t_p(mean, variance, n, n - 1), equal)


def with_flips(tables: Array, pairs: Pairs) -> Array:
    """Return p-values of the earlier rule: paired t-test, and sign flips if they can reject."""
    n, p = tables.shape[2], paired_t(tables, pairs)
    if 2.0 ** (1 - n) > 0.05 / len(pairs):
        return p
    found = differences(tables, pairs)
    signs = np.array(list(itertools.product((1, -1), repeat=n - 1)))
    signs = np.concatenate([np.ones((len(signs), 1)), signs], axis=1)
    total = np.abs(found.sum(2))
    for i, j in np.argwhere(p <= 0.06):
        p[i, j] = max(p[i, j], float((np.abs(signs @ found[i, j]) >= total[i, j] - 1e-9).mean()))
    return p


def moderated_parts(tables: Array, pairs: Pairs) -> tuple[Array, Array, int, Bools]:
    """Return means, pooled variances, degrees of freedom, and the guarded contrasts."""
    _, networks, n = tables.shape
    found = differences(tables, pairs)
    mean, own = found.mean(2), found.var(2, ddof=1)
    variances = {
        (a, b): (tables[:, a] - tables[:, b]).var(1, ddof=1)
        for a, b in itertools.combinations(range(networks), 2)
    }
    typical = np.maximum(np.mean([*variances.values()], axis=0), own.mean(1))[:, None]
    weight = min(shared.MOST_WEIGHT, networks - 2)
    pooled = (weight * typical + (n - 1) * own) / (weight + n - 1)
    limit = special.fdtri(n - 1, (networks - 2) * (n - 1), shared.NOISY)
    noisy = np.zeros(tables.shape[:2], bool)
    for i in range(networks):
        others = np.mean([v for names, v in variances.items() if i not in names], axis=0) / 2
        mine = np.mean([v for names, v in variances.items() if i in names], axis=0)
        mine = (mine - others * (networks - 2) / (networks - 1)) * (networks - 1) / networks
        noisy[:, i] = mine > limit * others
    guarded = np.stack([noisy[:, a] | noisy[:, b] for a, b in pairs], 1)
    return mean, pooled, weight + n - 1, guarded


def moderated(tables: Array, pairs: Pairs) -> Array:
    """Return p-values of the current rule: moderated from three networks and seeds."""
    _, networks, n = tables.shape
    plain = paired_t(tables, pairs)
    if networks < shared.FEWEST or n < shared.FEWEST:
        return plain
    mean, pooled, freedom, guarded = moderated_parts(tables, pairs)
    p = t_p(mean, pooled, n, freedom)
    return np.where(guarded, np.maximum(p, plain), p)


def welch(tables: Array, pairs: Pairs) -> Array:
    """Return p-values of Welch's t-test (1947), unpaired."""
    n, mean, variance = tables.shape[2], tables.mean(2), tables.var(2, ddof=1)
    found = []
    for a, b in pairs:
        first, second = variance[:, a] / n, variance[:, b] / n
        freedom = (first + second) ** 2 / ((first**2 + second**2) / (n - 1))
        t = np.abs(mean[:, a] - mean[:, b]) / np.sqrt(first + second)
        found.append(2 * special.stdtr(freedom, -t))
    return np.stack(found, 1)


def dunnett(tables: Array, pairs: Pairs) -> Array:
    """Return adjusted p-values of Dunnett's unpaired test (1955) against the first network."""
    largest = _largest_t(len(pairs), tables.shape[2])
    return np.asarray(1 - np.searchsorted(largest, _dunnett_t(tables)) / len(largest))


def _dunnett_t(tables: Array) -> Array:
    n, mean = tables.shape[2], tables.mean(2)
    pooled = tables.var(2, ddof=1).mean(1, keepdims=True)
    return np.asarray(np.abs(mean[:, 1:] - mean[:, :1]) / np.sqrt(2 * pooled / n))


@functools.cache
def _largest_t(contrasts: int, n: int) -> Array:
    """Return the largest of Dunnett's |t| in 200,000 tables of equal networks, ascending."""
    rng = np.random.Generator(np.random.PCG64(7))
    return np.sort(_dunnett_t(rng.normal(size=(200_000, contrasts + 1, n))).max(1))


def holm(level: LevelOf, p: Array) -> Bools:
    """Return the claims (rounds, contrasts) of Holm's procedure; `level` by hypotheses left."""
    order = np.argsort(p, 1, kind="stable")
    limits = [level(p.shape[1] - rank) for rank in range(p.shape[1])]
    going = np.logical_and.accumulate(np.take_along_axis(p, order, 1) <= limits, 1)
    claimed = np.zeros_like(going)
    np.put_along_axis(claimed, order, going, 1)
    return claimed


def claims(p: Array, networks: int, n: int, level: LevelOf = lambda left: 0.05 / left) -> Bools:
    """Return the claims of the current rule: its steps if variances are moderated."""
    m = p.shape[1]
    if networks < shared.FEWEST or n < shared.FEWEST:
        return holm(level, p)
    if n < 4:
        return holm(lambda left: level(m), p)
    return holm(lambda left: level(max(left, 2)), p)


def plain_claims(p: Array, networks: int, n: int) -> Bools:
    """Return the claims of Holm's procedure."""
    return holm(lambda left: 0.05 / left, p)


def adjusted_claims(p: Array, networks: int, n: int) -> Bools:
    """Return the claims of p-values that are already adjusted."""
    return np.asarray(p <= 0.05)


class Rule(NamedTuple):
    """Computation of p-values, and of claims by number of networks and seeds."""

    p_values: Callable[[Array, Pairs], Array]
    claims: Callable[[Array, int, int], Bools]


TODAY = Rule(moderated, claims)
RULES = {
    "today": TODAY,
    "before": Rule(with_flips, plain_claims),
    "Welch, Holm": Rule(welch, plain_claims),
    "Dunnett": Rule(dunnett, adjusted_claims),
}
"""By name in the tables."""
