"""Verdicts on several figures of several networks, with all tests adjusted as one family."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from convcompare.store.run_store import RunStore

from ..contrasts import contrasts
from ..pair_tests import PairTests
from ..pairs import Pair
from ..stats import estimates, paired, power, ratios
from ..stats.estimates import ALPHA
from ..stats.paired import Spread
from ..verdict import Relation, Verdict
from .figure_tests import Tested, tested
from .measure import Measure
from .one_sample import OneSample, one_sample_test


@dataclass(frozen=True)
class Question:
    """A figure to compare between two networks, or between a network and a number."""

    measure: Measure
    about: Pair | OneSample


def family_of(
    questions: Sequence[Question], store: RunStore, accuracies: PairTests
) -> tuple[Verdict, ...]:
    """Return a verdict on each question, in the same order.

    Holm's procedure is applied to all tests, whatever their figure: the probability of any false
    difference among all of them is at most alpha, and separately that of any false equivalence.
    Counts, refusals, single runs and too few seeds are not tested.

    Args:
        questions: The questions. Accuracies of two networks are tested as in `contrasts`.
        store: Store with the predictions and analyses of the runs.
        accuracies: Tests of accuracy.

    Raises:
        UsageError: if a metric cannot be computed.
    """
    others = [
        tested(one.measure, one.about, store)
        if isinstance(one.about, Pair)
        else one_sample_test(one.measure, one.about, store)
        for one in questions
        if _accuracy_of(one) is None
    ]
    made = [one for one in others if isinstance(one, Tested)]
    p_values = [one.test.p for one in made]
    pairs = [pair for question in questions if (pair := _accuracy_of(question)) is not None]
    accuracy = contrasts(pairs, accuracies, beside=p_values) if pairs else ()
    p_values += [verdict.p for verdict in accuracy if verdict.p is not None]
    decided, of_accuracy = iter(_decided(made, p_values)), iter(accuracy)
    rest = iter([next(decided) if isinstance(one, Tested) else one for one in others])
    return tuple(
        next(rest) if _accuracy_of(question) is None else next(of_accuracy)
        for question in questions
    )


def _accuracy_of(question: Question) -> Pair | None:
    """Return the pair if the question is about the accuracies of two networks, else None."""
    pair = question.about
    return pair if question.measure.test == "accuracy" and isinstance(pair, Pair) else None


def _decided(made: Sequence[Tested], p_values: Sequence[float]) -> Iterator[Verdict]:
    """Yield the verdicts on `made`, whose p-values are the first of those of the family."""
    adjusted, steps = estimates.holm(p_values)
    closer = {
        id(one): paired.t_test(one.differences).equivalence(one.measure.margin)
        for one in made
        if one.measure.margin is not None and len(one.differences) > 1
    }
    alike = dict(zip(closer, estimates.holm([*closer.values()]).adjusted, strict=True))
    for one, p_adjusted, step in zip(made, adjusted, steps, strict=False):
        own_level = estimates.bonferroni(step)
        verdict = replace(
            one.draft,
            estimate=None if _unsized(one) else one.test.at(own_level),
            p=one.test.p,
            p_adjusted=p_adjusted,
            level=own_level,
            family=len(p_values),
            effect_size=one.test.effect_size,
            margin=one.measure.margin,
            p_equivalence=alike.get(id(one)),
            joint=None if _unsized(one) else one.test.at(estimates.bonferroni(len(p_values))),
            spreads=_spreads(one),
            test=one.test.difference.method if _unsized(one) else "",
        )
        yield _with_sizes(replace(verdict, relation=_relation(verdict, one)), one)


def _spreads(one: Tested) -> tuple[Spread, ...]:
    """Return the spread of the differences or log ratios; none if they are all equal."""
    spread = paired.deviation(one.differences) if len(one.differences) > 1 else 0.0
    return (Spread(spread, len(one.differences) - 1),) if spread else ()


def _relation(verdict: Verdict, one: Tested) -> Relation:
    """Return the relation by the adjusted tests of a difference and of equivalence."""
    assert verdict.p_adjusted is not None
    effect = one.test.difference.value
    if verdict.quantity.scale == "ratio" and not _unsized(one):
        effect = math.log(effect) if effect else -math.inf
    if verdict.p_adjusted <= ALPHA and effect:
        return "higher" if effect > 0 else "lower"
    closer = verdict.p_equivalence is not None and verdict.p_equivalence <= ALPHA
    if closer and _within(verdict):
        return "equivalent"
    by_signs = one.test.difference.low is None
    smallest_p = 2.0 ** (1 - verdict.n)  # of all 2^n signs
    if by_signs and smallest_p > estimates.bonferroni(verdict.family):
        return "too few"
    return "unclear"


def _within(verdict: Verdict) -> bool:
    """Return whether the whole interval is within the margin, as a reader of both expects."""
    estimate, margin = verdict.estimate, verdict.margin
    assert estimate is not None and margin is not None
    if estimate.ends is None:
        return True
    low, high = estimate.ends
    if verdict.quantity.scale == "ratio":
        low, high = math.log(low), math.log(high)
    return -margin <= low and high <= margin


def _unsized(one: Tested) -> bool:
    """Return whether some times were not reached, so that there is a test but no ratio."""
    return one.measure.test == "times" and not one.differences


def _with_sizes(verdict: Verdict, one: Tested) -> Verdict:
    """Return the verdict with the sizes that these seeds and twice as many detect.

    A size is a difference in the unit of the figure, or the factor of a ratio. Settled verdicts
    have none.
    """
    if verdict.settled or not one.differences or verdict.level is None:
        return verdict
    turn: Callable[[float], float] = ratios.factor if verdict.quantity.scale == "ratio" else float
    smallest, doubled = (
        turn(power.detectable_by(verdict.spreads, verdict.n, seeds, verdict.level))
        for seeds in (verdict.n, 2 * verdict.n)
    )
    return replace(verdict, detectable=smallest, detectable_doubled=doubled)
