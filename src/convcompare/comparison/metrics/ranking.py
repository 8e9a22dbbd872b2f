"""Metrics of each class against all others, averaged over the classes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from convcompare.core.registry import register

from ..predictions import Labels, Logits, check, confusion_matrix, log_softmax


@register.metric("macro-f1", best="high", unit="points")
def macro_f1(logits: Logits, labels: Labels) -> float:
    """Mean over the classes of F1, the harmonic mean of precision and recall.

    Van Rijsbergen 1979, chapter 7: 2·TP / (2·TP + FP + FN). A class that has no image and is never
    predicted is left out; one that has none and is predicted counts as 0.
    """
    matrix = confusion_matrix(logits, labels)
    found = matrix.sum(0) + matrix.sum(1)
    return float((2 * np.diag(matrix)[found > 0] / found[found > 0]).mean())


@register.metric("auroc", best="high", undefined="where all test images are of one class")
def auroc(logits: Logits, labels: Labels) -> float:
    """Mean over the classes of the area under the ROC curve, each class against all others.

    The probability that an image of the class gets a higher probability of it than another image
    does, a tie counting half (Hanley and McNeil 1982, doi:10.1148/radiology.143.1.7063747).
    Classes without an image are left out; nan if all images are of one class.
    """
    check(logits, labels)
    scores = log_softmax(logits)
    present = np.unique(labels)
    if len(present) < 2:
        return float("nan")
    return float(np.mean([_area(scores[:, one], labels == one) for one in present]))


def _area(scores: npt.NDArray[np.float64], own: npt.NDArray[np.bool_]) -> float:
    """Return the area for one class from scores (n,) and whether each image is of it, (n,)."""
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    n, others = int(own.sum()), int((~own).sum())
    return float((ranks[own].sum() - n * (n + 1) / 2) / (n * others))
