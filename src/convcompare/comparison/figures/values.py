"""Where the figures of a run are read: its record, its predictions, its analyses."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from statistics import fmean

from convcompare.core.registry import Entry
from convcompare.store.feature_record import FEATURES, FeatureRecord
from convcompare.store.receptive_field_record import FIELDS, FieldRecord
from convcompare.store.run import Run
from convcompare.store.run_store import RunStore

from .. import run_figures
from ..predictions import brier_scores, log_losses
from ..run_figures import gradient_of_run, gradients_of_run
from ..stats.paired import ROUNDING
from .measure import Scores, metric_failed

Reader = Callable[[Run, RunStore], float | None]
"""The figure of a run; None where it was not recorded."""
CONVERGED = 0.01
"""Test accuracy below the best of a run from which on it has converged: a point."""


def shown(name: str) -> Reader:
    """A figure of the epoch that counts, by its name in `Epoch`."""
    return lambda run, _: run.figure(name)


def accuracy_gap(run: Run, _: RunStore) -> float | None:
    """Train minus test accuracy of the final network, both in evaluation mode: a fraction."""
    accuracy = run.figure("test_accuracy")
    if run.train_evaluation is None or accuracy is None:
        return None
    return run.train_evaluation.accuracy - accuracy


def loss_gap(run: Run, _: RunStore) -> float | None:
    """Test minus train loss of the final network, both in evaluation mode: nats."""
    loss = run.figure("test_loss")
    if run.train_evaluation is None or loss is None:
        return None
    return loss - run.train_evaluation.loss


def accuracy_area(run: Run, _: RunStore) -> float | None:
    """The area under the curve of test accuracy by epoch, over its length: a fraction.

    That is the mean over the epochs (Guyon et al. 2011, proceedings.mlr.press/v16/guyon11a.html).
    None unless every epoch was evaluated.
    """
    return fmean(run.accuracies) if run.accuracies else None


def gradient(moment: int) -> Reader:
    """Mean absolute gradient of the first layer, at initialisation (0) or the end (-1)."""
    return lambda run, store: gradient_of_run(run, store, moment)


def gradient_fall(run: Run, store: RunStore) -> float | None:
    """The first layer's mean absolute gradient at initialisation over that after training.

    Infinite if that is 0.
    """
    start, end = (gradient_of_run(run, store, moment) for moment in (0, -1))
    return None if start is None or end is None else _over(start, end)


def gradient_ratio(run: Run, store: RunStore) -> float | None:
    """The gradient norm of the last layer over the first after training; NaN if there is none."""
    found = gradients_of_run(run, store)
    return None if found is None else found.ratio()


def gradient_norm(epoch: int) -> Reader:
    """The mean over the layers of their gradient norms after an epoch."""
    return lambda run, store: _mean_norm(run, store, epoch)


def gradient_rise(epoch: int) -> Reader:
    """The same after the last epoch over that after `epoch`; None unless some follow it.

    Infinite if that is 0.
    """

    def read(run: Run, store: RunStore) -> float | None:
        last = len(run.history)
        then, end = _mean_norm(run, store, epoch), _mean_norm(run, store, last)
        if then is None or end is None or epoch >= last:
            return None
        return _over(end, then)

    return read


def _over(value: float, by: float) -> float:
    return value / by if by else math.inf


def _mean_norm(run: Run, store: RunStore, epoch: int) -> float | None:
    found = gradients_of_run(run, store)
    if found is None or not 0 <= epoch < len(found.norm):
        return None
    return float(found.norm[epoch].mean())


def activation_spread(run: Run, store: RunStore) -> float | None:
    """How uneven the channels of the first activation are: the deviation of their means over the
    mean of these, without a unit (n - 1 in the deviation).

    None unless the means of all channels were recorded; NaN of a single channel, and if their mean
    is not above 0.
    """
    arrays = store.analysis(run, FEATURES)
    means = None if arrays is None else FeatureRecord.from_arrays(arrays).channel_means
    if means is None:
        return None
    if len(means) < 2 or not means.mean() > 0:
        return math.nan
    return float(means.std(ddof=1) / means.mean())


def convergence(run: Run, _: RunStore) -> float | None:
    """The first epoch after which the test accuracy is within a point of the best of the run.

    None unless every epoch was evaluated.
    """
    if not run.accuracies:
        return None
    return run_figures.epochs_to(run, max(run.accuracies) - CONVERGED - ROUNDING)


def latency(single: bool) -> Reader:
    """Seconds an image of a forward pass: of one image alone, or of the largest batch."""

    def read(run: Run, _: RunStore) -> float | None:
        found = [one for one in run.inference if (one.batch == 1) == single]
        return max(found, key=lambda one: one.batch).per_image if found else None

    return read


def field_width(run: Run, store: RunStore) -> float | None:
    """The side of a square of the size of the receptive field; infinite as that is."""
    area = field_area(run, store)
    return None if area is None else math.sqrt(area)


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


def side(value: float) -> str:
    """``22 pixels wide``, or ``the whole image``."""
    return "the whole image" if math.isinf(value) else f"{value:.3g} pixels wide"


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


IMAGE_SCORES: Mapping[str, Scores] = {"log-loss": log_losses, "brier-score": brier_scores}
"""Metrics that are means over the images."""
