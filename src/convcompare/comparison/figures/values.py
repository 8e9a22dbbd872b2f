"""Readers of the figures of a run, from its record, predictions and analyses."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from statistics import fmean

from convcompare.core.errors import UsageError
from convcompare.core.registry import Entry
from convcompare.store.run import Run
from convcompare.store.run_store import RunStore

from .. import run_figures
from ..predictions import brier_scores, log_losses
from ..run_figures import field_of_run, gradient_of_run, gradients_of_run
from ..stats.paired import ROUNDING
from .measure import Scores

Reader = Callable[[Run, RunStore], float | None]
"""Function that returns a figure of a run, None if it was not recorded."""
CONVERGED = 0.01
"""Distance from the best test accuracy of a run at which it has converged: one point."""


def accuracy_gap(run: Run, _: RunStore) -> float | None:
    """Return train minus test accuracy of the final network in evaluation mode, a fraction."""
    accuracy = run.figure("test_accuracy")
    if run.train_evaluation is None or accuracy is None:
        return None
    return run.train_evaluation.accuracy - accuracy


def loss_gap(run: Run, _: RunStore) -> float | None:
    """Return test minus train loss of the final network in evaluation mode, in nats."""
    loss = run.figure("test_loss")
    if run.train_evaluation is None or loss is None:
        return None
    return loss - run.train_evaluation.loss


def accuracy_area(run: Run, _: RunStore) -> float | None:
    """Return the area under the curve of test accuracy by epoch, over its length, a fraction.

    This is the mean over the epochs (Guyon et al. 2011, proceedings.mlr.press/v16/guyon11a.html).
    None unless every epoch was evaluated.
    """
    return fmean(run.accuracies) if run.accuracies else None


def gradient_fall(run: Run, store: RunStore) -> float | None:
    """Return the first layer's mean absolute gradient at initialisation over that after training.

    Infinite if the latter is 0.
    """
    start, end = (gradient_of_run(run, store, moment) for moment in (0, -1))
    return None if start is None or end is None else _over(start, end)


def gradient_ratio(run: Run, store: RunStore) -> float | None:
    """Return the gradient norm of the last layer over the first after training.

    NaN if there are no two layers to compare, None if no gradients were recorded.
    """
    found = gradients_of_run(run, store)
    return None if found is None else found.ratio()


def gradient_norm(epoch: int) -> Reader:
    """Return the reader of the gradient norm after an epoch, averaged over the layers."""

    def read(run: Run, store: RunStore) -> float | None:
        found = gradients_of_run(run, store)
        if found is None or not 0 <= epoch < len(found.norm):
            return None
        return float(found.norm[epoch].mean())

    return read


def gradient_rise(epoch: int) -> Reader:
    """Return the reader of the ratio of the mean norm after the last epoch to that after `epoch`.

    The ratio is None if no epoch follows, and infinite if the norm after `epoch` is 0.
    """

    def read(run: Run, store: RunStore) -> float | None:
        last = len(run.history)
        then, end = (gradient_norm(moment)(run, store) for moment in (epoch, last))
        if then is None or end is None or epoch >= last:
            return None
        return _over(end, then)

    return read


def _over(value: float, by: float) -> float:
    return value / by if by else math.inf


def activation_spread(run: Run, store: RunStore) -> float | None:
    """Return the coefficient of variation of the channel means of the first activation.

    This is their standard deviation (with n - 1) over their mean. None unless the means of all
    channels were recorded; NaN for a single channel, and if the mean is not positive.
    """
    means = store.channel_means(run)
    if means is None:
        return None
    if len(means) < 2 or not means.mean() > 0:
        return math.nan
    return float(means.std(ddof=1) / means.mean())


def convergence(run: Run, _: RunStore) -> float | None:
    """Return the first epoch whose test accuracy is within one point of the best of the run.

    None unless every epoch was evaluated.
    """
    if not run.accuracies:
        return None
    return run_figures.epochs_to(run, max(run.accuracies) - CONVERGED - ROUNDING)


def field_width(run: Run, store: RunStore) -> float | None:
    """Return the side in pixels of a square of the area of the receptive field, or infinity."""
    area = field_area(run, store)
    return None if area is None else math.sqrt(area)


def field_area(run: Run, store: RunStore) -> float | None:
    """Return the area in pixels of the receptive field of the features.

    Infinite if it is the whole image.
    """
    found = field_of_run(run, store)
    if found is None:
        return None
    size = found.features_size
    return math.inf if size is None else size[0] * size[1]


def pixels(value: float) -> str:
    """Return an area as text: ``1,444 pixels``, or ``the whole image``."""
    return "the whole image" if math.isinf(value) else f"{value:,.0f} pixels"


def side(value: float) -> str:
    """Return a side as text: ``22 pixels wide``, or ``the whole image``."""
    return "the whole image" if math.isinf(value) else f"{value:.3g} pixels wide"


def metric(entry: Entry) -> Reader:
    """Return the reader of a registered metric of the stored predictions; None if undefined."""

    def read(run: Run, store: RunStore) -> float | None:
        found = store.predictions(run)
        try:
            value = float(entry.function(found.logits, found.labels))
        except Exception as error:  # a metric may be a plugin's
            raise UsageError(
                f"the metric {entry.name} cannot be computed of run {run.id}: "
                f"{type(error).__name__}: {error}",
                "a metric takes logits (n, classes) and labels (n,), and returns one number",
            ) from error
        return value if math.isfinite(value) else None

    return read


IMAGE_SCORES: Mapping[str, Scores] = {"log-loss": log_losses, "brier-score": brier_scores}
"""Metrics that are means over the images, by name."""
