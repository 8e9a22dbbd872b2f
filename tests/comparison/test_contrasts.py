"""Verdicts on pairs of networks."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from scipy import stats as scipy_stats

from convcompare.comparison import verdict_words
from convcompare.comparison.contrasts import contrasts, spread
from convcompare.comparison.cost_contrasts import cost_contrasts
from convcompare.comparison.doubts import doubts
from convcompare.comparison.pair_tests import PairTests
from convcompare.comparison.pairs import pairs
from convcompare.comparison.quantity import ACCURACY
from convcompare.comparison.run_flags import ChanceLevel, marks
from convcompare.comparison.stats import power
from convcompare.comparison.stats.paired import Spread
from convcompare.comparison.stats.sequential import Look
from convcompare.comparison.verdict import Differing, LeftOut, Refusal, Verdict
from convcompare.comparison.verdict_json import contrast_json
from convcompare.core.errors import UsageError
from convcompare.store.cost import Timing
from convcompare.store.json_fields import to_record
from convcompare.store.run import Run
from tests.support.runs import (
    FCN,
    NOISE,
    SIMPLE,
    comparison,
    hits_of,
    no_hits,
    series,
    shifted,
    trained,
)


def judged(*runs: Run, all_pairs: bool = False) -> tuple[Verdict, ...]:
    return contrasts(pairs(comparison(*runs), "fcn", all_pairs), PairTests(no_hits))


def one(*runs: Run, look: Look | None = None, margin: float | None = None) -> Verdict:
    tests = PairTests(no_hits)
    (only,) = contrasts(pairs(comparison(*runs), "fcn"), tests, look, margin)
    return only


def test_clear_difference_is_better_by_its_points() -> None:
    found = one(*series("fcn", FCN[:5]), *series("simple", shifted(FCN[:5], 0.008)))
    other = scipy_stats.ttest_rel(shifted(FCN[:5], 0.008), FCN[:5])
    assert found.p == found.p_adjusted == pytest.approx(other.pvalue)
    assert found.estimate is not None
    interval = (found.estimate.low, found.estimate.high)
    assert interval == pytest.approx(tuple(other.confidence_interval(0.95)))
    assert verdict_words.words(found) == "better by 0.81 ± 0.10 points"
    assert (found.quantity, found.relation, found.n) == (ACCURACY, "higher", 5)
    assert verdict_words.method(found) == "paired t over 5 seeds"
    assert verdict_words.sentence(found) == "better than fcn by 0.81 ± 0.10 points"


def test_worse_has_a_positive_size() -> None:
    found = one(*series("fcn", FCN[:5]), *series("simple", shifted(FCN[:5], -0.008)))
    assert verdict_words.words(found) == "worse by 0.79 ± 0.10 points"
    assert found.estimate is not None
    assert found.estimate.value == pytest.approx(-0.00794)


def test_seeds_are_paired_and_not_pooled() -> None:
    """A difference of 0.2 points with a spread of 2 is found only by pairing seeds."""
    accuracies = (0.60, 0.64, 0.58, 0.66, 0.62)
    runs = series("simple", shifted(accuracies, 0.002))
    found = one(*series("fcn", accuracies), *reversed(runs))
    assert found.relation == "higher"


def test_no_clear_difference_requires_sufficient_power() -> None:
    near = one(*series("fcn", FCN[:5]), *series("simple", shifted(FCN[:5], 0.0002)))
    assert verdict_words.words(near) == "no clear difference (0.03 ± 0.10 points)"
    assert verdict_words.outlook(near) == "10 seeds could show 0.08 points"
    wide = one(*series("fcn", FCN[:5]), *series("simple", shifted(FCN[:5], 0.002, noise=20)))
    assert wide.relation == "too few"
    told = verdict_words.sentence(wide)
    assert told.startswith("+0.3 ± 2.0 points against fcn, inconclusive at 5 seeds (")
    assert told.endswith("(a difference under about 3 points would often be missed)")
    two = one(*series("fcn", FCN[:2]), *series("simple", shifted(FCN[:2], 0.0002, noise=0.1)))
    assert two.relation == "too few", "two seeds never show that there is nothing"


@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_no_clear_difference_is_wrong_in_one_case_of_twenty(seeds: int) -> None:
    """Differences that vary so much that one point would be missed in more than 20 %: only one
    sample of 20 looks narrow enough, as the upper limit of the spread is what counts."""
    sizes = np.random.default_rng(0).normal(size=(4000, seeds)).std(1, ddof=1)
    true = 0.01 / power.detectable(1.0, seeds, 0.05)
    upper = [Spread(true * size, seeds - 1).upper().deviation for size in sizes]
    said = np.mean([power.detectable(one, seeds, 0.05) <= 0.01 for one in upper[:400]])
    assert np.mean(np.array(upper) < true) == pytest.approx(0.05, abs=0.012)
    assert said == np.mean(np.array(upper[:400]) <= true)


def test_equal_differences_in_every_seed_are_no_proof() -> None:
    found = one(*series("fcn", FCN[:3]), *series("simple", tuple(a + 0.001 for a in FCN[:3])))
    assert found.p == 2 / 2**3
    assert verdict_words.words(found) == "+0.10 points in all 3 seeds, inconclusive"
    same = one(*series("fcn", FCN[:3]), *series("simple", FCN[:3]))
    assert verdict_words.words(same) == "no clear difference (0.00 points)"


def test_sign_flips_are_reported_and_decide_nothing() -> None:
    found = one(*series("fcn", FCN[:6]), *series("simple", SIMPLE[:6]))
    assert found.p_flip == 2 / 2**6
    assert (
        found.p
        == found.p_paired
        == pytest.approx(scipy_stats.ttest_rel(SIMPLE[:6], FCN[:6]).pvalue)
    )
    record = contrast_json(found)
    assert (record["p_flip"], record["method"]) == (2 / 2**6, "paired t over 6 seeds")
    assert found.relation == "higher"


def test_additional_seed_keeps_a_clear_difference() -> None:
    worse = tuple(a - 0.02 for a in FCN)
    for n in range(3, 9):
        runs = [*series("fcn", FCN[:n]), *series("simple", SIMPLE[:n])]
        runs += series("linear", shifted(worse, 0, 0.5)[:n])
        found = judged(*runs, all_pairs=True)
        assert [c.relation for c in found] == ["higher", "lower", "lower"], n
        assert [(c.model, c.baseline) for c in found][2] == ("linear", "simple")


def test_holm_and_intervals_count_all_contrasts() -> None:
    runs = [*series("fcn", FCN[:4]), *series("simple", shifted(FCN[:4], 0.0018))]
    alone = one(*runs)
    runs += series("wide", shifted(FCN[:4], 0.0001, -1)) + series("deep", FCN[:4])
    found = {c.model: c for c in judged(*runs)}
    assert alone.p_adjusted is not None and alone.p is not None
    assert found["simple"].p == alone.p
    assert found["simple"].p_adjusted == pytest.approx(3 * alone.p)
    assert alone.relation == "higher"
    assert found["simple"].relation == "unclear"
    estimate = found["simple"].estimate
    assert estimate is not None
    low, high = estimate.low, estimate.high
    assert low is not None and high is not None
    assert low < 0 < high, "the interval does not claim what the verdict does not"
    assert found["simple"].level == pytest.approx(0.05 / 3)
    assert contrast_json(found["simple"])["confidence"] == pytest.approx(1 - 0.05 / 3)
    assert verdict_words.method(found["simple"]).endswith("Holm over 3 contrasts")


def test_one_seed_compares_two_trained_networks() -> None:
    pair = comparison(trained("fcn", 0, 0.9), trained("simple", 0, 0.96))
    (found,) = contrasts(pairs(pair, None), PairTests(hits_of))
    assert verdict_words.method(found) == "McNemar's exact test over the images"
    assert verdict_words.words(found) == "ended 6.0 ± 1.6 points above, one seed"
    assert contrast_json(found)["decided"] == "differ"
    assert verdict_words.note(found).startswith(
        "one seed: this is about these two trained networks"
    )
    pair = comparison(trained("fcn", 0, 0.9), trained("simple", 0, 0.905))
    (close,) = contrasts(pairs(pair, None), PairTests(hits_of))
    assert close.relation == "too few"
    assert verdict_words.sentence(close) == "+0.5 ± 1.5 points against fcn, inconclusive: one seed"


def test_pair_is_tested_once_for_all_families() -> None:
    """Predictions are read once per run, for any number of contrasts and families."""
    read: list[str] = []

    def hits(run: Run) -> np.ndarray:
        read.append(run.trial.label)
        return hits_of(run)

    whole = comparison(*(trained(n, 0, a) for n, a in (("fcn", 0.9), ("a", 0.93), ("b", 0.96))))
    tests, every = PairTests(hits), pairs(whole, "fcn", all_pairs=True)
    assert contrasts(every, tests) == contrasts(every, tests)
    assert len(contrasts(every[1:], tests)) == 2
    assert sorted(read) == ["a", "b", "fcn"]
    assert tests.of(every[0]) is tests.of(every[0])


def test_runs_with_other_settings_are_not_compared() -> None:
    runs = [trained("fcn", s, 0.97, epochs=15) for s in (0, 1)]
    runs += [trained("simple", s, 0.99 + 0.001 * s, epochs=10) for s in (0, 1)]
    found = one(*runs)
    assert (found.relation, found.p) == ("refused", None)
    assert found.refusal == Refusal("settings", (), (Differing("epochs", ("10",), ("15",)),))
    assert verdict_words.words(found) == "not compared: trained 10 epochs against 15"
    runs = [trained("fcn", 0, 0.97), trained("simple", 0, 0.99, lr=0.01, precision="bf16")]
    assert verdict_words.words(one(*runs)) == (
        "not compared: lr 0.01 against 0.001, precision bf16 against fp32"
    )
    (cost,) = cost_contrasts(pairs(comparison(*runs), "fcn"))
    assert verdict_words.words(cost).startswith("times not compared: lr")


def test_runs_on_other_images_are_not_compared() -> None:
    fcn, simple = trained("fcn", 0, 0.97), trained("simple", 0, 0.99)
    other = dataclasses.replace(simple, trial=dataclasses.replace(simple.trial, data="cd"))
    assert "other images under the same name" in verdict_words.words(one(fcn, other))
    other = dataclasses.replace(
        simple, trial=dataclasses.replace(simple.trial, data="cd", dataset="cifar10")
    )
    assert verdict_words.words(one(fcn, other)) == "not compared: dataset cifar10 against mnist"


def test_failed_runs_are_excluded_and_named() -> None:
    runs = [*series("fcn", FCN[:4]), *series("simple", shifted(FCN[:4], 0.008))]
    runs[5] = dataclasses.replace(runs[5], status="diverged", history=())
    found = one(*runs)
    assert found.left_out == (LeftOut("simple", (1,)),)
    assert (found.n, verdict_words.note(found)) == (
        3,
        "without seed 1: no run of simple that counts",
    )
    more = [*series("fcn", [*FCN[:4]] * 2), *series("simple", shifted(FCN[:4], 0.008))]
    assert verdict_words.note(one(*more)) == "without seeds 4 to 7: no run of simple that counts"
    bad = [dataclasses.replace(r, status="failed", history=()) for r in runs[4:]]
    assert verdict_words.words(one(*runs[:4], *bad)) == "not compared: no run of simple counts"
    worse = [dataclasses.replace(r, status="failed", history=()) for r in runs[:4]]
    both = "not compared: no run of simple or fcn counts"
    assert verdict_words.words(one(*worse, *bad)) == both
    apart = [trained("fcn", 0, 0.97), trained("simple", 1, 0.99)]
    assert verdict_words.words(one(*apart)) == "not compared: they have no seed in common"


def test_refused_contrast_is_not_in_the_family() -> None:
    runs = [*series("fcn", FCN[:4]), *series("simple", shifted(FCN[:4], 0.0018))]
    found = judged(*runs, trained("late", 0, 0.98, epochs=9))
    assert [c.relation for c in found] == ["higher", "refused"]


def test_baseline_must_be_among_the_models() -> None:
    with pytest.raises(UsageError) as caught:
        pairs(comparison(*series("simple", FCN), *series("fcn", FCN)), "simpel")
    assert caught.value.hint == "did you mean `simple`?"
    assert pairs(comparison(*series("simple", FCN)), None) == []


def test_equal_networks_are_found_equivalent() -> None:
    runs = [*series("fcn", FCN), *series("simple", shifted(FCN, 0.0001))]
    found = one(*runs, margin=0.005, look=Look((3, 5, 8, 13, 20), 2))
    assert found.relation == "equivalent"
    assert verdict_words.words(found).startswith("no difference larger than 0.5 points (0.01 ± ")
    assert verdict_words.sentence(found).startswith("no difference from fcn larger than 0.5 points")
    assert found.settled
    assert not one(*runs[:2], *runs[8:10], margin=0.0005).settled


LOOKS = (3, 5, 8, 13, 20)


def test_hopeless_contrast_is_stopped() -> None:
    noisy = shifted(FCN, 0.0002, 20)
    runs = [*series("fcn", FCN), *series("simple", noisy)]
    found = one(*runs, margin=0.001, look=Look(LOOKS, 2))
    assert (found.stopped_before, found.settled, found.open) == (20, False, False)
    assert "stopped: more seeds, up to 20, would hardly ever decide it" in verdict_words.note(found)
    assert contrast_json(found)["stopped_before"] == 20
    assert one(*runs, margin=0.1, look=Look(LOOKS, 2)).stopped_before is None, "equivalence may be"
    last = one(*runs, margin=0.001, look=Look((3, 5, 8), 2))
    assert last.stopped_before is None and last.open, "there are no more seeds to save"


def test_claim_at_a_look_passes_its_level_to_the_others() -> None:
    """A group-sequential Holm procedure: three contrasts, one of them settled at three seeds."""
    runs = [*series("fcn", FCN), *series("simple", SIMPLE[:3])]
    runs += [*series("wide", shifted(FCN, 0.0001, 2)), *series("deep", shifted(FCN, 0.0002, -2))]
    family = pairs(comparison(*runs), "fcn")
    first = contrasts(
        [dataclasses.replace(p, runs=p.runs[:3]) for p in family],
        PairTests(no_hits),
        Look(LOOKS, 0),
        0.0001,
    )
    settled = {(v.model, v.baseline): v for v in first if v.settled}
    assert list(settled) == [("simple", "fcn")]
    look = Look(LOOKS, 2)
    later = {v.model: v for v in contrasts(family, PairTests(no_hits), look, 0.0001, settled)}
    assert later["simple"] is settled["simple", "fcn"]
    assert {later[name].level for name in ("wide", "deep")} == {look.level(2)}
    assert {later[name].n for name in ("wide", "deep")} == {8}
    assert later["wide"].family == 3
    whole = contrasts(family, PairTests(no_hits), look)
    assert whole[1].level == look.level(3), "three seeds take no step"


def test_contrasts_go_to_json() -> None:
    record = contrast_json(one(*series("fcn", FCN), *series("simple", SIMPLE)))
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    asked = "model baseline difference low high p p_adjusted method effect_size n verdict"
    assert set(asked.split()) <= set(record)


def test_spread_of_earlier_runs() -> None:
    runs = [*series("fcn", FCN), *series("simple", shifted(FCN, 0.01))]
    assert spread(comparison(*runs)) == pytest.approx(np.std(NOISE, ddof=1))
    assert spread(comparison(*runs[:1], *runs[8:9])) is None


@pytest.mark.parametrize(("waited", "refused"), [(1.9, False), (2.1, True), (None, False)])
def test_times_on_a_shared_machine_are_not_compared(waited: float | None, refused: bool) -> None:
    """Two threads for 10 seconds: more than 2 of their 20 seconds spent waiting for a core."""
    busy = trained("b", 0, 0.9)
    epoch = dataclasses.replace(busy.history[0], waited_seconds=waited)
    whole = comparison(trained("a", 0, 0.9), dataclasses.replace(busy, history=(epoch,)))
    (cost,) = cost_contrasts(pairs(whole, "a"))
    assert (cost.relation == "refused") is refused
    assert (verdict_words.words(cost) == "times not compared: b shared the machine") is refused


@pytest.mark.parametrize(("stopped", "refused"), [(0.9, False), (1.1, True), (None, False)])
def test_times_of_a_suspended_process_are_not_compared(
    stopped: float | None, refused: bool
) -> None:
    """Stopped for more than 1 of its 10 seconds, like an epoch of 1.3 s that took 16.3 s."""
    held = trained("b", 0, 0.9)
    epoch = dataclasses.replace(held.history[0], stopped_seconds=stopped)
    held = dataclasses.replace(held, history=(epoch,))
    whole = comparison(trained("a", 0, 0.9), held)
    (cost,) = cost_contrasts(pairs(whole, "a"))
    assert (verdict_words.words(cost) == "times not compared: b was stopped meanwhile") is refused
    found = {mark.name: mark.text for mark in marks(held, ChanceLevel(0.1, 100))}
    assert ("stopped" in found) is refused
    if refused:
        assert "did not run for 11 % of its training time" in found["stopped"]
    doubtful = doubts([(held, name) for name in found])
    assert ("stopped" in doubtful.of_run(held, "time")) is refused
    assert not doubtful.of_run(held, "accuracy") & {"stopped"}


def test_varying_cost_leaves_accuracies_and_times_comparable() -> None:
    run = dataclasses.replace(trained("a", 0, 0.9), found=("varying cost",))
    found = [mark.name for mark in marks(run, ChanceLevel(0.1, 100))]
    doubtful = doubts([(run, name) for name in found])
    assert "varying cost" in found
    assert not (doubtful.of_run(run, "accuracy") | doubtful.of_run(run, "time")) & {*found}


def test_older_records_without_stops_keep_their_bytes() -> None:
    epoch = trained("a", 0, 0.9).history[0]
    assert "stopped_seconds" not in to_record(epoch)
    assert to_record(dataclasses.replace(epoch, stopped_seconds=0.0))["stopped_seconds"] == 0.0


@pytest.mark.parametrize(("waited", "refused"), [(0.09, False), (0.11, True), (None, False)])
def test_times_measured_afterwards_are_not_compared_with_others(
    waited: float | None, refused: bool
) -> None:
    def timed(label: str, waited: float | None) -> Run:
        one = trained(label, 0, 0.9)
        alone = dataclasses.replace(one.environment, jobs=1)
        timing = Timing(alone, 100, 15, 0.01, 0.009, 0.011, waited=waited)
        beside = dataclasses.replace(one.environment, jobs=2)
        return dataclasses.replace(one, environment=beside, timing=timing)

    whole = comparison(timed("a", 0.0), timed("b", waited))
    (cost,) = cost_contrasts(pairs(whole, "a"))
    assert (verdict_words.words(cost) == "times not compared: b shared the machine") is refused
    found = [mark.hint for mark in marks(whole.groups[1].runs[0], ChanceLevel(0.1, 100))]
    assert any("measures it again, on an idle machine" in hint for hint in found) is refused


def test_equal_means_have_no_difference_of_rounding() -> None:
    """The mean of 0.86 and 0.84 is less than that of 0.9 and 0.8 by the last bit of a float."""
    found = one(*series("fcn", (0.9, 0.8)), *series("simple", (0.86, 0.84)))
    assert found.estimate is not None and found.estimate.value == 0
    assert verdict_words.words(found) == "0.00 points, inconclusive at 2 seeds"


@pytest.mark.parametrize("number", [0, 1, 2])
def test_adjusted_p_value_agrees_with_the_verdict_at_every_look(number: int) -> None:
    """A look has a level below 5 %, so a p-value just below 5 % is adjusted to above it."""
    look = Look((3, 5, 8), number)
    decided = set()
    for by in np.geomspace(0.0003, 0.02, 28):
        found = one(*series("fcn", FCN[: look.seeds]),
                    *series("simple", shifted(FCN[: look.seeds], by)), look=look)  # fmt: skip
        assert found.estimate and found.p is not None and found.p_adjusted is not None
        low, high = found.estimate.low, found.estimate.high
        assert low is not None and high is not None
        assert found.differs == (found.p_adjusted <= 0.05) == (low > 0 or high < 0)
        assert found.p_adjusted == pytest.approx(min(1, found.p * 0.05 / look.level()))
        decided.add((found.differs, found.p <= 0.05))
    assert (False, True) in decided and (True, True) in decided
