"""What would decide a conclusion: number of seeds by two methods, epochs, records, hours."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable
from pathlib import Path
from statistics import fmean, stdev

import numpy as np
import pytest
from scipy import stats as scipy_stats

from convcompare.comparison.assessment import Assessment
from convcompare.comparison.claims.plan import (
    ClaimPlan,
    cheapest_first,
    epoch_seconds,
    plans,
    total_seconds,
)
from convcompare.comparison.claims.plan_words import lacking
from convcompare.comparison.stats.power import power_within
from tests.support.cli import Result
from tests.support.runs import FCN, SIMPLE, shifted
from tests.support.studies import Judged, judging

BLOCKS = "CNN_with_residual_blocks"
LITTLE = shifted(FCN[:4], 0.0009)
"""0.09 points beside a spread of 0.09: too little for four seeds."""


@pytest.fixture
def judged(tmp_path: Path) -> Judged:
    return judging(tmp_path)


def plan_of(assessment: Assessment, number: int, words: str = "") -> ClaimPlan:
    (found,) = (
        one
        for one in plans(assessment)
        if one.finding.claim.number == number and words in one.finding.claim.sentence
    )
    return found


def power(effect: float, n: int, level: float, freedom: int) -> float:
    """Return the power by the noncentral t distribution, in the direction of the effect."""
    critical = scipy_stats.t.ppf(1 - level / 2, freedom)
    return float(scipy_stats.nct.sf(critical, freedom, effect * math.sqrt(n)))


def fewest(effect: float, level: float, lent: int = 0) -> int:
    return next(n for n in range(2, 200) if power(effect, n, level, n - 1 + lent) >= 0.8)


def test_seed_count_agrees_with_noncentral_t_and_simulation(judged: Judged) -> None:
    """Two networks alone: the plain paired t-test, one test of accuracy in the family."""
    plan = plan_of(judged("mnist", FCN=FCN[:4], Simple_CNN=LITTLE), 1)
    differences = [a - b for a, b in zip(LITTLE, FCN, strict=False)]
    effect = fmean(differences) / stdev(differences)
    assert plan.seeds == fewest(effect, 0.05) == 11
    assert (plan.would, lacking(plan)) == ("confirmed", "more seeds")
    drawn = np.random.default_rng(1).normal(effect, 1, (20_000, plan.seeds))
    for n, enough in ((plan.seeds, True), (plan.seeds - 1, False)):
        tests = scipy_stats.ttest_1samp(drawn[:, :n], 0, axis=1)
        share = np.mean((tests.pvalue <= 0.05) & (tests.statistic > 0))
        assert bool(share >= 0.795) is enough and abs(share - 0.8) < 0.06


def test_three_networks_share_spread_and_level(judged: Judged) -> None:
    """By hand: the mean variance of the three pairs weighs one degree of freedom beside three.

    The plain test has to reject, too, since one network varies more than the others.
    """
    near = shifted(SIMPLE[:4], 0.0004, 0.45)
    study = judged("mnist", FCN=FCN[:4], Simple_CNN=SIMPLE[:4], Residual_CNN=near)
    two, three = plan_of(study, 3), plan_of(study, 46)
    ((one, need),) = three.needs
    pairs = [np.subtract(a, b) for a, b in itertools.combinations((near, SIMPLE[:4], FCN[:4]), 2)]
    variance = fmean(float(np.var(pair, ddof=1)) for pair in pairs)
    own, difference = stdev(pairs[0]), fmean(pairs[0])
    pooled = math.sqrt((variance + 3 * own**2) / 4)
    level = 0.05 / 2  # the other two are claimed; moderated tests keep the level of two
    assert one.verdict.level == level
    by_each = fewest(difference / pooled, level, lent=1), fewest(difference / own, level)
    assert three.seeds == need.seeds == max(by_each)
    alone = fewest(difference / pooled, level), by_each[1]
    assert two.seeds == max(alone), "two networks share no spread with others"


def test_sizes_are_decided_by_the_interval_in_simulations(judged: Judged) -> None:
    """Within half a point: the share of simulated intervals that are."""
    loose = shifted(SIMPLE[:5], 0.0001, 5)
    plan = plan_of(judged("mnist-004", Simple_CNN=SIMPLE[:5], **{BLOCKS: loose}), 4, "nothing")
    differences = np.subtract(loose, SIMPLE[:5])
    level = 0.05 / plan.needs[0][0].verdict.family
    assert plan.seeds and plan.would == "confirmed"
    drawn = np.random.default_rng(2).normal(
        differences.mean(), differences.std(ddof=1), (20_000, plan.seeds)
    )
    shares = []
    for n in (plan.seeds, plan.seeds - 1):
        part = drawn[:, :n]
        half = scipy_stats.t.ppf(1 - level / 2, n - 1) * part.std(1, ddof=1) / math.sqrt(n)
        shares.append(np.mean(np.abs(part.mean(1)) + half < 0.005))
    assert shares[0] >= 0.79 and shares[1] < 0.81


@pytest.mark.parametrize(("effect", "margin", "n", "freedom"), [(0, 1, 8, 7), (0.3, 1.5, 5, 6)])
def test_the_power_within_a_margin(effect: float, margin: float, n: int, freedom: int) -> None:
    rng = np.random.default_rng(3)
    means = effect + rng.normal(0, 1, 200_000) / math.sqrt(n)
    spreads = np.sqrt(rng.chisquare(freedom, 200_000) / freedom)
    half = scipy_stats.t.ppf(0.975, freedom) * spreads / math.sqrt(n)
    share = np.mean((means - half > -margin) & (means + half < margin))
    assert power_within(effect, margin, n, 0.05, freedom) == pytest.approx(share, abs=0.004)


def test_difference_beyond_twenty_seeds_has_no_seed_count(judged: Judged) -> None:
    near = shifted(FCN[:4], 0.0002)
    plan = plan_of(judged("mnist", FCN=FCN[:4], Simple_CNN=near), 1)
    assert (plan.seeds, plan.seconds, plan.command, plan.trainings) == (None, None, None, ())
    differences = np.subtract(near, FCN[:4])
    found, smallest = plan.needs[0][1].sizes or (0, 0)
    assert found == pytest.approx(differences.mean())
    assert power(smallest / differences.std(ddof=1), 20, 0.05, 19) == pytest.approx(0.8, abs=1e-3)
    assert lacking(plan) == (
        f"Simple CNN against FCN: test accuracy is {100 * found:.3g} points from what would "
        f"decide it; 20 seeds detect {100 * smallest:.3g} points or more"
    )
    same = plan_of(judged("mnist", FCN=FCN[:4], Simple_CNN=FCN[:4]), 1)
    assert same.seeds is None and "no spread of test accuracy is known" in lacking(same)


def test_hours_are_those_of_the_missing_runs(judged: Judged) -> None:
    """Seconds of seed i are 10 + i/10 and 5 + i/10, and 0.1 for the test images."""
    study = judged("mnist", seconds={"Simple_CNN": 5}, FCN=FCN[:4], Simple_CNN=LITTLE)
    plan = plan_of(study, 1)
    assert plan.seeds == 11 and len(plan.trainings) == 2 * (11 - 4)
    assert plan.seconds == pytest.approx(7 * 15 * (10.15 + 0.1) + 7 * 15 * (5.15 + 0.1))
    both = [plan, plan_of(study, 1)]
    assert total_seconds(both) == pytest.approx(plan.seconds), "the same runs once"
    beside = [
        dataclasses.replace(run, history=(dataclasses.replace(run.history[0], jobs=2),))
        for run in study.comparison.groups[0].runs
    ]
    group = dataclasses.replace(study.comparison.groups[0], runs=tuple(beside))
    assert epoch_seconds(group) == pytest.approx(10.25), "as recorded, if never measured alone"


def test_one_pair_that_would_contradict_is_enough(judged: Judged) -> None:
    """ "Best of all": if it is behind one of two, the other need not be compared."""
    study = judged(
        "cifar10",
        FCN=FCN[:4],
        Residual_CNN=LITTLE,
        Regularized_Residual_CNN=shifted(FCN[:4], 0.0003, 0.9),
    )
    plan = plan_of(study, 11)
    assert plan.would == "contradicted" and plan.seeds
    assert plan.command is not None
    assert "--skip FCN" in plan.command and f"--seeds {plan.seeds}" in plan.command
    custom = judged(
        "custom-layers",
        custom_layers=SIMPLE[:4],
        attention=shifted(SIMPLE[:4], 0.0005, 0.7),
        custom_activation=shifted(SIMPLE[:4], 0.0012, 0.9),
        custom_pooling=shifted(SIMPLE[:4], 0.0004, 0.5),
    )
    best = plan_of(custom, 37, "best of the four")
    assert best.would == "contradicted"
    assert [one.verdict.baseline for one, _ in best.needs] == ["custom activation"]


def test_plan_after_fewer_epochs_has_those_of_the_report(judged: Judged) -> None:
    plan = plan_of(judged("mnist", epochs=2, FCN=FCN[:2], Simple_CNN=SIMPLE[:2]), 1)
    assert (plan.seeds, plan.epochs, plan.would) == (3, 15, None)
    assert lacking(plan) == "the report's 15 epochs, not 2"
    assert len(plan.trainings) == 6, "runs of fewer epochs are others"
    shorter = judged("residual-blocks", epochs=1, base=FCN[:1], Wide=SIMPLE[:1])
    stable = plan_of(shorter, 42)
    assert (stable.seeds, stable.epochs) == (10, 10), "spreads of fewer seeds are not compared"
    assert stable.command == (
        "convcompare study residual-blocks --seeds 10 --epochs 10 --skip Bottleneck"
    )


def test_one_seed_gets_a_first_comparison(judged: Judged) -> None:
    plan = plan_of(judged("mnist", FCN=FCN[:1], Simple_CNN=SIMPLE[:1]), 1)
    assert (plan.seeds, plan.would, len(plan.trainings)) == (3, None, 4)
    assert lacking(plan) == "3 seeds, which show a spread"


def test_excluded_seeds_are_replaced(judged: Judged) -> None:
    """A run at chance level leaves two pairs: three need a fourth seed."""
    plan = plan_of(judged("mnist", FCN=FCN[:3], Simple_CNN=(0.1, *FCN[1:3])), 1)
    assert (lacking(plan), plan.seeds, len(plan.trainings)) == (
        "3 seeds, which show a spread",
        4,
        2,
    )
    lost = plan_of(judged("mnist", FCN=FCN[:5], Simple_CNN=(*LITTLE, 0.1)), 1)
    assert lost.seeds == 11 + 1 and len(lost.trainings) == 2 * (12 - 5)


def test_missing_records_are_trained_again_or_measured(judged: Judged) -> None:
    three = {"FCN": FCN[:3], "Residual_CNN": SIMPLE[:3], "Regularized_Residual_CNN": SIMPLE[:3]}
    without, kept = judged("cifar10", **three), judged("cifar10", weights=b"w", **three)
    gap = plan_of(without, 9)
    assert gap.fresh and gap.command is not None and gap.command.endswith("--fresh")
    assert len(gap.trainings) == 3 and gap.would is None
    shifts, measured = plan_of(without, 14), plan_of(kept, 14)
    assert len(shifts.trainings) == 9 and "trained again" in lacking(shifts)
    assert (measured.trainings, measured.seconds, measured.fresh) == ((), 0, False)
    assert measured.command == "convcompare study cifar10 --seeds 3 --columns robustness"
    assert "measured on the stored weights, without training" in lacking(measured)


def test_command_has_the_options_of_the_records(judged: Judged) -> None:
    study = judged("mnist", FCN=FCN[:4], Simple_CNN=LITTLE)
    typed = ("study", "all", "depth", "-s", "4", "--epochs=15", "--skip", "depth", "--no-weights")
    made = dataclasses.replace(study.comparison, command=(*typed, "--precision", "bf16", "--fresh"))
    again = dataclasses.replace(study, comparison=made)
    assert plan_of(again, 1).command == (
        "convcompare study mnist --seeds 11 --no-weights --precision bf16 --skip 'Residual CNN'"
    )
    numbers = [one.finding.claim.number for one in plans(again)]
    assert numbers == [1], "networks that did not run have no plan"


def test_decided_conclusions_have_no_plan(judged: Judged) -> None:
    assert plans(judged("mnist", FCN=FCN[:5], Simple_CNN=SIMPLE[:5])) == []


def test_plan_names_conclusions_without_runs(judged: Judged, run: Callable[..., Result]) -> None:
    study = judged("mnist", FCN=FCN[:5], Simple_CNN=SIMPLE[:5])
    study.store.add_comparison("20260101T000000000000.json", study.comparison.record())
    shown = run("study", "mnist", "--plan", "--store", str(study.store.root)).out
    assert "mnist: not examined, without a finished run of `Residual CNN`: 3, 14, 46" in shown


def test_plan_is_printed_cheapest_first(judged: Judged, run: Callable[..., Result]) -> None:
    near = shifted(FCN[:4], 0.0002)
    study = judged("mnist", FCN=FCN[:4], Simple_CNN=LITTLE, Residual_CNN=near)
    study.store.add_comparison("20260101T000000000000.json", study.comparison.record())
    store = ("--store", str(study.store.root))
    found = run("study", "mnist", "--plan", *store, "--format", "json").json()
    seconds = [one["seconds"] for one in found["plans"]]
    known = [one for one in seconds if one is not None]
    assert known == sorted(known) and seconds[len(known) :] == [None] * seconds.count(None)
    expected = cheapest_first(plans(study))
    assert [one["number"] for one in found["plans"]] == [p.finding.claim.number for p in expected]
    assert [one["seeds"] for one in found["plans"]] == [p.seeds for p in expected]
    assert all(one["command"] is None for one in found["plans"] if one["seeds"] is None)
    shown = run("study", "--plan", *store).out
    assert "more seeds" in shown and "80 % power" in shown and "shared runs once" in shown
    made = dataclasses.replace(study.comparison.conditions, dataset="shapes")
    elsewhere = dataclasses.replace(study.comparison, conditions=made)
    study.store.add_comparison("20260102T000000000000.json", elsewhere.record())
    own = run("study", "--plan", *store).out
    assert "run on other images than the report's" in own and "decide every" not in own
    missing = run("study", "depth", "--plan", *store)
    assert missing.code == 2 and "there is no run of study `depth`" in missing.err
    assert run("study", "--plan", "--store", "nothing").code == 2
