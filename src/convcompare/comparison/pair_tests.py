"""Tests of accuracy between two networks, each computed once for all families that use it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace

from convcompare.store.run import Run

from .pairs import Pair, pair
from .stats import paired, proportions
from .stats.paired import PairedTest
from .stats.proportions import Hits
from .stats.shared import FEWEST, SharedSpread, shared_spread


class PairTests:
    """Cached tests of the pairs of a comparison.

    ``hits`` returns whether a run predicts each test image correctly, (n,). It is called once per
    run, and only for pairs with one seed.
    """

    def __init__(self, hits: Callable[[Run], Hits]) -> None:
        self._read = hits
        self._hits: dict[str, Hits] = {}
        self._made: dict[tuple[object, ...], PairedTest] = {}

    def of(self, pair: Pair, shared: SharedSpread | None = None) -> PairedTest:
        """Return the test of a pair.

        Three or more seeds and a `shared` spread: the moderated paired t-test. Otherwise two or
        more seeds: the paired t-test. One seed: McNemar's test.
        """
        key = (tuple((a.id, b.id) for a, b in pair.runs), shared if pair.seeds >= FEWEST else None)
        if key not in self._made:
            self._made[key] = self._test(pair, shared)
        return self._made[key]

    def _test(self, pair: Pair, shared: SharedSpread | None) -> PairedTest:
        if pair.seeds == 1:
            ((run, baseline),) = pair.runs
            return proportions.mcnemar(self._hits_of(run), self._hits_of(baseline))
        if shared is None or pair.seeds < FEWEST:
            return paired.t_test(pair.differences)
        guarded = not shared.noisy.isdisjoint(pair.labels)
        return paired.moderated(pair.differences, shared.variance, shared.weight, guarded)

    def _hits_of(self, run: Run) -> Hits:
        if run.id not in self._hits:
            self._hits[run.id] = self._read(run)
        return self._hits[run.id]


def shared_by(family: Sequence[Pair]) -> SharedSpread | None:
    """Return the spread that the networks of a family share; None for too few networks."""
    groups = {one.label: one for each in family for one in (each.model, each.baseline)}
    if len(groups) < FEWEST:
        return None
    variances = {}
    for first, second in itertools.combinations(groups.values(), 2):
        runs = pair(first, second).runs
        both = replace(family[0], model=first, baseline=second, runs=runs)
        if both.seeds >= FEWEST and both.refusal is None:
            spread = paired.deviation(both.differences)
            variances[frozenset((first.label, second.label))] = (spread**2, both.seeds)
    return shared_spread(variances, [frozenset(one.labels) for one in family])
