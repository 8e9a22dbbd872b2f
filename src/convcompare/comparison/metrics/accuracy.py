"""Metrics of accuracy: shares of correct predictions."""

from __future__ import annotations

import numpy as np

from convcompare.core.registry import register

from ..predictions import Labels, Logits, check, class_accuracies, hits


@register.metric("accuracy", best="high", unit="points")
def accuracy(logits: Logits, labels: Labels) -> float:
    """Share of images whose highest logit is that of their class."""
    return float(hits(logits, labels).mean())


@register.metric("balanced-accuracy", best="high", unit="points")
def balanced_accuracy(logits: Logits, labels: Labels) -> float:
    """Mean of the accuracies of the classes, each counting alike (Brodersen et al. 2010).

    doi:10.1109/ICPR.2010.764. Classes without an image are left out.
    """
    return float(np.nanmean(class_accuracies(logits, labels)))


@register.metric("worst-class-accuracy", best="high", unit="points")
def worst_class_accuracy(logits: Logits, labels: Labels) -> float:
    """Accuracy of the class that is recognised worst."""
    return float(np.nanmin(class_accuracies(logits, labels)))


@register.metric("top-5-accuracy", best="high", unit="points", undefined="of five classes or fewer")
def top_5_accuracy(logits: Logits, labels: Labels) -> float:
    """Share of images whose class has one of the five highest logits; a tie counts as a miss.

    Russakovsky et al. 2015, arXiv:1409.0575. Five classes or fewer have no such figure: nan.
    """
    check(logits, labels)
    if logits.shape[1] <= 5:
        return float("nan")
    own = logits[np.arange(len(labels)), labels]
    at_least = (logits >= own[:, None]).sum(1)
    return float((at_least <= 5).mean())
