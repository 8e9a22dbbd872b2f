"""Figures of one run: generalisation gaps, epochs to an accuracy, gradients, inference time."""

from __future__ import annotations

import math

from convcompare.core.errors import invalid
from convcompare.store.gradient_record import GRADIENTS, GradientRecord
from convcompare.store.receptive_field_record import FIELDS, FieldRecord
from convcompare.store.run import Run
from convcompare.store.run_store import RunStore

from .stats.censored import NEVER


def accuracy_gap(run: Run) -> float | None:
    """Return train minus test accuracy of the selected epoch, a fraction; positive if it overfits.

    Train accuracy is the mean over the epoch while the weights change, with dropout and
    augmentation, so that the gap of the final weights is larger. None if the epoch was not
    evaluated.
    """
    train, test = run.figure("train_accuracy"), run.figure("test_accuracy")
    return None if train is None or test is None else train - test


def loss_gap(run: Run) -> float | None:
    """Return test minus train loss of the selected epoch, in nats, as `accuracy_gap` does."""
    train, test = run.figure("train_loss"), run.figure("test_loss")
    return None if train is None or test is None else test - train


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


def field_of_run(run: Run, store: RunStore) -> FieldRecord | None:
    """Return the recorded receptive fields of a run; None if there are none."""
    arrays = store.analysis(run, FIELDS)
    return None if arrays is None else FieldRecord.from_arrays(arrays)


def seconds_per_image(run: Run, single: bool) -> float | None:
    """Return the median time of a forward pass per image; None if it was not measured.

    The pass is of one image if `single`, otherwise of the largest batch.
    """
    found = [one for one in run.inference if (one.batch == 1) == single]
    return max(found, key=lambda one: one.batch).per_image if found else None
