"""Predictions of one run on the test images: what the metrics are made of. numpy only.

``logits`` are floats (n, classes), ``labels`` ints (n,). ValueError where they do not fit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Logits = npt.NDArray[np.floating[Any]]
"""Logits of the test images of one run: floats (n, classes)."""
Labels = npt.NDArray[np.integer[Any]]
"""The right classes of the test images: integers (n,), from 0 to classes - 1."""
BINS = 15


def check(logits: Logits, labels: Labels) -> None:
    """Raise ValueError unless logits (n, classes) and labels (n,) fit each other.

    There must be one image or more, every logit finite, and every label that of a class.
    """
    if logits.ndim != 2 or labels.shape != logits.shape[:1] or not len(labels):
        raise ValueError(f"logits (n, classes) and labels (n,): {logits.shape}, {labels.shape}")
    if labels.min() < 0 or labels.max() >= logits.shape[1]:
        raise ValueError(f"labels must be 0 to {logits.shape[1] - 1}")
    if not np.isfinite(logits).all():
        raise ValueError("logits must be finite")


def hits(logits: Logits, labels: Labels) -> npt.NDArray[np.bool_]:
    """Which images are right: (n,). Of equal logits the first class counts, as in torch."""
    check(logits, labels)
    right: npt.NDArray[np.bool_] = logits.argmax(1) == labels
    return right


def log_softmax(logits: Logits) -> npt.NDArray[np.float64]:
    """Log-probabilities (n, classes) in float64; the largest logit goes first, so none overflow."""
    shifted = logits.astype(np.float64)
    shifted -= shifted.max(1, keepdims=True)
    log: npt.NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    return log


def log_losses(logits: Logits, labels: Labels) -> npt.NDArray[np.float64]:
    """The negative log-probability of each image's class, in nats: (n,)."""
    check(logits, labels)
    losses: npt.NDArray[np.float64] = -log_softmax(logits)[np.arange(len(labels)), labels]
    return losses


def brier_scores(logits: Logits, labels: Labels) -> npt.NDArray[np.float64]:
    """The squared error of each image's probabilities, summed over the classes: (n,)."""
    check(logits, labels)
    errors = np.exp(log_softmax(logits))
    errors[np.arange(len(labels)), labels] -= 1
    scores: npt.NDArray[np.float64] = (errors**2).sum(1)
    return scores


def confusion_matrix(logits: Logits, labels: Labels) -> npt.NDArray[np.int64]:
    """How many images of each class (row) are taken for each class (column)."""
    check(logits, labels)
    classes = logits.shape[1]
    cells = labels.astype(np.int64) * classes + logits.argmax(1)
    return np.bincount(cells, minlength=classes**2).reshape(classes, classes)


def class_accuracies(logits: Logits, labels: Labels) -> npt.NDArray[np.float64]:
    """The share of each class's images that is right (classes,): nan for one without images."""
    return accuracies_of(confusion_matrix(logits, labels))


def accuracies_of(matrix: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """The same of a confusion matrix (classes, classes)."""
    images = matrix.sum(1)
    shares = np.full(len(matrix), np.nan)
    np.divide(np.diag(matrix), images, out=shares, where=images > 0)
    return shares


@dataclass(frozen=True)
class Reliability:
    """Images by confidence, in bins of equal width: arrays (bins,), nan where a bin is empty."""

    images: npt.NDArray[np.int64]
    confidence: npt.NDArray[np.float64]
    accuracy: npt.NDArray[np.float64]


def reliability(logits: Logits, labels: Labels, bins: int = BINS) -> Reliability:
    """Mean confidence and accuracy by bin of confidence, the highest class's probability.

    Bin i holds confidences above i/bins and up to (i+1)/bins (Guo et al. 2017, arXiv:1706.04599).
    """
    right = hits(logits, labels)
    confidence = np.exp(log_softmax(logits).max(1))
    which = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    images = np.bincount(which, minlength=bins)
    found = np.full((2, bins), np.nan)
    for row, values in enumerate((confidence, right.astype(np.float64))):
        sums = np.bincount(which, weights=values, minlength=bins)
        np.divide(sums, images, out=found[row], where=images > 0)
    return Reliability(images, found[0], found[1])
