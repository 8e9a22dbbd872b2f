"""Which networks differ in accuracy: contrasts of the runs of a comparison, paired by seed.

Two seeds or more in common: the paired t-test, beside the exact sign-flip test once that can reject
at all, and the weaker of the two is stated. One seed: McNemar's test, which speaks of two trained
networks. All contrasts of a comparison are adjusted together (Holm).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from .comparison import Comparison
from .pair_tests import PairTests
from .pairs import Pair, pairs
from .quantity import ACCURACY
from .stats import estimates, paired, power, sequential
from .stats.estimates import ALPHA
from .verdict import Relation, Verdict

NOTABLE = 0.01
"""Where a difference of one point would often be missed, seeds are too few to say "none"."""


def contrasts(
    family: Sequence[Pair],
    tests: PairTests,
    level: float = ALPHA,
    margin: float | None = None,
    beside: Sequence[float] = (),
) -> tuple[Verdict, ...]:
    """A verdict on the accuracies of each pair, all of them adjusted together.

    ``level`` bounds the probability of any false claim of a difference in the family, and
    separately that of any false equivalence; for a look of a sequential plan it is
    `sequential.look_level`. ``margin`` (a fraction) allows "no difference larger than". A pair that
    cannot be compared is refused and does not count in the family. ``beside`` are p-values of
    verdicts on other figures that belong to the family.
    """
    allowed = [pair for pair in family if pair.refusal is None]
    size = len(allowed) + len(beside)
    made = [tests.of(pair, level, size) for pair in allowed]
    p_values = [*(test.p for test in made), *beside]
    adjusted, levels = estimates.holm(p_values), estimates.holm_levels(p_values, level)
    p_equivalence = _equivalences(allowed, margin)
    found = {}
    for i, pair in enumerate(allowed):
        tested = Verdict(
            pair.model.label,
            pair.baseline.label,
            ACCURACY,
            "unclear",
            n=pair.seeds,
            estimate=made[i].at(levels[i]),
            p=made[i].p,
            p_adjusted=adjusted[i],
            level=levels[i],
            family=size,
            effect_size=made[i].effect_size,
            margin=margin,
            p_equivalence=p_equivalence[i],
            left_out=pair.left_out(),
        )
        found[id(pair)] = _decided(tested, pair, level)
    return tuple(found.get(id(pair)) or _refused(pair) for pair in family)


def spread(comparison: Comparison) -> float | None:
    """The standard deviation of paired differences in accuracy, pooled over all pairs of models.

    A fraction, for `verdicts.detectable_words`; None where no two models have two seeds in common.
    """
    squares, freedom = 0.0, 0
    for pair in pairs(comparison, None, all_pairs=True):
        if pair.seeds > 1 and pair.refusal is None:
            mean = sum(pair.differences) / pair.seeds
            squares += sum((difference - mean) ** 2 for difference in pair.differences)
            freedom += pair.seeds - 1
    return math.sqrt(squares / freedom) if freedom else None


def _equivalences(allowed: Sequence[Pair], margin: float | None) -> list[float | None]:
    """Holm's adjusted p-values of equivalence; one seed proves none."""
    if margin is None:
        return [None] * len(allowed)
    p_values = [
        sequential.equivalence(pair.differences, margin) if pair.seeds > 1 else 1.0
        for pair in allowed
    ]
    return [*estimates.holm(p_values)]


def _decided(tested: Verdict, pair: Pair, level: float) -> Verdict:
    """The verdict with its relation, `level` being that of the whole family."""
    assert tested.estimate and tested.level and tested.p_adjusted is not None
    value, low, high = tested.estimate.value, tested.estimate.low, tested.estimate.high
    excludes_zero = low is None or high is None or low > 0 or high < 0
    if tested.p_adjusted <= level and excludes_zero:
        return replace(tested, relation="higher" if value > 0 else "lower")
    if tested.p_equivalence is not None and tested.p_equivalence <= level:
        return replace(tested, relation="equivalent")
    if pair.seeds < 2:
        return replace(tested, relation="too few")
    deviation = paired.deviation(pair.differences)
    smallest, doubled = (
        power.detectable(deviation, seeds, tested.level) for seeds in (pair.seeds, 2 * pair.seeds)
    )
    few = pair.seeds < 3 or smallest > NOTABLE or (smallest == 0 and value != 0)
    relation: Relation = "too few" if few else "unclear"
    return replace(tested, relation=relation, detectable=smallest, detectable_doubled=doubled)


def _refused(pair: Pair) -> Verdict:
    names = (pair.model.label, pair.baseline.label)
    return Verdict(*names, ACCURACY, "refused", pair.seeds, refusal=pair.refusal)
