"""Detectable differences, and adding seeds until the result is clear."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from statsmodels.stats.power import TTestPower
from statsmodels.stats.weightstats import DescrStatsW

from convcompare.comparison import unplanned_looks
from convcompare.comparison.contrasts import spread
from convcompare.comparison.power_words import detectable_words
from convcompare.comparison.stats import look_levels, paired, power, sequential, spending
from tests.support.runs import comparison, trained


@settings(max_examples=25)
@given(st.integers(3, 60), st.sampled_from([0.05, 0.05 / 3, 0.0075]), st.floats(0.001, 10))
def test_the_detectable_difference_has_that_power(n: int, alpha: float, spread: float) -> None:
    difference = power.detectable(spread, n, alpha)
    other = TTestPower().power(difference / spread, n, alpha, alternative="two-sided")
    assert other == pytest.approx(0.8, abs=1e-3)


@pytest.mark.parametrize(("n", "alpha"), [(2, 0.05), (2, 0.05 / 3), (3, 0.0075), (8, 0.05)])
def test_the_detectable_difference_is_found_that_often(n: int, alpha: float) -> None:
    rng = np.random.Generator(np.random.PCG64(1))
    draws = rng.normal(power.detectable(1, n, alpha), 1, (100_000, n))
    t = draws.mean(1) / draws.std(1, ddof=1) * n**0.5
    found = scipy_stats.t.sf(t, n - 1) <= alpha / 2
    assert float(found.mean()) == pytest.approx(0.8, abs=0.006)


def test_one_seed_has_no_detectable_difference() -> None:
    with pytest.raises(ValueError, match="two seeds"):
        power.detectable(1, 1)


@given(st.integers(2, 30), st.integers(0, 100))
def test_looks_grow_to_the_maximum_of_seeds(first: int, more: int) -> None:
    schedule = sequential.looks(first, first + more)
    assert (schedule[0], schedule[-1]) == (first, first + more)
    assert list(schedule) == sorted(set(schedule))
    assert sum(spending.spent(schedule, 0.05)) == pytest.approx(0.05)


def test_the_planned_looks() -> None:
    assert sequential.looks() == (3, 5, 8, 13, 20)
    levels = [sequential.Look((3, 5, 8, 13, 20), number).level() for number in range(5)]
    assert levels == pytest.approx([0.0075, 0.0058, 0.0090, 0.0157, 0.0250], rel=0.006)
    with pytest.raises(ValueError, match="first look"):
        sequential.looks(21, 20)


def test_stored_levels_equal_computed_ones() -> None:
    """The levels of the usual looks are stored, since computing six rows takes seconds."""
    schedule = (3, 5, 8, 13, 20)
    for hypotheses in (1, 6):
        computed = spending.exact_levels(schedule, 0.05 / hypotheses, cells=60)
        known = look_levels.KNOWN[schedule][hypotheses - 1]
        assert computed == pytest.approx(known, rel=0.02)
    assert len(look_levels.KNOWN[schedule]) == 6


@pytest.mark.parametrize("schedule", [(3, 5, 8, 13, 20), (2, 3), (3, 5, 8, 10)])
@pytest.mark.parametrize("hypotheses", [1, 3])
def test_the_levels_of_all_looks_spend_alpha_exactly(
    schedule: tuple[int, ...], hypotheses: int
) -> None:
    """By 200,000 simulated contrasts: the share that each look newly claims."""
    alpha = 0.05 / hypotheses
    rounds, share = 200_000, spending.spent(schedule, alpha)
    draws = np.random.Generator(np.random.PCG64(5)).normal(0, 1, (rounds, schedule[-1]))
    still = np.ones(rounds, bool)
    for look, n in enumerate(schedule):
        p = scipy_stats.ttest_1samp(draws[:, :n], 0, axis=1).pvalue
        new = still & (p <= sequential.Look(schedule, look).level(hypotheses))
        still &= ~new
        error = 4 * (share[look] / rounds) ** 0.5
        assert float(new.mean()) == pytest.approx(share[look], abs=error), n
    assert 1 - float(still.mean()) == pytest.approx(alpha, abs=4 * (alpha / rounds) ** 0.5)


def test_single_look_has_all_of_alpha() -> None:
    assert spending.exact_levels((7,), 0.02) == pytest.approx([0.02])
    assert sequential.Look((7,), 0).level(2) == pytest.approx(0.025)


def test_more_seeds_are_hopeless_if_the_mean_stays_at_zero() -> None:
    """By hand, with mean 0, spread 0.993 and 8 of 20 seeds: the mean at the end has a deviation of
    0.993·√12/20 = 0.172. A difference needs 2.43·0.993/√20 = 0.540, 3.1 deviations away; being
    within a margin of 0.45 is out of reach of 2.09·0.993/√20 = 0.464, and within 0.55 leaves room
    of 0.086, half a deviation to either side, which is 38 %."""
    look = sequential.Look((3, 5, 8, 13, 20), 2)
    level = look.last.level()
    even = [1.0, -1.0, 1.0, -1.0, 0.9, -0.9, 0.8, -0.8]
    test = paired.t_test(even)
    assert test.spreads[0].deviation == pytest.approx(0.993, abs=1e-3)
    assert sequential.hopeless(test, 20, level, level, 0.45)
    assert not sequential.hopeless(test, 20, level, level, 0.55)
    assert not sequential.hopeless(paired.t_test([d + 0.5 for d in even]), 20, level, level, 0.1)
    assert not sequential.hopeless(paired.t_test(even[:6]), 20, level, level, 0.1), "too early"
    assert not sequential.hopeless(paired.t_test([0.0] * 8), 20, level, level, 0.1), "no spread"
    ended = paired.t_test(even)
    assert not sequential.hopeless(ended, 8, level, level, 0.1), "there are no more seeds"


def test_conditional_power_agrees_with_simulated_seeds() -> None:
    """12 more seeds around the mean so far show a difference as often as `hopeless` computes."""
    look, base = sequential.Look((3, 5, 8, 13, 20), 2), [1.0, -1.0, 1.0, -1.0, 0.9, -0.9, 0.8, -0.8]
    rng = np.random.Generator(np.random.PCG64(2))
    for shift, stopped in ((0.15, True), (0.4, False)):
        seen = np.array(base) + shift
        more = rng.normal(shift, seen.std(ddof=1), (40_000, 12))
        every = np.concatenate([np.tile(seen, (40_000, 1)), more], axis=1)
        p = scipy_stats.ttest_1samp(every, 0, axis=1).pvalue
        chance = float((p <= look.last.level()).mean())
        level = look.last.level()
        test = paired.t_test(list(seen))
        assert sequential.hopeless(test, 20, level, level, 0.01) is stopped is (chance < 0.1)


@pytest.mark.parametrize("looks", [(3,), (3, 5)])
def test_unplanned_looks_are_false_as_often_as_documented(looks: tuple[int, ...]) -> None:
    """More often than 5 %, and no more often than the sum of the looks."""
    rng = np.random.Generator(np.random.PCG64(0))
    draws, counts = rng.normal(0, 1, (100_000, 8)), (*looks, 8)
    p_values = [scipy_stats.ttest_1samp(draws[:, :n], 0, axis=1).pvalue for n in counts]
    false = float((np.min(p_values, axis=0) <= 0.05).mean())
    told = re.search(r"up to (\d+) %", unplanned_looks.looks_words(looks))
    assert told and 0.06 < false < int(told[1]) / 100


def test_three_then_five_seeds_are_false_as_often_as_documented() -> None:
    draws = np.random.Generator(np.random.PCG64(0)).normal(0, 1, (400_000, 5))
    p_values = [scipy_stats.ttest_1samp(draws[:, :n], 0, axis=1).pvalue for n in (3, 5)]
    assert float((np.min(p_values, axis=0) <= 0.05).mean()) == pytest.approx(0.086, abs=0.001)


@given(
    st.lists(st.floats(-1, 1), min_size=2, max_size=9).filter(lambda v: float(np.std(v)) > 1e-3),
    st.floats(0.05, 1),
)
def test_equivalence_agrees_with_statsmodels(differences: list[float], margin: float) -> None:
    other = DescrStatsW(np.array(differences)).ttost_mean(-margin, margin)[0]
    assert paired.t_test(differences).equivalence(margin) == pytest.approx(other, abs=1e-9)


def test_equal_differences_are_equivalent_with_enough_seeds() -> None:
    assert paired.t_test([0.0] * 8).equivalence(0.005) == 2**-8
    assert paired.t_test([0.01] * 8).equivalence(0.005) == 1


def test_detectable_difference_is_reported_before_training() -> None:
    assert detectable_words(3, 10_000) == (
        "3 seeds can show differences of about 0.98 points "
        "(80 % power, assuming that they vary by 0.3 points from seed to seed)"
    )
    few, many = (detectable_words(3, images) for images in (100, 10_000))
    assert "by 3.0 points" in few and "about 9.8 points" in few, "a hundredth of the images"
    assert "by 0.3 points" in many
    assert "about 0.17 points" in detectable_words(5, 10_000, 0.001)
    assert "as they varied in earlier runs" in detectable_words(5, 10_000, 0.001)
    assert detectable_words(1, 10_000).startswith("one seed shows how two trained networks")


def test_networks_equal_in_every_seed_have_no_spread() -> None:
    def of(second: Sequence[float]) -> float | None:
        runs = [trained("fcn", seed, 0.7 + 0.1 * seed) for seed in range(3)]
        more = [trained("cnn", seed, accuracy) for seed, accuracy in enumerate(second)]
        return spread(comparison(*runs, *more))

    assert of([0.7, 0.8, 0.9]) is None
    assert of([0.6, 0.7, 0.8]) is None
    assert of([0.7, 0.8, 0.91]) == pytest.approx(0.01 / math.sqrt(3))


def test_plan_that_can_decide_nothing_gets_the_required_seeds() -> None:
    hopeless = detectable_words(2, 10_000, contrasts=6)
    assert hopeless.startswith("2 seeds and 6 contrasts can show differences of about 21 points")
    *_, more = hopeless.split("too large to decide much: ")
    assert more == "`--seeds 5` could show 0.66 points"
    assert "too large to decide much" not in detectable_words(3, 10_000, contrasts=6)
    assert "cannot show any difference (" in detectable_words(2, 10_000, 0.03, contrasts=6)
