"""Temperature scaling: the minimum of the loss by another method, known truth, cross-fitting."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from convcompare.comparison.comparison import Comparison
from convcompare.comparison.metrics.calibration import calibration_error
from convcompare.comparison.predictions import reliability
from convcompare.comparison.temperature import (
    HALVES,
    HELD_OUT,
    cross_fitted,
    fit_temperature,
    halves,
    scaled_predictions,
)
from convcompare.output.plots.kinds.calibration import pooled
from convcompare.store.run_store import RunStore
from tests.support.figures import Made, drawn, source

Case = tuple[np.ndarray, np.ndarray]


def drawn_labels(scale: float, n: int = 20_000, classes: int = 5, seed: int = 0) -> Case:
    """Return labels and `scale` times the logits of the distribution that they are drawn from."""
    dice = np.random.default_rng(seed)
    logits = dice.normal(0, 1.5, (n, classes))
    noisy = logits + dice.gumbel(size=logits.shape)  # the largest is drawn with softmax(logits)
    return (scale * logits).astype(np.float32), noisy.argmax(1)


@pytest.mark.parametrize("scale", [0.25, 1.0, 3.0, 40.0])
def test_a_known_temperature_is_found(scale: float) -> None:
    logits, labels = drawn_labels(scale)
    assert fit_temperature(logits, labels) == pytest.approx(scale, rel=0.04)


@pytest.mark.parametrize("seed", range(4))
def test_temperature_is_the_minimum_found_by_gradient_descent(seed: int) -> None:
    logits, labels = drawn_labels(2.0 + seed, n=300, classes=3 + seed, seed=seed)
    x, y = torch.tensor(logits).double(), torch.tensor(labels)
    inverse = torch.ones((), dtype=torch.float64, requires_grad=True)
    descent = torch.optim.LBFGS([inverse], max_iter=200, tolerance_grad=1e-12,
                                tolerance_change=1e-14, line_search_fn="strong_wolfe")  # fmt: skip

    def loss() -> torch.Tensor:
        descent.zero_grad()
        value = F.cross_entropy(x * inverse, y)
        value.backward()
        return value

    descent.step(loss)
    assert fit_temperature(logits, labels) == pytest.approx(1 / inverse.item(), rel=1e-6)
    shifted = logits + np.float32(1000)  # softmax is invariant to a shift
    assert fit_temperature(shifted, labels) == pytest.approx(1 / inverse.item(), rel=1e-2)


def test_no_temperature_without_a_minimum() -> None:
    labels = np.arange(30) % 3
    right = 3 * np.eye(3, dtype=np.float32)[labels]
    assert fit_temperature(right, labels) is None
    assert fit_temperature(-right, labels) is None  # less than chance
    assert fit_temperature(np.zeros((30, 3), np.float32), labels) is None
    none = cross_fitted(right, labels)
    assert none.logits is None and none.temperature is None
    assert none.why == "all images that it would be fitted on are right"


def test_each_half_is_scaled_by_the_temperature_of_the_other() -> None:
    logits, labels = drawn_labels(2.5, n=401)
    second = halves(labels)
    for label in range(5):
        assert abs(second[labels == label].sum() * 2 - (labels == label).sum()) <= 1
    found = cross_fitted(logits, labels)
    assert found.logits is not None and found.fitted_on == HALVES
    for half, temperature in ((second, found.temperatures[0]), (~second, found.temperatures[1])):
        assert temperature == fit_temperature(logits[~half], labels[~half])
        np.testing.assert_allclose(found.logits[half], logits[half] / temperature)
    changed = np.where(second & (np.arange(401) == np.flatnonzero(second)[0]), 4 - labels, labels)
    assert (cross_fitted(logits, changed).temperatures[0] == found.temperatures[0]) == (
        halves(changed) == second
    ).all()
    assert calibration_error(found.logits, labels) < calibration_error(logits, labels)


def test_one_class_of_one_image_has_no_halves() -> None:
    assert cross_fitted(np.array([[1.0, 0.0]]), np.array([0])).logits is None


def test_the_bins_of_several_runs_are_those_of_all_their_images() -> None:
    cases = [drawn_labels(2.0, n=n, seed=n) for n in (50, 200, 70)]
    together = reliability(*(np.concatenate(parts) for parts in zip(*cases, strict=True)))
    found = pooled([reliability(*case) for case in cases])
    np.testing.assert_allclose(3 * found.images, together.images)
    np.testing.assert_allclose(found.accuracy, together.accuracy)
    np.testing.assert_allclose(found.confidence, together.confidence, rtol=1e-6)


def test_held_out_logits_are_kept_and_fitted(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    few = ("-d", "mnist-mini", "--train-images", "600", "-e", "1", "-q", "--store", "runs")
    assert run("compare", "fcn:hidden=16", *few, "--val-fraction", "0.1").code == 0
    store = RunStore(tmp_path / "runs")
    one = Comparison.latest(store).groups[0].finished[0]
    held_out = store.held_out(one)
    assert held_out is not None and held_out.logits.shape == (60, 10)
    assert one.selected_epoch is not None
    assert (held_out.logits.argmax(1) == held_out.labels).mean() == one.selected_epoch.val_accuracy
    scaled = scaled_predictions(one, store)
    assert scaled.fitted_on == HELD_OUT and scaled.logits is not None
    temperature = fit_temperature(held_out.logits, held_out.labels)
    np.testing.assert_allclose(scaled.logits, store.predictions(one).logits / temperature)
    figures = run("plot", "calibration", "--store", "runs", "--format", "json").json()["figures"]
    assert "on the training images that the run held out" in figures[0]["caption"]


def test_figure_reports_the_number_of_runs_without_temperature() -> None:
    diagram, scores = drawn(source([Made("fcn", (1.0, 0.9, 1.0))]), "calibration")
    why = "all images that it would be fitted on are right"
    for drawing in (diagram, scores):
        assert f"not of 2 of 3 runs of fcn: {why}" in drawing.caption
    assert "temperature: of 1 of 3 runs" in diagram.alt


def test_figure_names_runs_that_could_not_be_scaled() -> None:
    perfect = source([Made("fcn", (1.0, 1.0)), Made("simple", (0.9, 0.92))])
    diagram, scores = drawn(perfect, "calibration")
    assert "none of fcn: all images that it would be fitted on are right" in diagram.caption
    assert "one half of the test images" in diagram.caption
    rows = [dict(zip(scores.columns, row, strict=True)) for row in scores.rows]
    assert [row["temperature"] is None for row in rows] == [True, True, False, False]
    shown = [dict(zip(diagram.columns, row, strict=True)) for row in diagram.rows]
    assert {(row["model"], row["scaling"]) for row in shown} == {
        ("fcn", "none"), ("simple", "none"), ("simple", "temperature"),
    }  # fmt: skip
    for label in ("fcn", "simple"):
        images = [r["images"] for r in shown if (r["model"], r["scaling"]) == (label, "none")]
        assert sum(images) == 400
