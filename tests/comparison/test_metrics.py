from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from convcompare.comparison import predictions, run_figures
from convcompare.comparison.stats.censored import NEVER
from convcompare.core.errors import UsageError
from convcompare.core.registry import register
from tests.support.cli import Result
from tests.support.runs import run as made_run


@st.composite
def made(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Logits (n, classes) of some size and labels (n,)."""
    n, classes = draw(st.integers(1, 40)), draw(st.integers(2, 8))
    rng = np.random.Generator(np.random.PCG64(draw(st.integers(0, 2**32))))
    scale = draw(st.sampled_from([0.1, 3.0, 200.0]))
    return rng.normal(0, scale, (n, classes)).astype(np.float32), rng.integers(0, classes, n)


def metric(name: str, logits: np.ndarray, labels: np.ndarray) -> float:
    value = register.metric[name].function(logits, labels)
    assert isinstance(value, float)
    return value


@settings(max_examples=30)
@given(made())
def test_figures_of_each_class_agree_with_counting_pairs(
    case: tuple[np.ndarray, np.ndarray],
) -> None:
    logits, labels = case
    scores = torch.tensor(logits).double().log_softmax(1).numpy()
    guesses, areas, f1 = logits.argmax(1), [], []
    for k in range(logits.shape[1]):
        own, others = scores[labels == k, k], scores[labels != k, k]
        won = [(a > b) + (a == b) / 2 for a in own for b in others]
        areas += [np.mean(won)] if won else []
        right, taken, there = (
            np.sum(both) for both in ((guesses == k) & (labels == k), guesses == k, labels == k)
        )
        if taken + there:
            precision, recall = right / max(taken, 1), right / max(there, 1)
            f1.append(2 * precision * recall / (precision + recall) if right else 0.0)
    assert metric("macro-f1", *case) == pytest.approx(np.mean(f1))
    if len(np.unique(labels)) < 2:
        assert math.isnan(metric("auroc", *case))
    else:
        assert metric("auroc", *case) == pytest.approx(np.mean(areas))


def test_figures_of_each_class_are_those_of_scikit_learn() -> None:
    sklearn = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(0, 2, (300, 5)), np.arange(300) % 5
    probabilities = torch.tensor(logits).softmax(1).numpy()
    theirs = sklearn.roc_auc_score(labels, probabilities, multi_class="ovr")
    assert metric("auroc", logits, labels) == pytest.approx(theirs)
    theirs = sklearn.f1_score(labels, logits.argmax(1), average="macro")
    assert metric("macro-f1", logits, labels) == pytest.approx(theirs)


@settings(max_examples=40)
@given(made())
def test_metrics_agree_with_a_second_method(case: tuple[np.ndarray, np.ndarray]) -> None:
    logits, labels = case
    torch_logits, torch_labels = torch.tensor(logits).double(), torch.tensor(labels)
    guesses = torch_logits.argmax(1).numpy()
    assert metric("accuracy", *case) == np.mean(guesses == labels)
    loss = torch.nn.functional.cross_entropy(torch_logits, torch_labels).item()
    assert metric("log-loss", *case) == pytest.approx(loss, abs=1e-12)
    by_class = [np.mean(guesses[labels == k] == k) for k in np.unique(labels)]
    assert metric("balanced-accuracy", *case) == pytest.approx(np.mean(by_class))
    assert metric("worst-class-accuracy", *case) == pytest.approx(min(by_class))
    probabilities = torch_logits.softmax(1).numpy()
    squares = [
        sum((p[k] - (k == label)) ** 2 for k in range(len(p)))
        for p, label in zip(probabilities, labels, strict=True)
    ]
    assert metric("brier-score", *case) == pytest.approx(np.mean(squares), abs=1e-12)
    if logits.shape[1] > 5:
        top = torch_logits.topk(5).indices.numpy()
        shares = [label in row for row, label in zip(top, labels, strict=True)]
        assert metric("top-5-accuracy", *case) == np.mean(shares)
    else:
        assert math.isnan(metric("top-5-accuracy", *case))


@settings(max_examples=40)
@given(made())
def test_calibration_error_agrees_with_its_definition(
    case: tuple[np.ndarray, np.ndarray],
) -> None:
    logits, labels = case
    probabilities = torch.tensor(logits).double().softmax(1).numpy()
    confidence, right = probabilities.max(1), probabilities.argmax(1) == labels
    error = 0.0
    for low, high in zip(np.arange(15) / 15, np.arange(1, 16) / 15, strict=True):
        inside = (confidence > low) & (confidence <= high + 1e-15)
        if inside.any():
            error += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    assert metric("calibration-error", *case) == pytest.approx(error, abs=1e-9)


def test_calibration_by_hand() -> None:
    """Four images with confidence 0.8, three of which are right: an error of 0.05."""
    logits = np.log(np.array([[0.8, 0.2]] * 4))
    labels = np.array([0, 0, 0, 1])
    assert metric("calibration-error", logits, labels) == pytest.approx(0.05)
    bins = predictions.reliability(logits, labels)
    assert bins.images.tolist() == [0] * 11 + [4] + [0] * 3
    assert bins.accuracy[11] == 0.75
    assert np.isnan(bins.confidence[0])
    edge = predictions.reliability(np.zeros((3, 2)), np.zeros(3, int), bins=2)
    assert edge.images.tolist() == [3, 0], "a confidence of 0.5 belongs to the lower bin"


@given(made())
def test_confusion_matrix_counts_every_image(case: tuple[np.ndarray, np.ndarray]) -> None:
    logits, labels = case
    matrix = predictions.confusion_matrix(logits, labels)
    by_hand = np.zeros_like(matrix)
    for row, label in zip(logits, labels, strict=True):
        by_hand[label, int(np.argmax(row))] += 1
    assert matrix.tolist() == by_hand.tolist()


def test_class_without_images_has_no_accuracy() -> None:
    shares = predictions.class_accuracies(np.eye(3), np.array([0, 0, 1]))
    assert shares[:2].tolist() == [0.5, 0.0]
    assert np.isnan(shares[2])


def test_huge_logits_do_not_overflow() -> None:
    logits = np.array([[1e5, 0.0], [0.0, 1e5]], np.float32)
    assert metric("log-loss", logits, np.array([0, 0])) == pytest.approx(5e4)


@pytest.mark.parametrize(
    ("logits", "labels"),
    [
        (np.zeros(3), np.zeros(3, int)),
        (np.zeros((3, 2)), np.zeros(2, int)),
        (np.zeros((0, 2)), np.zeros(0, int)),
        (np.zeros((1, 2)), np.array([2])),
        (np.array([[np.nan, 0]]), np.array([0])),
    ],
)
def test_mismatched_shapes_are_refused(logits: np.ndarray, labels: np.ndarray) -> None:
    for entry in register.metric:
        with pytest.raises(ValueError, match=r"logits|labels"):
            entry.function(logits, labels)


def test_metric_has_its_better_direction() -> None:
    assert {entry.info["best"] for entry in register.metric} == {"high", "low"}
    with pytest.raises(UsageError):
        register.metric["acuracy"]


def test_gaps_and_epochs_of_a_history() -> None:
    base = made_run("fcn", 0)
    history = tuple(
        dataclasses.replace(base.history[0], epoch=i + 1, test_accuracy=a)
        for i, a in enumerate((0.5, 0.9, 0.85, 0.95))
    )
    trained = dataclasses.replace(base, history=history)
    assert run_figures.accuracy_gap(trained) == pytest.approx(0.9944 - 0.95)
    assert run_figures.loss_gap(trained) == pytest.approx(0.08 - 0.02)
    assert [run_figures.epochs_to(trained, a) for a in (0.5, 0.9, 0.92, 0.99)] == [1, 2, 4, NEVER]
    assert run_figures.loss_gap(dataclasses.replace(base, history=())) is None


def test_figure_undefined_for_few_classes_is_missing(
    run: Callable[..., Result], tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(90) % 3
    images = (rng.integers(0, 99, (90, 6, 6)) + labels[:, None, None] * 50).astype(np.uint8)
    arrays = {"x_train": images[:60], "y_train": labels[:60]}
    np.savez(tmp_path / "few.npz", **arrays, x_test=images[60:], y_test=labels[60:])
    few = ("top-5-accuracy", "macro-f1", "auroc")
    options = ("--seeds=3", "--epochs=10", "--batch-size=20", "--lr=0.03", "--format=json")
    asked = ("--columns", ",".join(few), "--verdict-on", ",".join(few))
    networks = ("fcn:hidden=4", "fcn:hidden=8")
    done = run("compare", *networks, "--dataset=npz:few.npz", *options, *asked)
    assert done.code == 0, done.err
    told = [w["warning"] for w in done.json()["warnings"]]
    assert any(t.endswith("it has no value of five classes or fewer") for t in told), told
    by_figure = {c["figure"]: c["value"] for c in done.json()["contrasts"]}
    assert by_figure["top-5-accuracy"] is None
    assert None not in (by_figure["macro-f1"], by_figure["auroc"])
    shown = run("runs", "latest", "--columns", ",".join(few), "--format=csv").out.splitlines()
    assert all(line.split(",")[shown[0].split(",").index(few[0])] == "" for line in shown[1:3])
