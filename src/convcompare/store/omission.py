"""Files that a pack omits from a run to save space, and the files that replace them.

left-out.json       names of the omitted files, and the digests of the replacements
test_classes.npz    predicted class and label of each test image, if the logits are omitted
channel_means.npz   channel means of the first activation, if the features are omitted
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .predictions import NO_CLASS, PredictedClasses, Predictions


@dataclass(frozen=True)
class Omission:
    """Record of the files that a pack omitted from a run.

    ``left_out`` has their names in the record of the run, ``sha256`` the digests of the files that
    replace them, by name.
    """

    id: str
    left_out: tuple[str, ...]
    sha256: Mapping[str, str]


def replacement(predictions: Predictions) -> PredictedClasses | None:
    """Return the predicted classes, which replace logits; None if some logits are not finite."""
    found = PredictedClasses.of(predictions)
    return None if (found.predicted == NO_CLASS).any() else found


def kept_digests(recorded: Mapping[str, str], omission: Omission | None) -> dict[str, str]:
    """Return the digests of the files that a run has, by name: those not omitted, and replacements.

    ``recorded`` are the digests in the record of the run.
    """
    if omission is None:
        return dict(recorded)
    found = {name: digest for name, digest in recorded.items() if name not in omission.left_out}
    return found | dict(omission.sha256)
