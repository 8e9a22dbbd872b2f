"""A run as series over epochs, with the tag names of other programs and times."""

from __future__ import annotations

import datetime
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from convcompare.store.run import Epoch, Run

TAGS = {
    "loss/train": "train_loss",
    "loss/test": "test_loss",
    "loss/validation": "val_loss",
    "accuracy/train": "train_accuracy",
    "accuracy/test": "test_accuracy",
    "accuracy/validation": "val_accuracy",
    "learning-rate": "lr",
    "seconds/train": "train_seconds",
    "seconds/evaluation": "evaluation_seconds",
}


def series(epoch: Epoch) -> dict[str, float]:
    """Return the figures of an epoch by tag, without those that are not finite."""
    found = {tag: getattr(epoch, name) for tag, name in TAGS.items()}
    return {tag: float(v) for tag, v in found.items() if v is not None and math.isfinite(v)}


def moments(run: Run) -> list[float]:
    """Return the end of each epoch in seconds since 1970, counted back from the end of the run.

    The list has at least one time, the end of the run.
    """
    moment = datetime.datetime.fromisoformat(run.ended).timestamp()
    found = []
    for epoch in reversed(run.history):
        found.append(moment)
        moment -= epoch.train_seconds + epoch.evaluation_seconds
    return list(reversed(found)) or [moment]
