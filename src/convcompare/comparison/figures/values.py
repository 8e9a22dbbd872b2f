"""Where the figures of a run are read: its record, its predictions, its analyses."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from statistics import fmean

import numpy as np
import numpy.typing as npt

from convcompare.core.registry import Entry
from convcompare.store.receptive_field_record import FIELDS, FieldRecord
from convcompare.store.run import Run
from convcompare.store.run_store import RunStore

from ..predictions import Labels, Logits, check, log_softmax
from ..run_figures import gradient_of_run
from .measure import Scores, metric_failed

Reader = Callable[[Run, RunStore], float | None]
"""The figure of a run; None where it was not recorded."""


def shown(name: str) -> Reader:
    """A figure of the epoch that counts, by its name in `Epoch`."""

    def read(run: Run, _: RunStore) -> float | None:
        return None if run.shown is None else float(getattr(run.shown, name))

    return read


def accuracy_gap(run: Run, _: RunStore) -> float | None:
    """Train minus test accuracy of the final network, both in evaluation mode: a fraction."""
    if run.train_evaluation is None or run.shown is None:
        return None
    return run.train_evaluation.accuracy - run.shown.test_accuracy


def loss_gap(run: Run, _: RunStore) -> float | None:
    """Test minus train loss of the final network, both in evaluation mode: nats."""
    if run.train_evaluation is None or run.shown is None:
        return None
    return run.shown.test_loss - run.train_evaluation.loss


def accuracy_area(run: Run, _: RunStore) -> float | None:
    """The area under the curve of test accuracy by epoch, over its length: a fraction.

    That is the mean over the epochs (Guyon et al. 2011, proceedings.mlr.press/v16/guyon11a.html).
    """
    return fmean(epoch.test_accuracy for epoch in run.history) if run.history else None


def gradient(moment: int) -> Reader:
    """Mean absolute gradient of the first layer, at initialisation (0) or the end (-1)."""
    return lambda run, store: gradient_of_run(run, store, moment)


def latency(single: bool) -> Reader:
    """Seconds an image of a forward pass: of one image alone, or of the largest batch."""

    def read(run: Run, _: RunStore) -> float | None:
        found = [one for one in run.inference if (one.batch == 1) == single]
        return max(found, key=lambda one: one.batch).per_image if found else None

    return read


def field_area(run: Run, store: RunStore) -> float | None:
    """The receptive field of the features in pixels; infinite where they see the whole image."""
    arrays = store.analysis(run, FIELDS)
    if arrays is None:
        return None
    size = FieldRecord.from_arrays(arrays).features_size
    return math.inf if size is None else size[0] * size[1]


def pixels(value: float) -> str:
    """``1,444 pixels``, or ``the whole image``."""
    return "the whole image" if math.isinf(value) else f"{value:,.0f} pixels"


def metric(entry: Entry) -> Reader:
    """A registered metric of the stored predictions; None where it has no value for them."""

    def read(run: Run, store: RunStore) -> float | None:
        found = store.predictions(run)
        try:
            value = float(entry.function(found.logits, found.labels))
        except Exception as error:
            raise metric_failed(entry.name, run, error) from error
        return value if math.isfinite(value) else None

    return read


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


IMAGE_SCORES: Mapping[str, Scores] = {"log-loss": log_losses, "brier-score": brier_scores}
"""Metrics that are means over the images."""
