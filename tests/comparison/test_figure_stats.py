"""Ratios of spreads and times, and censored times: by hand, by scipy and by simulation."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats as scipy_stats
from scipy.optimize import brentq

from convcompare.comparison.stats import censored, dispersion, paired, ratios
from convcompare.comparison.stats.censored import NEVER

WIDE = (3.1, -2.2, 0.4, 1.9, -1.1, 2.8, -3.0, 0.2, 1.4, -0.6, 2.1, -1.7)
NARROW = (0.4, -0.9, 0.7, 0.3, -0.2, 1.1, -0.8, 0.5, -0.4, 0.1, 0.9, -0.3)


def test_spreads_are_equal_exactly_if_sums_and_differences_are_uncorrelated() -> None:
    a, b = np.array(WIDE), np.array(NARROW)
    found = dispersion.pitman_morgan(WIDE, NARROW)
    assert found.p == pytest.approx(scipy_stats.pearsonr(a + b, a - b).pvalue)
    assert found.difference.value == pytest.approx(a.std(ddof=1) / b.std(ddof=1))

    def p_of(ratio: float) -> float:
        return float(scipy_stats.pearsonr(a / ratio + b, a / ratio - b).pvalue)

    value = found.difference.value
    low, high = found.interval(0.01)
    assert low == pytest.approx(brentq(lambda r: p_of(r) - 0.01, value / 30, value))
    assert high == pytest.approx(brentq(lambda r: p_of(r) - 0.01, value, 30 * value))


def test_spread_ratio_scales_and_inverts() -> None:
    for test in (dispersion.pitman_morgan, dispersion.bonett, dispersion.ratio):
        found, turned = test(WIDE, NARROW), test(NARROW, WIDE)
        doubled = test([2 * value for value in WIDE], NARROW)
        assert turned.p == pytest.approx(found.p)
        assert turned.difference.low == pytest.approx(1 / found.difference.high)
        assert doubled.difference.value == pytest.approx(2 * found.difference.value)
        assert doubled.difference.high == pytest.approx(2 * found.difference.high)


def test_bonett_by_the_formula_of_the_paper() -> None:
    """With n = 12 the mean is trimmed by int(12 / (2 √8)) = 2 values at either end."""

    def distance(ratio: float) -> float:
        fourth, second = 0.0, 0.0
        for side in (np.array(WIDE) / ratio, np.array(NARROW)):
            centre = float(np.sort(side)[2:-2].mean())
            fourth += sum((value - centre) ** 4 for value in side)
            second += 11 * float(np.var(side, ddof=1))
        error = math.sqrt((24 * fourth / second**2 - 9 / 12) / 11 * 2)
        log = math.log(np.var(WIDE, ddof=1) / np.var(NARROW, ddof=1) / ratio**2)
        return log / error

    found = dispersion.bonett(WIDE, NARROW)
    assert found.p == pytest.approx(2 * scipy_stats.norm.sf(abs(distance(1))))
    low, high = found.interval(0.05)
    assert distance(low) == pytest.approx(scipy_stats.norm.ppf(0.975))
    assert distance(high) == pytest.approx(scipy_stats.norm.ppf(0.025))


def test_weaker_of_both_tests_counts() -> None:
    made = [f(WIDE, NARROW) for f in (dispersion.pitman_morgan, dispersion.bonett)]
    found = dispersion.ratio(WIDE, NARROW)
    assert found.p == max(one.p for one in made)
    assert found.interval(0.05) == (
        min(one.difference.low or 0 for one in made),
        max(one.difference.high or 0 for one in made),
    )


def test_equal_spreads_are_rarely_called_different_for_any_tail() -> None:
    """Pitman and Morgan's test alone calls 20 % of exponential pairs different."""
    draw = np.random.default_rng(7).standard_exponential((400, 2, 12))
    alone = np.mean([dispersion.pitman_morgan(a, b).p <= 0.05 for a, b in draw.tolist()])
    both = np.mean([dispersion.ratio(a, b).p <= 0.05 for a, b in draw.tolist()])
    assert alone > 0.14
    assert both < 0.08


