"""Figures of one run: gaps of overfitting, epochs to an accuracy, gradients of the first layer."""

from __future__ import annotations

import math

from convcompare.core.errors import UsageError, quote
from convcompare.store.gradient_record import GRADIENTS, GradientRecord
from convcompare.store.run import Epoch, Run
from convcompare.store.run_store import RunStore

from .stats.censored import NEVER


def accuracy_gap(run: Run) -> float | None:
    """Train minus test accuracy of the epoch that counts, fractions; above zero where it overfits.

    Train figures are means over the last pass, as the weights move and with dropout and
    augmentation on, so that the gap of the final weights is larger. None if that epoch was not
    evaluated; ValueError without an epoch.
    """
    shown = _shown(run)
    return None if shown.test_accuracy is None else shown.train_accuracy - shown.test_accuracy


def loss_gap(run: Run) -> float | None:
    """Test minus train loss of the epoch that counts, in nats; above zero where it overfits."""
    shown = _shown(run)
    return None if shown.test_loss is None else shown.test_loss - shown.train_loss


def accuracy_of(text: str) -> float:
    """The test accuracy of ``epochs-to=0.98``; UsageError for a text that is none."""
    try:
        accuracy = float(text)
    except ValueError:
        accuracy = math.nan
    if not 0 < accuracy <= 1:
        raise UsageError(
            f"invalid value for `epochs-to`: {quote(text)}", "a test accuracy: `epochs-to=0.98`"
        )
    return accuracy


def epochs_to(run: Run, accuracy: float) -> float | None:
    """The first epoch after which the test accuracy was at least `accuracy`, `NEVER` if none.

    None unless every epoch was evaluated: an earlier one may have reached it.
    """
    if run.accuracies is None:
        return None
    both = zip(run.history, run.accuracies, strict=True)
    return next((epoch.epoch for epoch, reached in both if reached >= accuracy), NEVER)


def gradient_of_run(run: Run, store: RunStore, moment: int) -> float | None:
    """Mean absolute gradient of the first layer: at initialisation (0) or the last epoch (-1)."""
    found = gradients_of_run(run, store)
    return None if found is None else float(found.mean_abs[moment, 0])


def gradients_of_run(run: Run, store: RunStore) -> GradientRecord | None:
    """The gradients that a run recorded; None if it recorded none."""
    arrays = store.analysis(run, GRADIENTS)
    return None if arrays is None else GradientRecord.from_arrays(arrays)


def _shown(run: Run) -> Epoch:
    if run.shown is None:
        raise ValueError(f"run {run.id} has no epoch")
    return run.shown
