"""A run as series by epoch, under the names that other programs group by, each with its moment."""

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
    """The figures of an epoch by tag; those that are no number are left out."""
    found = {tag: getattr(epoch, name) for tag, name in TAGS.items()}
    return {tag: float(v) for tag, v in found.items() if v is not None and math.isfinite(v)}


def moments(run: Run) -> list[float]:
    """When each epoch ended, in seconds since 1970: backwards from the end, by what each took.

    At least one moment, the end of the run.
    """
    moment = datetime.datetime.fromisoformat(run.ended).timestamp()
    found = []
    for epoch in reversed(run.history):
        found.append(moment)
        moment -= epoch.train_seconds + epoch.evaluation_seconds
    return list(reversed(found)) or [moment]
