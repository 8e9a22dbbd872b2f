"""Functions of the logits and labels of a run, from which metrics are computed. numpy only.

``logits`` are floats (n, classes), ``labels`` ints (n,). All raise ValueError as `check` does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Logits = npt.NDArray[np.floating[Any]]
"""Logits of the test images of one run: floats (n, classes)."""
Labels = npt.NDArray[np.integer[Any]]
"""Labels of the test images: integers (n,), from 0 to classes - 1."""
BINS = 15


def check(logits: Logits, labels: Labels) -> None:
    """Check logits (n, classes) and labels (n,).

    Raises:
        ValueError: if the shapes do not match, there is no image, a logit is not finite, or a label
            is not a class.
    """
    if logits.ndim != 2 or labels.shape != logits.shape[:1] or not len(labels):
        raise ValueError(f"logits (n, classes) and labels (n,): {logits.shape}, {labels.shape}")
    if labels.min() < 0 or labels.max() >= logits.shape[1]:
        raise ValueError(f"labels must be 0 to {logits.shape[1] - 1}")
    if not np.isfinite(logits).all():
        raise ValueError("logits must be finite")


def hits(logits: Logits, labels: Labels) -> npt.NDArray[np.bool_]:
    """Return whether each prediction is correct, (n,); of equal logits the first class counts."""
    check(logits, labels)
    right: npt.NDArray[np.bool_] = logits.argmax(1) == labels
    return right


def log_softmax(logits: Logits) -> npt.NDArray[np.float64]:
    """Return log-probabilities (n, classes) in float64, stable against overflow.

    The arguments are not checked.
    """
    shifted = logits.astype(np.float64)
    shifted -= shifted.max(1, keepdims=True)
    log: npt.NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    return log


def log_losses(logits: Logits, labels: Labels) -> npt.NDArray[np.float64]:
    """Return the negative log-probability of the label of each image, (n,), in nats."""
    check(logits, labels)
    losses: npt.NDArray[np.float64] = -log_softmax(logits)[np.arange(len(labels)), labels]
    return losses


def brier_scores(logits: Logits, labels: Labels) -> npt.NDArray[np.float64]:
    """Return the squared error of the probabilities of each image, summed over classes, (n,)."""
    check(logits, labels)
    errors = np.exp(log_softmax(logits))
    errors[np.arange(len(labels)), labels] -= 1
    scores: npt.NDArray[np.float64] = (errors**2).sum(1)
    return scores


def confusion_matrix(logits: Logits, labels: Labels) -> npt.NDArray[np.int64]:
    """Return the confusion matrix (classes, classes): labels in rows, predictions in columns."""
    check(logits, labels)
    classes = logits.shape[1]
    cells = labels.astype(np.int64) * classes + logits.argmax(1)
    return np.bincount(cells, minlength=classes**2).reshape(classes, classes)


def class_accuracies(logits: Logits, labels: Labels) -> npt.NDArray[np.float64]:
    """Return the accuracy on the images of each class, (classes,); NaN for a class without any."""
    return accuracies_of(confusion_matrix(logits, labels))


def accuracies_of(matrix: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return the accuracy of each class, (classes,), from a confusion matrix (classes, classes)."""
    images = matrix.sum(1)
    shares = np.full(len(matrix), np.nan)
    np.divide(np.diag(matrix), images, out=shares, where=images > 0)
    return shares


@dataclass(frozen=True)
class Reliability:
    """Number, mean confidence and accuracy of images in bins of confidence, (bins,) each.

    The bins have equal width. Confidence and accuracy of an empty bin are NaN.
    """

    images: npt.NDArray[np.int64]
    confidence: npt.NDArray[np.float64]
    accuracy: npt.NDArray[np.float64]


def reliability(logits: Logits, labels: Labels, bins: int = BINS) -> Reliability:
    """Return mean confidence and accuracy by bin of confidence, the probability of the prediction.

    Bin i contains confidences in (i/bins, (i+1)/bins] (Guo et al. 2017, arXiv:1706.04599).
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
