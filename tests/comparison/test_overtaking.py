"""The number of training images from which one network is ahead of another."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from convcompare.comparison.overtaking import Crossing, SizedPair, crossings
from tests.support.cli import Result

MINI = ("--dataset", "mnist-mini", "--threads", "1", "--epochs", "1")


def pair(*seeds: Sequence[float], sizes: tuple[int, ...] = (100, 10_000)) -> SizedPair:
    """Differences of each seed in points."""
    return SizedPair("new", "old", sizes, np.array(seeds).T / 100)


def test_crossing_is_the_zero_of_the_mean_on_a_logarithmic_axis() -> None:
    """−1 point at 100 images and +1 at 10,000: zero at 1,000; −1 and +3: a quarter of the way."""
    (found,) = crossings(pair([-1.1, 0.9], [-0.9, 1.1]))
    assert (found.leader, found.other) == ("new", "old")
    assert found.images == pytest.approx(1000, rel=0.01)
    (found,) = crossings(pair([1.1, -2.9], [0.9, -3.1]))
    assert (found.leader, found.images) == ("old", pytest.approx(100 * 10**0.5, rel=0.01))


def test_no_crossing_if_one_network_stays_ahead() -> None:
    assert crossings(pair([1, 2], [0.5, 3])) == []
    assert len(crossings(pair([-1, 1, -1], [-1, 1, -1], sizes=(10, 100, 1000)))) == 2


def test_the_interval_is_the_t_test_inverted() -> None:
    """Seeds that differ by a constant shift: t times their error is a constant distance."""
    shifts = np.array([-0.2, 0.1, 0.1, 0.0])
    (found,) = crossings(pair(*[(-1 + s, 1 + s) for s in shifts]))
    half = stats.t.ppf(0.975, 3) * stats.sem(shifts)  # points; a decade is one point
    assert found.low is not None and found.high is not None
    assert math.log10(found.low) == pytest.approx(3 - half, abs=0.01)
    assert math.log10(found.high) == pytest.approx(3 + half, abs=0.01)


def test_open_interval_is_reported() -> None:
    (found,) = crossings(pair([-3, 2], [1, 1], [1, 3]))
    assert found.low is None
    assert "from below what was tried" in found.words or "beyond what was tried" in found.words
    (alone,) = crossings(pair([-1, 1]))
    assert (alone.low, alone.high) == (None, None)


def test_interval_covers_the_crossing_in_95_of_100() -> None:
    draw = np.random.default_rng(0)
    hits = 0
    for _ in range(400):
        noise = draw.normal(0, 1, (5, 2))
        found = crossings(pair(*(np.array([-2.0, 2.0]) + noise)))
        hits += any((c.low or 0) <= 1000 <= (c.high or math.inf) for c in found)
    assert 0.92 < hits / 400 < 0.98


def test_networks_on_several_numbers_of_images(run: Callable[..., Result], tmp_path: Path) -> None:
    """The baseline is the one with equally many images; all verdicts are one family."""
    models = ("fcn:hidden=8", "fcn:hidden=16")
    sizes = ("--train-images", "200,80,10000")
    result = run("compare", *models, *MINI, *sizes, "--seeds", "3", "-f", "json")
    assert result.code == 0, result.err
    found = result.json()
    labels = [one["model"] for one in found["models"]]
    assert labels == [f"{m} n={n}" for n in (80, 200, 10000) for m in models]
    against = [(one["model"], one["baseline"]) for one in found["contrasts"]]
    assert against == [(f"{models[1]} n={n}", f"{models[0]} n={n}") for n in (80, 200, 10000)]
    for one in found["contrasts"]:
        assert one["p_adjusted"] >= one["p"]
    assert run("plot", "data-efficiency", "--out", str(tmp_path / "f.png")).code == 0
    rows = (tmp_path / "f.csv").read_text().splitlines()
    assert len(rows) == 1 + 2 * 3 * 3
    whole = run("compare", models[0], *MINI, "--seeds", "3")
    assert "epoch 1/1" not in whole.err, "all images are the training without the option"


@pytest.mark.parametrize("text", ["100,100", "100,", "100,x", "0,100", "100,-5"])
def test_bad_numbers(run: Callable[..., Result], text: str) -> None:
    result = run("compare", "fcn", *MINI, "--train-images", text)
    assert (result.code, "Traceback" in result.err) == (2, False)
    assert "--train-images" in result.err or "train_images" in result.err


def test_one_number_of_images_draws_no_curve(run: Callable[..., Result]) -> None:
    assert run("compare", "fcn:hidden=8", *MINI, "--train-images", "100").code == 0
    result = run("plot", "data-efficiency")
    assert "trained on one number of images" in result.err


@pytest.mark.parametrize("sign", [1, -1])
def test_no_crossing_without_an_earlier_lead(sign: int) -> None:
    """Equal on few images, or at one number of images between two with the same leader."""

    def found(*means: float) -> list[Crossing]:
        rows = sign * np.array([[mean, 1.2 * mean] for mean in means])
        return crossings(SizedPair("m", "b", (100, 1_000, 10_000)[: len(means)], rows))

    assert found(0.0, 0.1) == found(0.0, 0.0) == found(0.1, 0.0, 0.1) == found(0.1, 0.0) == []
    (only,) = found(-0.1, 0.0, 0.1)
    assert only.leader == ("m" if sign > 0 else "b")
    assert only.images == pytest.approx(1_000)
