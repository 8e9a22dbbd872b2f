"""What a number of seeds can show, and adding seeds until it is clear."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from statsmodels.stats.power import TTestPower
from statsmodels.stats.weightstats import DescrStatsW

from convcompare.comparison import unplanned_looks, verdicts
from convcompare.comparison.stats import paired, power, sequential


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


@given(st.integers(2, 30), st.integers(0, 100), st.floats(0.001, 0.2))
def test_the_looks_spend_alpha_and_no_more(first: int, more: int, alpha: float) -> None:
    schedule = sequential.looks(first, first + more)
    assert schedule[0] == first
    assert schedule[-1] == first + more
    assert list(schedule) == sorted(set(schedule))
    levels = [sequential.look_level(schedule, look, alpha) for look in range(len(schedule))]
    assert min(levels) > 0
    assert sum(levels) == pytest.approx(alpha)


def test_the_planned_looks() -> None:
    assert sequential.looks() == (3, 5, 8, 13, 20)
    levels = [sequential.look_level((3, 5, 8, 13, 20), look) for look in range(5)]
    assert levels == pytest.approx([0.0075, 0.005, 0.0075, 0.0125, 0.0175])
    with pytest.raises(ValueError, match="first look"):
        sequential.looks(21, 20)


def test_until_clear_claims_falsely_in_fewer_than_five_per_cent() -> None:
    """Without its levels the same looks claim falsely in 17 %: the test can fail."""
    rng = np.random.Generator(np.random.PCG64(0))
    schedule, false, naive, rounds = sequential.looks(), 0, 0, 1000
    for _ in range(rounds):
        differences = list(rng.normal(0, 1, 20))
        p_values = [paired.t_test(differences[:n]).p for n in schedule]
        levels = [sequential.look_level(schedule, look) for look in range(len(schedule))]
        false += any(p <= level for p, level in zip(p_values, levels, strict=True))
        naive += min(p_values) <= 0.05
    assert false / rounds < 0.055
    assert naive / rounds > 0.12


@pytest.mark.parametrize("looks", [(3,), (3, 5)])
def test_looks_that_nobody_planned_are_false_as_often_as_is_told(looks: tuple[int, ...]) -> None:
    """More often than 5 %, and no more often than the sum of the looks."""
    rng = np.random.Generator(np.random.PCG64(0))
    draws, counts = rng.normal(0, 1, (100_000, 8)), (*looks, 8)
    p_values = [scipy_stats.ttest_1samp(draws[:, :n], 0, axis=1).pvalue for n in counts]
    false = float((np.min(p_values, axis=0) <= 0.05).mean())
    told = re.search(r"up to (\d+) %", unplanned_looks.looks_words(looks))
    assert told and 0.06 < false < int(told[1]) / 100


def test_three_seeds_and_then_five_are_false_as_often_as_the_page_says() -> None:
    draws = np.random.Generator(np.random.PCG64(0)).normal(0, 1, (400_000, 5))
    p_values = [scipy_stats.ttest_1samp(draws[:, :n], 0, axis=1).pvalue for n in (3, 5)]
    assert float((np.min(p_values, axis=0) <= 0.05).mean()) == pytest.approx(0.086, abs=0.001)


@given(
    st.lists(st.floats(-1, 1), min_size=2, max_size=9).filter(lambda v: float(np.std(v)) > 1e-3),
    st.floats(0.05, 1),
)
def test_equivalence_agrees_with_statsmodels(differences: list[float], margin: float) -> None:
    other = DescrStatsW(np.array(differences)).ttost_mean(-margin, margin)[0]
    assert sequential.equivalence(differences, margin) == pytest.approx(other, abs=1e-9)


def test_equal_differences_are_equivalent_once_there_are_enough() -> None:
    assert sequential.equivalence([0.0] * 8, 0.005) == 2**-8
    assert sequential.equivalence([0.01] * 8, 0.005) == 1


def test_what_seeds_can_show_is_said_before_they_are_trained() -> None:
    assert verdicts.detectable_words(3) == (
        "3 seeds can show differences of about 0.98 points "
        "(80 % power, assuming that they vary by 0.3 points from seed to seed)"
    )
    assert "about 0.17 points" in verdicts.detectable_words(5, 0.001)
    assert "as they varied in earlier runs" in verdicts.detectable_words(5, 0.001)
    assert verdicts.detectable_words(1).startswith("one seed shows how two trained networks")
