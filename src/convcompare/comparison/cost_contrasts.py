"""Contrasts in training time: ratios of measured times, paired by seed.

Times are compared only if they were measured on the same processor and device with the same number
of threads. Intervals are not adjusted for multiple comparisons: times are measurements, not
hypotheses.
"""

from __future__ import annotations

from collections.abc import Sequence

from .pairs import Pair
from .quantity import TRAIN_SECONDS
from .stats import paired
from .stats.estimates import Estimate
from .verdict import Refusal, Relation, Verdict

SAME = 1.1
"""Factor within which two networks count as equally fast; a busy machine varies as much."""


def cost_contrasts(pairs: Sequence[Pair]) -> tuple[Verdict, ...]:
    """Return a verdict on the time of the whole training for each pair.

    The interval of a ratio has no ends if each network has one run.
    """
    return tuple(map(_contrast, pairs))


def _contrast(pair: Pair) -> Verdict:
    names = (*pair.labels, TRAIN_SECONDS)
    refusal = pair.cost_refusal()
    times = [(a.train_seconds or 0.0, b.train_seconds or 0.0) for a, b in pair.runs]
    if refusal is None and not all(a > 0 and b > 0 for a, b in times):
        refusal = Refusal("no time")
    if refusal is not None:
        return Verdict(*names, "refused", pair.seeds, refusal=refusal)
    ratio = paired.ratio([a for a, _ in times], [b for _, b in times])
    return Verdict(*names, _relation(ratio), pair.seeds, ratio, left_out=pair.left_out())


def _relation(ratio: Estimate) -> Relation:
    low, high = ratio.low, ratio.high
    if low is None or high is None:
        low = high = ratio.value
        if 1 / SAME <= low <= SAME:
            return "equivalent"
    if low > 1:
        return "higher"
    if high < 1:
        return "lower"
    return "equivalent" if low >= 1 / SAME and high <= SAME else "unclear"
