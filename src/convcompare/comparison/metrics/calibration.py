"""Metrics of calibration: how reliable the predicted probabilities are."""

from __future__ import annotations

import numpy as np

from convcompare.core.registry import register

from ..predictions import Labels, Logits, brier_scores, log_losses, reliability

BIASED = (
    "its estimate is too high, by an amount that depends on the images and on the network "
    "(Roelofs et al. 2022, arXiv:2012.08668), so that a difference can be one of the bias"
)


@register.metric("log-loss", best="low")
def log_loss(logits: Logits, labels: Labels) -> float:
    """Mean negative log-probability of the right class, in nats: the cross-entropy (Good 1952)."""
    return float(log_losses(logits, labels).mean())


@register.metric("brier-score", best="low")
def brier_score(logits: Logits, labels: Labels) -> float:
    """Mean squared error of the probabilities, summed over the classes: 0 to 2 (Brier 1950).

    doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2.
    """
    return float(brier_scores(logits, labels).mean())


@register.metric("calibration-error", best="low", no_verdict=BIASED)
def calibration_error(logits: Logits, labels: Labels) -> float:
    """Expected calibration error: mean gap of confidence and accuracy over 15 bins of confidence.

    Bins of equal width, weighted by their images (Guo et al. 2017, arXiv:1706.04599). With few
    images it is above zero for a perfectly calibrated network, too.
    """
    bins = reliability(logits, labels)
    gaps = np.nan_to_num(np.abs(bins.confidence - bins.accuracy))
    return float((gaps * bins.images).sum() / bins.images.sum())
