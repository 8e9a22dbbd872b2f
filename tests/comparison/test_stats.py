from __future__ import annotations

import gc
import itertools
import math
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from statsmodels.stats import contingency_tables
from statsmodels.stats.multitest import multipletests

from convcompare.comparison.stats import estimates, paired, proportions


@given(st.integers(1, 10_000), st.data())
def test_wilson_agrees_with_scipy(n: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, n))
    estimate = estimates.share(hits, n)
    other = scipy_stats.binomtest(hits, n).proportion_ci(method="wilson")
    assert estimate.value == hits / n
    assert (estimate.low, estimate.high) == pytest.approx((other.low, other.high), abs=1e-9)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=12))
def test_the_t_interval_agrees_with_scipy(values: list[float]) -> None:
    estimate = estimates.mean(values)
    spread = float(np.std(values, ddof=1)) / len(values) ** 0.5
    assert estimate.value == pytest.approx(float(np.mean(values)))
    if spread > 1e-12:
        other = scipy_stats.t.interval(0.95, len(values) - 1, np.mean(values), spread)
        assert (estimate.low, estimate.high) == pytest.approx(other)


def test_prediction_interval_has_its_coverage() -> None:
    """A fifth run after four normal ones: in 95 % of 4,000; the mean's interval, far less."""
    draws = np.random.Generator(np.random.PCG64(3)).normal(0.7, 0.01, (4_000, 5))
    held = {estimates.prediction: 0, estimates.mean: 0}
    for *values, further in draws.tolist():
        for interval in held:
            estimate = interval(values)
            assert estimate.low is not None and estimate.high is not None
            held[interval] += estimate.low <= further <= estimate.high
    assert held[estimates.prediction] / 4_000 == pytest.approx(0.95, abs=0.01)
    assert held[estimates.mean] / 4_000 < 0.85
    assert estimates.prediction([0.5]).low is None


def test_one_run_has_no_interval_over_seeds() -> None:
    estimate = estimates.mean([0.5])
    assert (estimate.low, estimate.high, estimate.half_width) == (None, None, None)


spread_out = st.lists(st.floats(-1, 1), min_size=2, max_size=9).filter(
    lambda values: float(np.std(values)) > 1e-3
)
tables = st.lists(st.integers(0, 60), min_size=4, max_size=4).filter(lambda cells: sum(cells) > 0)


@given(spread_out, st.sampled_from([0.1, 0.05, 0.003]))
def test_the_paired_t_test_agrees_with_scipy(differences: list[float], alpha: float) -> None:
    test = paired.t_test(differences)
    at_level = test.at(alpha)
    other = scipy_stats.ttest_rel(differences, np.zeros(len(differences)))
    interval = other.confidence_interval(1 - alpha)
    assert test.p == pytest.approx(other.pvalue, abs=1e-9)
    assert (at_level.low, at_level.high) == pytest.approx((interval.low, interval.high))
    assert test.difference == test.at(0.05)


@pytest.mark.parametrize("n", [3, 5, 10])
def test_the_effect_size_is_unbiased(n: int) -> None:
    rng = np.random.Generator(np.random.PCG64(0))
    draws = rng.normal(0.7, 1, (200_000, n))
    d_z = draws.mean(1) / draws.std(1, ddof=1)
    corrected = paired.hedges(float(d_z.mean()), n)
    assert corrected == pytest.approx(0.7, abs=0.01)
    assert abs(float(d_z.mean()) - 0.7) > 0.04, "uncorrected it is not"


def flipped_by_hand(differences: list[float]) -> float:
    observed = abs(sum(differences))
    signs = itertools.product((1, -1), repeat=len(differences))
    totals = [abs(sum(s * d for s, d in zip(one, differences, strict=True))) for one in signs]
    return sum(total >= observed - 1e-9 for total in totals) / len(totals)


@settings(max_examples=50)
@given(st.lists(st.floats(-1, 1), min_size=1, max_size=8))
def test_sign_flips_agree_with_enumeration(differences: list[float]) -> None:
    assert paired.sign_flip(differences) == pytest.approx(flipped_by_hand(differences))


def test_sign_flips_agree_with_scipy() -> None:
    differences = [0.3, -0.1, 0.4, 0.25, 0.6, 0.05, -0.2]
    other = scipy_stats.permutation_test(
        (differences,), lambda x, axis: np.mean(x, axis), permutation_type="samples"
    )
    assert paired.sign_flip(differences) == pytest.approx(other.pvalue)


