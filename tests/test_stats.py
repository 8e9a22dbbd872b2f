from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from convcompare import stats


@given(st.integers(1, 10_000), st.data())
def test_wilson_agrees_with_scipy(n: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, n))
    estimate = stats.share(hits, n)
    other = scipy_stats.binomtest(hits, n).proportion_ci(method="wilson")
    assert estimate.value == hits / n
    assert (estimate.low, estimate.high) == pytest.approx((other.low, other.high), abs=1e-9)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=12))
def test_the_t_interval_agrees_with_scipy(values: list[float]) -> None:
    estimate = stats.mean(values)
    spread = float(np.std(values, ddof=1)) / len(values) ** 0.5
    assert estimate.value == pytest.approx(float(np.mean(values)))
    if spread > 1e-12:
        other = scipy_stats.t.interval(0.95, len(values) - 1, np.mean(values), spread)
        assert (estimate.low, estimate.high) == pytest.approx(other)


def test_one_run_has_no_interval_over_seeds() -> None:
    estimate = stats.mean([0.5])
    assert (estimate.low, estimate.high, estimate.half_width) == (None, None, None)
