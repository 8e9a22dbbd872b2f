"""The tests of accuracy between two networks, each run once for all families that it is part of."""

from __future__ import annotations

from collections.abc import Callable

from convcompare.store.run import Run

from .pairs import Pair
from .stats import paired, proportions
from .stats.paired import PairedTest
from .stats.proportions import Hits


class PairTests:
    """Tests of one comparison's pairs, kept as they are made.

    ``hits`` gives which test images (n,) a run got right; it is called once a run, and only for
    pairs with one seed.
    """

    def __init__(self, hits: Callable[[Run], Hits]) -> None:
        self._read = hits
        self._hits: dict[str, Hits] = {}
        self._made: dict[tuple[object, ...], PairedTest] = {}

    def of(self, pair: Pair, level: float, contrasts: int) -> PairedTest:
        """The test of a pair as one of so many contrasts, with its interval at `level`.

        Two seeds or more: the paired t-test, beside the exact sign-flip test once that can reject
        at all. One seed: McNemar's test.
        """
        with_flips = pair.seeds > 1 and paired.can_reject(pair.seeds, level, contrasts)
        key = (tuple((a.id, b.id) for a, b in pair.runs), level, with_flips)
        if key not in self._made:
            self._made[key] = self._test(pair, level, with_flips)
        return self._made[key]

    def _test(self, pair: Pair, level: float, with_flips: bool) -> PairedTest:
        if pair.seeds > 1:
            return paired.compare(pair.differences, level, with_flips)
        ((run, baseline),) = pair.runs
        return proportions.mcnemar(self._hits_of(run), self._hits_of(baseline), level)

    def _hits_of(self, run: Run) -> Hits:
        if run.id not in self._hits:
            self._hits[run.id] = self._read(run)
        return self._hits[run.id]
