"""Outcomes of claims, from constructed verdicts and by comparison with scipy."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats as scipy_stats

from convcompare.comparison.claims.counted import counted
from convcompare.comparison.claims.outcomes import margin_of, outcome
from convcompare.comparison.figures.catalogue import named
from convcompare.comparison.figures.judge import Question, family_of
from convcompare.comparison.figures.one_sample import OneSample
from convcompare.comparison.model_runs import ModelRuns
from convcompare.comparison.pair_tests import PairTests
from convcompare.comparison.stats.estimates import Estimate
from convcompare.comparison.study import Claim, Statement, Study, StudyRow, claim, part
from convcompare.comparison.verdict import Refusal, Relation, Verdict, turned
from convcompare.core.errors import UsageError
from convcompare.store.run import TrainEvaluation
from convcompare.store.run_store import RunStore
from tests.support.runs import no_hits, series

NOWHERE, TESTS = RunStore(Path("nowhere")), PairTests(no_hits)
ACCURACY, TIME, MACS = (named(name).quantity for name in ("accuracy", "time", "macs"))


def interval(low: float, high: float, relation: Relation = "unclear", n: int = 3) -> Verdict:
    """A verdict on accuracy with this simultaneous interval."""
    joint = Estimate((low + high) / 2, low, high, n, "made")
    return Verdict("a", "b", ACCURACY, relation, n, joint, joint=joint)


def ratio(low: float, high: float, relation: Relation = "unclear") -> Verdict:
    joint = Estimate(math.sqrt(low * high), low, high, 3, "made")
    return Verdict("a", "b", TIME, relation, 3, joint, joint=joint)


def count(a: float, b: float) -> Verdict:
    relation: Relation = "higher" if a > b else "lower" if a < b else "equal"
    return Verdict("a", "b", MACS, relation, values=(a, b))


@pytest.mark.parametrize(
    ("statement", "verdict", "said"),
    [
        (Statement(">"), interval(0.01, 0.02, "higher"), "confirmed"),
        (Statement(">"), interval(-0.02, -0.01, "lower"), "contradicted"),
        (Statement(">"), interval(-0.01, 0.02), "inconclusive"),
        (Statement(">", by=0.1), interval(0.11, 0.2, "higher"), "confirmed"),
        (Statement(">", by=0.1), interval(0.05, 0.2, "higher"), "inconclusive"),
        (Statement(">", by=0.1), interval(0.05, 0.09, "higher"), "contradicted"),
        (Statement("<", by=0.1), interval(0.05, 0.09, "higher"), "confirmed"),
        (Statement("="), interval(-0.004, 0.004), "confirmed"),
        (Statement("="), interval(0.001, 0.004, "higher"), "confirmed"),
        (Statement("="), interval(0.001, 0.02, "higher"), "inconclusive"),
        (Statement("="), interval(0.006, 0.02, "higher"), "contradicted"),
        (Statement("=", margin=0.05), interval(0.006, 0.02, "higher"), "confirmed"),
        (Statement("=", by=0.015, margin=0.005), interval(0.011, 0.019, "higher"), "confirmed"),
        (Statement("=", by=0.015, margin=0.005), interval(-0.004, 0.004), "contradicted"),
        (Statement("<="), interval(-0.03, 0.004), "confirmed"),
        (Statement("<="), interval(-0.03, 0.006), "inconclusive"),
        (Statement("<="), interval(0.001, 0.006, "higher"), "contradicted"),
        (Statement("<="), interval(0.001, 0.004, "higher"), "confirmed"),
        (Statement(">="), interval(-0.004, 0.03), "confirmed"),
        (Statement(">="), interval(-0.02, -0.001, "lower"), "contradicted"),
        (Statement(">"), interval(0.01, 0.02, "higher", n=1), "inconclusive"),
        (Statement("=", "time"), ratio(0.95, 1.05), "confirmed"),
        (Statement("=", "time"), ratio(0.85, 0.9, "lower"), "contradicted"),
        (Statement("=", "time", by=1.15), ratio(1.1, 1.2, "higher"), "confirmed"),
        (Statement("=", "time", by=2, margin=1.2), ratio(1.5, 1.6, "higher"), "contradicted"),
        (Statement("<", "time", by=1.2), ratio(1.05, 1.1, "higher"), "confirmed"),
        (Statement(">", "time"), ratio(0.95, 1.05, "equivalent"), "inconclusive"),
        (Statement("<", "macs"), count(3, 4), "confirmed"),
        (Statement("<", "macs"), count(4, 4), "contradicted"),
        (Statement("=", "macs"), count(4, 4), "confirmed"),
        (Statement("=", "macs"), count(4, 5), "contradicted"),
        (Statement("<=", "macs"), count(4, 4), "confirmed"),
        (Statement("=", "macs", margin=1.1), count(22, 20), "confirmed"),
        (Statement("=", "macs", margin=1.1), count(18, 20), "contradicted"),
        (Statement("=", "macs", by=2, margin=1.1), count(195, 100), "confirmed"),
        (Statement("=", "macs", margin=1.1), count(math.inf, 20), "contradicted"),
        (Statement(">", "macs", by=1.5), count(math.inf, 20), "confirmed"),
    ],
)
def test_outcome_and_that_of_the_reversed_claim(
    statement: Statement, verdict: Verdict, said: str
) -> None:
    assert outcome(statement, verdict) == said
    if verdict.values == (math.inf, 20):
        return
    opposite = {">": "<", "<": ">", "=": "=", ">=": "<=", "<=": ">="}
    by = statement.by
    if by is not None:
        by = -by if verdict.quantity == ACCURACY else 1 / by
    mirrored = dataclasses.replace(statement, sign=opposite[statement.sign], by=by)
    assert outcome(mirrored, turned(verdict)) == said


def test_picked_seeds_collapses_and_missing_records_decide_nothing() -> None:
    better = interval(0.01, 0.02, "higher")
    assert outcome(Statement(">"), better, picked=True) == "inconclusive"
    assert outcome(Statement("<", "macs"), count(3, 4), picked=True) == "confirmed"
    for reason, said in (("no run", "inconclusive"), ("not recorded", "not recorded")):
        refused = dataclasses.replace(better, relation="refused", refusal=Refusal(reason))  # type: ignore[arg-type]
        assert outcome(Statement(">"), refused) == said


def test_claimed_size_requires_a_margin() -> None:
    with pytest.raises(ValueError, match="test-loss needs a margin"):
        margin_of(Statement("=", "test-loss"), named("test-loss").quantity)


GAPS = (0.061, 0.055, 0.070, 0.058)


def overfitted(gaps: tuple[float, ...]) -> ModelRuns:
    """Runs with these gaps between train and test accuracy."""
    runs = series("net", tuple(0.9 - gap for gap in gaps))
    found = TrainEvaluation(100, 0.1, 0.9)
    return ModelRuns("net", tuple(dataclasses.replace(r, train_evaluation=found) for r in runs))


def test_figure_against_a_number_uses_the_one_sample_t_test() -> None:
    gap = named("gap")
    (verdict,) = family_of([Question(gap, OneSample(overfitted(GAPS), 0.05))], NOWHERE, TESTS)
    expected = scipy_stats.ttest_1samp(GAPS, 0.05)
    assert verdict.p == pytest.approx(expected.pvalue)
    ends = expected.confidence_interval(0.95)
    assert verdict.joint is not None
    assert (verdict.joint.low, verdict.joint.high) == pytest.approx(np.array(ends) - 0.05)
    assert (verdict.relation, verdict.baseline, verdict.n) == ("higher", "5 points", 4)
    assert outcome(Statement(">", "gap"), verdict) == "confirmed"
    without = OneSample(ModelRuns("net", tuple(series("net", (0.9, 0.8, 0.9)))), 0.05)
    (lacking,) = family_of([Question(gap, without)], NOWHERE, TESTS)
    assert outcome(Statement(">", "gap"), lacking) == "not recorded"
    two = OneSample(overfitted(GAPS[:2]), 0.05)
    (few,) = family_of([Question(gap, two)], NOWHERE, TESTS)
    assert outcome(Statement(">", "gap"), few) == "inconclusive"


def test_ratio_against_a_number_is_tested_by_logarithms() -> None:
    seconds = (10.0, 10.1, 10.2, 10.3)
    group = ModelRuns("net", tuple(series("net", (0.9,) * 4)))
    (verdict,) = family_of([Question(named("time"), OneSample(group, 8.0))], NOWHERE, TESTS)
    expected = scipy_stats.ttest_1samp(np.log(seconds), np.log(8))
    assert verdict.p == pytest.approx(expected.pvalue)
    assert verdict.estimate is not None
    assert verdict.estimate.value == pytest.approx(scipy_stats.gmean(seconds) / 8)


def test_only_figures_with_a_one_sample_test_are_compared_with_a_number() -> None:
    group = ModelRuns("net", tuple(series("net", (0.9, 0.8, 0.85))))
    with pytest.raises(UsageError, match="not with a number"):
        family_of([Question(named("stability"), OneSample(group, 0.01))], NOWHERE, TESTS)


def test_claimed_sizes_use_the_level_of_the_whole_family() -> None:
    """By hand: two tests, so 97.5 % each, whatever the step at which Holm decided."""
    group = overfitted(GAPS)
    gap, time = named("gap"), named("time")
    asked = [Question(gap, OneSample(group, 0.05)), Question(time, OneSample(group, 8.0))]
    first, _ = family_of(asked, NOWHERE, TESTS)
    ends = scipy_stats.t.interval(0.975, 3, np.mean(GAPS), scipy_stats.sem(GAPS))
    assert first.joint is not None
    assert (first.joint.low, first.joint.high) == pytest.approx(np.array(ends) - 0.05)


ROWS = (StudyRow("a", "cnn", None), StudyRow("b", "cnn", None), StudyRow("c", "cnn", None))
COUNTS = {
    "a": {"parameters": 10, "macs": 5},
    "b": {"parameters": 20, "macs": None},
    "c": {"parameters": 30, "macs": 4},
}


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (
            claim(1, "s", part("a", "<", ("b", "c"), "parameters")),
            "confirmed by the counts, 10 parameters",
        ),
        (
            claim(1, "s", part("a", ">", ("b", "c"), "parameters")),
            "contradicted by the counts, 10 parameters",
        ),
        (claim(1, "s", part("a", ">", "b"), part("a", ">", "b", "parameters")), "contradicted"),
        (claim(1, "s", part("a", ">", "b"), part("a", "<", "b", "parameters")), None),
        (
            claim(1, "s", part("a", ">", "c").or_("<", "parameters")),
            "confirmed by the counts, 10 parameters",
        ),
        (claim(1, "s", part("a", ">", "c").or_("<", "macs")), None),
        (claim(1, "s", part("a", "<", "b", "macs")), None),
        (claim(1, "s", part("a", "<", "d", "macs")), None),
        (claim(1, "s", part("c", "=", "a", "parameters", by=3)), "30 parameters against 10 (claim"),
        (
            claim(1, "s", part("c", "=", "a", "parameters", by=2)),
            "contradicted by the counts, 30 parameters",
        ),
    ],
)
def test_counts_decide_claims_before_any_run(one: Claim, said: str | None) -> None:
    found = counted(Study("000", "a study", "mnist", ROWS, claims=(one,)), COUNTS)
    assert len(found) == (said is not None)
    assert all(said in sentence for sentence in found if said)
