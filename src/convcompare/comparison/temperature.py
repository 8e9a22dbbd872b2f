"""Temperature scaling: division of all logits of a run by one number (Guo et al. 2017).

arXiv:1706.04599, section 4.2. The temperature is fitted on images that are not evaluated with it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from convcompare.store.run import Run
from convcompare.store.run_store import RunStore

from .predictions import Labels, Logits, check, hits, log_softmax

LARGEST = 1000.0
"""Largest temperature that is searched, and inverse of the smallest."""
HELD_OUT = "held-out training images"
HALVES = "the other half of the test images"


@dataclass(frozen=True)
class Scaled:
    """The test logits of a run after temperature scaling.

    ``logits`` are floats (n, classes); None if no temperature minimises the loss, with the reason
    in ``why``. ``temperatures`` has one item, or one per half of the test images. ``fitted_on``
    describes the images on which each was fitted.
    """

    logits: npt.NDArray[np.float64] | None
    temperatures: tuple[float, ...]
    fitted_on: str
    why: str = ""

    @property
    def temperature(self) -> float | None:
        """The temperature, or the geometric mean of two; None if there is none."""
        if self.logits is None:
            return None
        return math.exp(sum(map(math.log, self.temperatures)) / len(self.temperatures))


def fit_temperature(logits: Logits, labels: Labels) -> float | None:
    """Return the temperature T that minimises the mean log loss of softmax(logits / T).

    The loss is convex in 1/T, so that its derivative, the mean logit under the probabilities minus
    that of the label, has one root. If all images are right, the loss decreases with T without
    limit; if the logits are worse than chance, it decreases as T increases.

    Args:
        logits: Floats (n, classes).
        labels: Integers (n,).

    Returns:
        The temperature; None if there is no root between `LARGEST` and its inverse.

    Raises:
        ValueError: if logits and labels do not match, as in `check`.
    """
    from scipy.optimize import brentq

    check(logits, labels)
    known = logits.astype(np.float64)
    known -= known.max(1, keepdims=True)
    own = known[np.arange(len(labels)), labels]

    def slope(log_inverse: float) -> float:
        probabilities = np.exp(log_softmax(known * math.exp(log_inverse)))
        return float(((probabilities * known).sum(1) - own).mean())

    end = math.log(LARGEST)
    if (own == 0).all() or not slope(-end) < 0 < slope(end):
        return None
    return math.exp(-float(brentq(slope, -end, end, xtol=1e-10)))


def halves(labels: Labels) -> npt.NDArray[np.bool_]:
    """Split images into two halves by their labels (n,), alternating within each class.

    Returns:
        Whether each image is in the second half, (n,).
    """
    order = np.argsort(labels, kind="stable")
    second = np.zeros(len(labels), bool)
    second[order[1::2]] = True
    return second


def cross_fitted(logits: Logits, labels: Labels) -> Scaled:
    """Divide the logits (n, classes) of each half by the temperature fitted on the other half."""
    check(logits, labels)
    second = halves(labels)
    scaled = logits.astype(np.float64)
    temperatures = []
    for half in (second, ~second):
        found = fit_temperature(logits[~half], labels[~half]) if (~half).any() else None
        if found is None:
            return Scaled(None, (), HALVES, _why(logits[~half], labels[~half]))
        scaled[half] /= found
        temperatures.append(found)
    return Scaled(scaled, tuple(temperatures), HALVES)


def scaled_predictions(run: Run, store: RunStore) -> Scaled:
    """Return the test logits of a run after temperature scaling.

    The temperature is fitted on the held-out images if the run recorded their logits, otherwise on
    each half of the test images for the other half.
    """
    test, held_out = store.predictions(run), store.held_out(run)
    if held_out is None:
        return cross_fitted(test.logits, test.labels)
    found = fit_temperature(held_out.logits, held_out.labels)
    if found is None:
        return Scaled(None, (), HELD_OUT, _why(held_out.logits, held_out.labels))
    return Scaled(test.logits.astype(np.float64) / found, (found,), HELD_OUT)


def _why(logits: Logits, labels: Labels) -> str:
    """Return why no temperature minimises the loss on these images."""
    if len(labels) and hits(logits, labels).all():
        return "all images that it would be fitted on are right"
    return "its logits are worse than chance on the images that it would be fitted on"
