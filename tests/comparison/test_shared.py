"""The spread shared by the networks of a comparison, and the tests based on it."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from convcompare.comparison.contrasts import contrasts
from convcompare.comparison.pair_tests import PairTests, shared_by
from convcompare.comparison.pairs import pairs
from convcompare.comparison.stats import paired, power, shared
from convcompare.comparison.stats.shared import SharedSpread, shared_spread
from convcompare.comparison.verdict import Verdict
from tests.support.runs import comparison, no_hits, series

TABLE = np.array([[90.0, 91.0, 92.0], [91.0, 93.0, 92.0], [95.0, 95.0, 98.0]])
"""Accuracies of three networks (rows) with three seeds."""


def variances(table: np.ndarray) -> dict[frozenset[str], tuple[float, int]]:
    return {
        frozenset((str(i), str(j))): (float(np.var(table[i] - table[j], ddof=1)), table.shape[1])
        for i, j in itertools.combinations(range(len(table)), 2)
    }


def of_table(table: np.ndarray) -> SharedSpread | None:
    return shared_spread(variances(table), [frozenset(("0", str(i))) for i in range(1, len(table))])


def judged(table: np.ndarray, all_pairs: bool = False) -> dict[tuple[str, str], Verdict]:
    runs = [run for i, row in enumerate(table) for run in series(str(i), tuple(row))]
    family = pairs(comparison(*runs), "0", all_pairs)
    return {(v.model, v.baseline): v for v in contrasts(family, PairTests(no_hits))}


def test_the_moderated_test_by_hand() -> None:
    """Differences to network 0 are (1, 2, 0) and (5, 4, 6), those of the others (4, 2, 6):
    variances 1, 1 and 4, of which the mean is 2 and twice the residual mean square is 2."""
    spread = of_table(TABLE)
    assert spread is not None
    assert (spread.variance, spread.weight) == (pytest.approx(2), 1)
    test = paired.moderated([5.0, 4.0, 6.0], spread.variance, spread.weight)
    pooled = (1 * 2 + 2 * 1) / 3
    t = 5 * math.sqrt(3 / pooled)
    assert test.p == pytest.approx(2 * scipy_stats.t.sf(t, 3))
    half = scipy_stats.t.ppf(0.975, 3) * math.sqrt(pooled / 3)
    assert test.difference.high == pytest.approx(5 + half)
    assert test.p_paired == pytest.approx(scipy_stats.ttest_1samp([5, 4, 6], 0).pvalue)
    beyond = scipy_stats.t.cdf((5 - 7) / math.sqrt(pooled / 3), 3)
    assert test.equivalence(7) == pytest.approx(beyond)


@settings(max_examples=30)
@given(st.integers(3, 6), st.integers(3, 8), st.integers(0, 10_000))
def test_the_variance_of_a_complete_table_is_twice_its_residual_mean_square(
    networks: int, seeds: int, draw: int
) -> None:
    table = np.random.default_rng(draw).normal(size=(networks, seeds))
    residuals = table - table.mean(0) - table.mean(1, keepdims=True) + table.mean()
    mean_square = (residuals**2).sum() / ((networks - 1) * (seeds - 1))
    to_baseline = np.var(table[1:] - table[0], axis=1, ddof=1).mean()
    found, moved = of_table(table), of_table(table + 100 * np.arange(seeds))
    assert found is not None and moved is not None
    assert found.variance == pytest.approx(max(2 * mean_square, to_baseline))
    assert found.weight == min(2, networks - 2)
    assert (moved.variance, moved.noisy) == (pytest.approx(found.variance), found.noisy), (
        "an effect of the seed that all share changes nothing"
    )


@settings(max_examples=30)
@given(st.integers(3, 6), st.integers(3, 8), st.integers(0, 10_000), st.floats(1, 6))
def test_the_guard_is_the_f_test_of_a_network_against_the_mean_of_the_others(
    networks: int, seeds: int, draw: int, noise: float
) -> None:
    table = np.random.default_rng(draw).normal(size=(networks, seeds))
    table[0] *= noise
    others = table[1:]
    residuals = others - others.mean(0) - others.mean(1, keepdims=True) + others.mean()
    freedom = (networks - 2) * (seeds - 1)
    mean_square = (residuals**2).sum() / freedom
    own = np.var(table[0] - others.mean(0), ddof=1) * (networks - 1) / networks
    p = scipy_stats.f.sf(own / mean_square, seeds - 1, freedom)
    found = of_table(table)
    assert found is not None
    assert ("0" in found.noisy) == (p < 0.1)


def test_guard_rejects_as_often_as_its_level() -> None:
    rng = np.random.Generator(np.random.PCG64(1))
    found = [of_table(table) for table in rng.normal(size=(2000, 4, 3))]
    share = np.mean([one is not None and "2" in one.noisy for one in found])
    assert share == pytest.approx(0.1, abs=0.02)


def test_a_guarded_test_needs_both_to_reject() -> None:
    differences = [1.0, 2.0, 4.0]
    plain = paired.t_test(differences)
    for variance in (0.1, 40):
        alone = paired.moderated(differences, variance, 2)
        both = paired.moderated(differences, variance, 2, guarded=True)
        assert both.p == max(plain.p, alone.p)
        for level in (0.05, 0.001):
            ends = [test.at(level) for test in (plain, alone, both)]
            widths = [end.half_width or 0 for end in ends]
            assert widths[2] == pytest.approx(max(widths[:2]))
        assert "weaker" in both.difference.method


def test_without_weight_the_test_is_the_paired_t() -> None:
    differences = [1.0, 2.0, 4.0, 3.0]
    other = scipy_stats.ttest_1samp(differences, 0)
    assert paired.moderated(differences, 7, 0).p == pytest.approx(other.pvalue)
    many = list(np.random.default_rng(1).normal(0.2, 1, 500))
    close = paired.moderated(many, 0.2, 2)
    assert close.p == pytest.approx(scipy_stats.ttest_1samp(many, 0).pvalue, rel=0.03)


def test_two_networks_or_two_seeds_share_nothing() -> None:
    assert of_table(TABLE[:2]) is None
    assert of_table(TABLE[:, :2]) is None
    verdict = judged(TABLE[:, :2] / 100)["1", "0"]
    assert (
        verdict.p
        == verdict.p_paired
        == pytest.approx(scipy_stats.ttest_rel(TABLE[1, :2], TABLE[0, :2]).pvalue)
    )


def test_verdicts_use_the_shared_spread() -> None:
    found = judged(TABLE / 100)
    verdict = found["2", "0"]
    pooled = (1 * 2 + 2 * 1) / 3
    assert verdict.p == pytest.approx(2 * scipy_stats.t.sf(5 * math.sqrt(3 / pooled), 3))
    assert verdict.p_adjusted == pytest.approx(2 * (verdict.p or 0))
    assert {one.level for one in found.values()} == {0.025}, "three seeds take no step"
    assert verdict.estimate is not None
    assert verdict.estimate.method == "moderated paired t over 3 seeds"
    assert verdict.relation == "higher" and (verdict.p_paired or 0) > 0.0125


def test_from_four_seeds_on_holm_steps_down_to_two() -> None:
    rng = np.random.Generator(np.random.PCG64(0))
    table = 0.9 + 0.001 * rng.normal(size=(4, 4)) + np.array([[0], [0.1], [0.2], [0]])
    found = judged(table)
    assert [found[name, "0"].level for name in ("1", "2", "3")].count(0.025) >= 1
    assert found["3", "0"].level == 0.025 and not found["3", "0"].differs
    assert found["1", "0"].differs and found["2", "0"].differs


@settings(max_examples=8, deadline=None)
@given(st.integers(3, 4), st.integers(2, 6), st.booleans(), st.integers(0, 10_000))
def test_interval_and_verdict_agree_and_the_order_does_not_matter(
    networks: int, seeds: int, all_pairs: bool, draw: int
) -> None:
    rng = np.random.default_rng(draw)
    table = 0.9 + 0.01 * rng.normal(size=(networks, seeds)) + 0.02 * rng.normal(size=(networks, 1))
    table[-1] *= 1 + 0.02 * rng.normal(size=seeds)
    found = judged(table, all_pairs)
    for verdict in found.values():
        assert verdict.estimate is not None and verdict.p_adjusted is not None
        low, high = verdict.estimate.low, verdict.estimate.high
        assert low is not None and high is not None
        assert verdict.differs == (verdict.p_adjusted <= 0.05) == (low > 0 or high < 0)
    turned = judged(table[:, ::-1], all_pairs)
    assert [v.p for v in turned.values()] == pytest.approx([v.p for v in found.values()])
    mirrored = judged(1.8 - table, all_pairs)
    assert [v.p for v in mirrored.values()] == pytest.approx([v.p for v in found.values()])


def test_every_seed_of_a_pair_counts_if_other_networks_have_fewer() -> None:
    rng = np.random.Generator(np.random.PCG64(4))
    table = 0.9 + 0.01 * rng.normal(size=(3, 6))
    runs = [*series("0", tuple(table[0])), *series("1", tuple(table[1]))]
    runs += series("2", tuple(table[2, :4]))
    family = pairs(comparison(*runs), "0")
    spread = shared_by(family)
    d1, d2 = table[1] - table[0], (table[2] - table[0])[:4]
    d3 = (table[2] - table[1])[:4]
    parts = [float(np.var(d, ddof=1)) for d in (d1, d2, d3)]
    assert spread is not None
    assert spread.variance == pytest.approx(max(np.mean(parts), np.mean(parts[:2])))
    first, _ = contrasts(family, PairTests(no_hits))
    assert (first.n, first.left_out[0].seeds if first.left_out else ()) == (6, ())
    pooled = (spread.variance + 5 * parts[0]) / 6
    p = 2 * scipy_stats.t.sf(abs(d1.mean()) * math.sqrt(6 / pooled), 6)
    guarded = bool(spread.noisy & {"0", "1"})
    assert first.p == pytest.approx(max(p, first.p_paired or 0) if guarded else p)


@pytest.mark.parametrize("freedom", [3, 4, 7])
def test_detectable_difference_with_shared_spread_has_its_power(freedom: int) -> None:
    rng = np.random.Generator(np.random.PCG64(1))
    difference = power.detectable(1, 3, 0.025, freedom=freedom)
    spread = np.sqrt(rng.chisquare(freedom, 100_000) / freedom)
    t = rng.normal(difference, 3**-0.5, 100_000) / spread * 3**0.5
    found = scipy_stats.t.sf(t, freedom) <= 0.0125
    assert float(found.mean()) == pytest.approx(0.8, abs=0.006)
    assert shared.MOST_WEIGHT == 2
