"""Figures of one run: generalisation gaps, epochs to an accuracy, gradients, inference time."""

from __future__ import annotations

import math

from convcompare.core.errors import invalid
from convcompare.store.gradient_record import GRADIENTS, GradientRecord
from convcompare.store.run import Epoch, Run
from convcompare.store.run_store import RunStore

from .stats.censored import NEVER


def accuracy_gap(run: Run) -> float | None:
    """Return train minus test accuracy of the selected epoch, a fraction; positive if it overfits.

    Train accuracy is the mean over the epoch while the weights change, with dropout and
    augmentation, so that the gap of the final weights is larger. None if the epoch was not
    evaluated.

    Raises:
        ValueError: if the run has no epoch.
    """
    shown = _shown(run)
    return None if shown.test_accuracy is None else shown.train_accuracy - shown.test_accuracy


def loss_gap(run: Run) -> float | None:
    """Return test minus train loss of the selected epoch, in nats, as `accuracy_gap` does."""
    shown = _shown(run)
    return None if shown.test_loss is None else shown.test_loss - shown.train_loss


def accuracy_of(text: str) -> float:
    """Return the test accuracy in ``epochs-to=0.98``, from the text after ``=``.

    Raises:
        UsageError: if it is not a number above 0 and up to 1.
    """
    try:
        accuracy = float(text)
    except ValueError:
        accuracy = math.nan
    if not 0 < accuracy <= 1:
        raise invalid("epochs-to", text, "a test accuracy: `epochs-to=0.98`")
    return accuracy


def epochs_to(run: Run, accuracy: float) -> float | None:
    """Return the first epoch with a test accuracy of at least `accuracy`, `NEVER` if there is none.

    None unless every epoch was evaluated, since an earlier one may have reached it.
    """
    if run.accuracies is None:
        return None
    both = zip(run.history, run.accuracies, strict=True)
    return next((epoch.epoch for epoch, reached in both if reached >= accuracy), NEVER)


def gradient_of_run(run: Run, store: RunStore, moment: int) -> float | None:
    """Return the mean absolute gradient of the first layer at a moment; None if not recorded.

    Moment 0 is the initialisation, -1 the last epoch.
    """
    found = gradients_of_run(run, store)
    return None if found is None else float(found.mean_abs[moment, 0])


def gradients_of_run(run: Run, store: RunStore) -> GradientRecord | None:
    """Return the recorded gradients of a run; None if there are none."""
    arrays = store.analysis(run, GRADIENTS)
    return None if arrays is None else GradientRecord.from_arrays(arrays)


def seconds_per_image(run: Run, single: bool) -> float | None:
    """Return the median time of a forward pass per image; None if it was not measured.

    The pass is of one image if `single`, otherwise of the largest batch.
    """
    found = [one for one in run.inference if (one.batch == 1) == single]
    return max(found, key=lambda one: one.batch).per_image if found else None


def _shown(run: Run) -> Epoch:
    if run.selected_epoch is None:
        raise ValueError(f"run {run.id} has no epoch")
    return run.selected_epoch