def test_signs_of_more_than_twenty_seeds_are_drawn_reproducibly() -> None:
    rng = np.random.Generator(np.random.PCG64(3))
    differences = list(rng.normal(0.4, 1, 24))
    drawn = paired.sign_flip(differences)
    assert drawn == paired.sign_flip(differences)
    assert drawn == pytest.approx(paired.t_test(differences).p, rel=0.2)
    assert paired.sign_flip([1.0 + 0.01 * i for i in range(30)]) == 1 / 100_001
    assert paired.sign_flip(differences[:20]) * 2**20 % 1 == 0, "up to 20 it is exact"


def test_equal_differences_have_no_t_test() -> None:
    test = paired.t_test([0.01, 0.01 + 1e-17, 0.01])
    assert test.p == 2 / 2**3
    assert test.difference.low is None
    assert paired.t_test([0.0, 0.0]).p == 1


def rows(cells: list[int]) -> tuple[np.ndarray, np.ndarray]:
    both, first, second, neither = cells
    one = [True] * (both + first) + [False] * (second + neither)
    other = [True] * both + [False] * first + [True] * second + [False] * neither
    return np.array(one), np.array(other)


@given(tables)
def test_mcnemar_agrees_with_statsmodels(cells: list[int]) -> None:
    both, first, second, neither = cells
    test = proportions.mcnemar(*rows(cells))
    other = contingency_tables.mcnemar([[both, first], [second, neither]], exact=True)
    assert test.p == pytest.approx(other.pvalue)
    low, high = test.difference.low, test.difference.high
    assert low is not None
    assert high is not None
    assert -1 <= low <= test.difference.value <= high <= 1
    swapped = proportions.mcnemar(*reversed(rows(cells))).difference
    assert (swapped.low, swapped.high) == pytest.approx((-high, -low))


@pytest.mark.parametrize(
    ("cells", "low", "high"),
    [
        ((36, 12, 2, 0), 0.0569, 0.3404),
        ((59, 6, 16, 80), -0.1186, -0.0046),  # Cavo et al. 2012, by the R package contingencytables
        ((1, 0, 0, 1), -0.5734, 0.5734),
    ],
)
def test_newcombe_interval_equals_the_published_one(
    cells: tuple[int, int, int, int], low: float, high: float
) -> None:
    assert proportions.newcombe(*cells) == pytest.approx((low, high), abs=5e-5)


def test_hits_must_be_of_the_same_images() -> None:
    with pytest.raises(ValueError, match="hits"):
        proportions.mcnemar(np.ones(3, bool), np.ones(4, bool))


@pytest.fixture(scope="module")
def little_garbage() -> Iterator[None]:
    """Freeze existing objects: statsmodels runs the garbage collector in every call."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("little_garbage")
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_agrees_with_statsmodels(p_values: list[float]) -> None:
    adjusted, steps = estimates.holm(p_values)
    rejected, other, _, _ = multipletests(p_values, 0.05, method="holm")
    assert adjusted == pytest.approx(list(other))
    by_level = [p <= 0.05 / step for p, step in zip(p_values, steps, strict=True)]
    assert by_level == list(rejected), "the level of each test decides as the adjusted p does"


def test_level_stays_after_the_first_failed_claim() -> None:
    adjusted, steps = estimates.holm([0.01, 0.04, 0.03])
    assert (adjusted, steps) == (pytest.approx([0.03, 0.06, 0.06]), [3, 2, 2])
    assert estimates.holm([0.01, 0.04, 0.03], held=2).steps == [5, 4, 4]


@given(st.lists(st.floats(0.1, 10), min_size=2, max_size=6), st.floats(0.5, 3))
def test_cost_ratio_is_independent_of_unit_and_side(costs: list[float], factor: float) -> None:
    base = [1 + 0.1 * i for i in range(len(costs))]
    one = paired.ratio([factor * c for c in costs], [factor * b for b in base])
    other = paired.ratio(base, costs)
    assert one.low is not None
    assert other.high is not None
    assert (one.value, one.low) == pytest.approx((1 / other.value, 1 / other.high))
    logs = np.log(np.array(costs) / np.array(base))
    assert math.log(one.value) == pytest.approx(float(logs.mean()), abs=1e-9)


def test_one_cost_each_has_no_interval() -> None:
    estimate = paired.ratio([3.0], [2.0])
    assert (estimate.value, estimate.low, estimate.n) == (pytest.approx(1.5), None, 1)
