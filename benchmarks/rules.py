"""Rules that decide whether networks differ, for many simulated tables at once.

Tables are (rounds, networks, seeds), contrasts pairs of rows. Each rule gives p-values (rounds,
contrasts) and `claims` what Holm's procedure claims of them. `moderated` is the library's own rule
over again, vectorised; tests/comparison/test_rules.py holds it against the library.
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
    """Each network with the first one."""
    return [(i, 0) for i in range(1, contrasts + 1)]


def every(contrasts: int) -> list[tuple[int, int]]:
    """All pairs of 2, 3 or 4 networks."""
    networks = {1: 2, 3: 3, 6: 4}[contrasts]
    return [(b, a) for a, b in itertools.combinations(range(networks), 2)]


def t_p(mean: Array, variance: Array, n: int, freedom: int) -> Array:
    """Two-sided p-values of means of n."""
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.abs(mean) * math.sqrt(n) / np.sqrt(variance)
    return np.asarray(2 * special.stdtr(freedom, -np.nan_to_num(t, posinf=1e300)))


def differences(tables: Array, pairs: Pairs) -> Array:
    """(rounds, contrasts, seeds)."""
    return np.stack([tables[:, a] - tables[:, b] for a, b in pairs], 1)


def paired_t(tables: Array, pairs: Pairs) -> Array:
    """The plain paired t-test."""
    found, n = differences(tables, pairs), tables.shape[2]
    mean, variance = found.mean(2), found.var(2, ddof=1)
    equal = np.where(np.abs(mean) > paired.ROUNDING, 2.0 ** (1 - n), 1.0)
    return np.where(variance > paired.ROUNDING**2, t_p(mean, variance, n, n - 1), equal)


def with_flips(tables: Array, pairs: Pairs) -> Array:
    """The rule of versions before: the paired t-test, and sign flips where they can reject."""
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
    """Means, pooled variances, degrees of freedom, and which contrasts are guarded."""
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
    """The rule of today: a moderated paired t from three networks and three seeds on."""
    _, networks, n = tables.shape
    plain = paired_t(tables, pairs)
    if networks < shared.FEWEST or n < shared.FEWEST:
        return plain
    mean, pooled, freedom, guarded = moderated_parts(tables, pairs)
    p = t_p(mean, pooled, n, freedom)
    return np.where(guarded, np.maximum(p, plain), p)


def welch(tables: Array, pairs: Pairs) -> Array:
    """Welch's t-test (1947), unpaired."""
    n, mean, variance = tables.shape[2], tables.mean(2), tables.var(2, ddof=1)
    found = []
    for a, b in pairs:
        first, second = variance[:, a] / n, variance[:, b] / n
        freedom = (first + second) ** 2 / ((first**2 + second**2) / (n - 1))
        t = np.abs(mean[:, a] - mean[:, b]) / np.sqrt(first + second)
        found.append(2 * special.stdtr(freedom, -t))
    return np.stack(found, 1)


def dunnett(tables: Array, pairs: Pairs) -> Array:
    """Dunnett's test (1955), unpaired, of each network with the first one: adjusted p-values."""
    largest = _largest_t(len(pairs), tables.shape[2])
    return np.asarray(1 - np.searchsorted(largest, _dunnett_t(tables)) / len(largest))


def _dunnett_t(tables: Array) -> Array:
    n, mean = tables.shape[2], tables.mean(2)
    pooled = tables.var(2, ddof=1).mean(1, keepdims=True)
    return np.asarray(np.abs(mean[:, 1:] - mean[:, :1]) / np.sqrt(2 * pooled / n))


@functools.cache
def _largest_t(contrasts: int, n: int) -> Array:
    """The largest of Dunnett's |t| of 200,000 tables of equal networks, ascending."""
    rng = np.random.Generator(np.random.PCG64(7))
    return np.sort(_dunnett_t(rng.normal(size=(200_000, contrasts + 1, n))).max(1))


def holm(level: LevelOf, p: Array) -> Bools:
    """What Holm's procedure claims, (rounds, contrasts), of the levels by hypotheses left."""
    order = np.argsort(p, 1, kind="stable")
    limits = [level(p.shape[1] - rank) for rank in range(p.shape[1])]
    going = np.logical_and.accumulate(np.take_along_axis(p, order, 1) <= limits, 1)
    claimed = np.zeros_like(going)
    np.put_along_axis(claimed, order, going, 1)
    return claimed


def claims(p: Array, networks: int, n: int, level: LevelOf = lambda left: 0.05 / left) -> Bools:
    """The claims of the rule of today: its steps where variances are moderated."""
    m = p.shape[1]
    if networks < shared.FEWEST or n < shared.FEWEST:
        return holm(level, p)
    if n < 4:
        return holm(lambda left: level(m), p)
    return holm(lambda left: level(max(left, 2)), p)


def plain_claims(p: Array, networks: int, n: int) -> Bools:
    """The claims of Holm's procedure as it is."""
    return holm(lambda left: 0.05 / left, p)


def adjusted_claims(p: Array, networks: int, n: int) -> Bools:
    """The claims by p-values that are adjusted already."""
    return np.asarray(p <= 0.05)


class Rule(NamedTuple):
    """How p-values are made, and what is claimed of them for so many networks and seeds."""

    p_values: Callable[[Array, Pairs], Array]
    claims: Callable[[Array, int, int], Bools]


TODAY = Rule(moderated, claims)
RULES = {
    "today": TODAY,
    "before": Rule(with_flips, plain_claims),
    "Welch, Holm": Rule(welch, plain_claims),
    "Dunnett": Rule(dunnett, adjusted_claims),
}
"""By their names in the tables."""
