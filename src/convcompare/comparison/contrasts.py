"""Contrasts in accuracy between the networks of a comparison, paired by seed.

Three or more networks with three or more common seeds: the moderated paired t-test, which shrinks
each variance towards that of all of them. Two or more common seeds: the paired t-test. One seed:
McNemar's test, which is about two trained networks, not two architectures. All contrasts of a
comparison are adjusted together (Holm).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from .comparison import Comparison
from .pair_tests import PairTests, shared_by
from .pairs import Pair, pairs
from .quantity import ACCURACY
from .stats import estimates, power
from .stats.estimates import ALPHA, Levels, bonferroni
from .stats.paired import PairedTest
from .stats.sequential import Look, hopeless
from .verdict import Relation, Verdict

ROUNDING = 1e-18
"""Sum of squares up to which differences count as equal except for rounding."""
NOTABLE = 0.01
"""Difference that must be detectable with 80 % power for a verdict of "no clear difference".

The power depends on the true spread, which few seeds estimate only roughly, so the upper 95 % limit
of the spread is used.
"""
STEPPING = 4
"""Minimum number of seeds for which Holm's step-down levels are used with moderated t-tests."""


Settled = Mapping[tuple[str, str], Verdict]
"""Verdicts of earlier looks that no longer change, by the labels of model and baseline."""


def contrasts(
    family: Sequence[Pair],
    tests: PairTests,
    look: Look | None = None,
    margin: float | None = None,
    settled: Settled | None = None,
    beside: Sequence[float] = (),
) -> tuple[Verdict, ...]:
    """Return a verdict on the accuracies of each pair, adjusted together by Holm's procedure.

    The probability of any false difference in the family is at most alpha, and separately that of
    any false equivalence, for a single analysis or over all looks of a schedule. A pair that cannot
    be compared is refused and does not count in the family.

    Args:
        family: Pairs to compare.
        tests: Tests of these pairs.
        look: The current look of an interim schedule; None for a single analysis.
        margin: Equivalence margin in accuracy, a fraction; None for no test of equivalence.
        settled: Verdicts of earlier looks. They count in the family and are not tested again.
        beside: p-values of verdicts on other figures in the same family.
    """
    settled = settled or {}
    earlier = [one for one in settled.values() if one.relation != "refused"]
    allowed = [p for p in family if p.refusal is None and p.labels not in settled]
    shared = shared_by([p for p in family if p.refusal is None])
    made = [tests.of(pair, shared) for pair in allowed]
    level = look.level if look else bonferroni
    others = len(earlier) + len(beside)
    level_of = _levels(made, level, others)
    at_end = _levels(made, look.last.level, others) if look else None
    p_values = [*(test.p for test in made), *beside]
    different = estimates.holm(p_values, level_of, sum(not one.differs for one in earlier))
    p_values = [test.equivalence(margin) for test in made] if margin else []
    held = sum(one.relation != "equivalent" for one in earlier)
    equivalent = estimates.holm(p_values, level_of, held)
    found, family_size = dict(settled), len(allowed) + others
    for i, (pair, test) in enumerate(zip(allowed, made, strict=True)):
        own_level = level_of(different.steps[i])
        tested = replace(
            _unadjusted(pair, test),
            estimate=test.at(own_level),
            p_adjusted=different.adjusted[i],
            level=own_level,
            family=family_size,
            margin=margin,
            p_equivalence=equivalent.adjusted[i] if margin else None,
            joint=test.at(level(family_size)),
        )
        verdict = _decided(tested, pair, test)
        if look and at_end and margin and not verdict.settled:
            levels = at_end(different.steps[i]), at_end(equivalent.steps[i])
            if hopeless(test, look.last.seeds, *levels, margin):
                verdict = replace(verdict, stopped_before=look.last.seeds)
        found[pair.labels] = verdict
    return tuple(found.get(pair.labels) or _refused(pair) for pair in family)


def _unadjusted(pair: Pair, test: PairedTest) -> Verdict:
    """Return a verdict with the fields that do not depend on the family."""
    return Verdict(
        *pair.labels,
        ACCURACY,
        "unclear",
        n=pair.seeds,
        p=test.p,
        effect_size=test.effect_size,
        left_out=pair.left_out(),
        p_paired=test.p_paired,
        spreads=test.spreads,
        differences=tuple(pair.differences),
    )


def _levels(made: Sequence[PairedTest], level: Levels, earlier: int) -> Levels:
    """Return the level of a test as a function of the hypotheses left in Holm's procedure.

    Moderated t-tests use the level of two hypotheses at the last step too, since the noisiest
    network is often the last one left. With three seeds they use the level of the whole family at
    every step.
    """
    moderated = [test.difference.n for test in made if test.moderated]
    if not moderated:
        return level
    if min(moderated) < STEPPING:
        return lambda left: level(len(made) + earlier)
    return lambda left: level(max(left, 2))


def spread(comparison: Comparison) -> float | None:
    """Return the standard deviation of paired differences in accuracy, pooled over all pairs.

    A fraction, for `detectable_words`; None if no pair has two common seeds, or if the differences
    of every pair are the same for all seeds.
    """
    squares, freedom = 0.0, 0
    for pair in pairs(comparison, None, all_pairs=True):
        if pair.seeds > 1 and pair.refusal is None:
            mean = sum(pair.differences) / pair.seeds
            squares += sum((difference - mean) ** 2 for difference in pair.differences)
            freedom += pair.seeds - 1
    return math.sqrt(squares / freedom) if squares > ROUNDING else None


def _decided(tested: Verdict, pair: Pair, test: PairedTest) -> Verdict:
    """Return the verdict with its relation and the detectable differences."""
    assert tested.estimate and tested.level and tested.p is not None
    value, low, high = tested.estimate.value, tested.estimate.low, tested.estimate.high
    excludes_zero = low is None or high is None or low > 0 or high < 0
    if tested.p <= tested.level and excludes_zero:
        return replace(tested, relation="higher" if value > 0 else "lower")
    if tested.p_equivalence is not None and tested.p_equivalence <= ALPHA:
        return replace(tested, relation="equivalent")
    if pair.seeds < 2:
        return replace(tested, relation="too few")
    smallest, doubled = (
        power.detectable_by(test.spreads, pair.seeds, seeds, tested.level)
        for seeds in (pair.seeds, 2 * pair.seeds)
    )
    largest = [spread.upper() for spread in test.spreads]
    surely = power.detectable_by(largest, pair.seeds, pair.seeds, tested.level)
    few = pair.seeds < 3 or surely > NOTABLE or (surely == 0 and value != 0)
    relation: Relation = "too few" if few else "unclear"
    return replace(tested, relation=relation, detectable=smallest, detectable_doubled=doubled)


def _refused(pair: Pair) -> Verdict:
    return Verdict(*pair.labels, ACCURACY, "refused", pair.seeds, refusal=pair.refusal)