def test_spreads_need_ten_seeds_that_vary() -> None:
    with pytest.raises(ValueError, match="10 pairs"):
        dispersion.ratio(WIDE[:9], NARROW[:9])
    with pytest.raises(ValueError, match="do not vary"):
        dispersion.ratio(WIDE, [0.5] * 12)


def test_ratios_are_t_tests_of_logarithms() -> None:
    a, b = (2.0, 3.1, 2.6, 2.2), (1.0, 1.2, 1.4, 1.1)
    found = ratios.log_ratio(a, b)
    other = scipy_stats.ttest_rel(np.log(a), np.log(b))
    assert found.p == pytest.approx(other.pvalue)
    assert found.difference.value == pytest.approx(scipy_stats.gmean(a) / scipy_stats.gmean(b))
    ends = np.exp(other.confidence_interval(0.95))
    assert (found.difference.low, found.difference.high) == pytest.approx(tuple(ends))
    assert found.difference.method == "paired t of log ratios over 4 seeds"
    assert paired.ratio(a, b).low == pytest.approx(found.difference.low)
    with pytest.raises(ValueError, match="positive"):
        ratios.log_ratio((1.0, 0.0), (1.0, 1.0))


def test_scores_of_uncensored_times_are_those_of_wilcoxon() -> None:
    """Without censoring and ties 1 - 2 S is linear in the rank: 2 i / (m + 1) - 1."""
    found = censored.scores([4.0, 9.0, 1.0, 7.0])
    assert [found[t] for t in (1.0, 4.0, 7.0, 9.0)] == pytest.approx([-0.6, -0.2, 0.2, 0.6])


def test_censored_time_is_later_than_all_others() -> None:
    """By hand: of 4 runs at 2, 3 and twice never, S is 4/5 and then 4/5 · 3/4."""
    found = censored.scores([2.0, NEVER, 3.0, NEVER])
    assert found == pytest.approx({2.0: 1 - 1.6, 3.0: 1 - 1.2, NEVER: 1 - 0.6})


def test_every_assignment_of_signs_counts() -> None:
    times, baseline = (3.0, 4.0, 2.0, 5.0, 3.0, 4.0), (6.0, NEVER, 5.0, NEVER, 7.0, 4.0)
    found = censored.prentice_wilcoxon(times, baseline)
    score = censored.scores([*times, *baseline])
    differences = [score[a] - score[b] for a, b in zip(times, baseline, strict=True)]
    far = [
        abs(sum(s * d for s, d in zip(signs, differences, strict=True)))
        >= abs(sum(differences)) - 1e-9
        for signs in itertools.product((-1, 1), repeat=6)
    ]
    assert found.p == np.mean(far)
    assert found.difference.value < 0
    assert found.difference.low is None


def test_equal_networks_reach_a_level_at_the_same_time() -> None:
    """False claims at most at the level, although a third of the runs never reach it."""
    rng = np.random.default_rng(3)
    times = np.ceil(rng.exponential(8, (400, 2, 7)))
    times[times > 10] = NEVER
    found = [censored.prentice_wilcoxon(a, b).p <= 0.05 for a, b in times.tolist()]
    assert np.mean(found) <= 0.06
    normal = np.ceil(rng.normal(7, 2, (200, 2, 7)).clip(1))
    normal[:, 0] += 4
    normal[normal > 10] = NEVER
    later = [censored.prentice_wilcoxon(a, b).p <= 0.05 for a, b in normal.tolist()]
    assert np.mean(later) > 0.6


def test_interval_beyond_the_range_of_floats_is_open() -> None:
    found = ratios.log_ratio((1e-200, 1e200, 1.0), (1.0, 1.0, 1.0))
    low, high = found.interval(0.001)
    assert (low, high) == (0, math.inf)
    assert found.interval(0.5)[1] == pytest.approx(
        math.exp(scipy_stats.sem([-200, 0, 200]) * math.log(10) * scipy_stats.t.ppf(0.75, 2))
    )
