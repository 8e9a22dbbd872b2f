"""What a pack leaves out of a run to be small, and what stands for it.

left-out.json       which files of its record a run is without, and the digest of what follows
test_classes.npz    the class given to each test image, and the right one, if the logits are out
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .predictions import NO_CLASS, GivenClasses, Predictions

OMISSION, CLASSES = "left-out.json", "test_classes.npz"
WEIGHTS, LOGITS = "weights.safetensors", "test_logits.npz"


@dataclass(frozen=True)
class Omission:
    """Which files a run is without: ``left_out``, as its record names them.

    ``sha256`` has the digest of what stands for them, by its name.
    """

    id: str
    left_out: tuple[str, ...]
    sha256: Mapping[str, str]


def stand_in(predictions: Predictions) -> GivenClasses | None:
    """What may stand for logits; None if some are not finite, of which no class is known."""
    found = GivenClasses.of(predictions)
    return None if (found.given == NO_CLASS).any() else found


def those_kept(recorded: Mapping[str, str], omission: Omission | None) -> dict[str, str]:
    """The digests of the files that a run has: of its record, and of what stands for others."""
    if omission is None:
        return dict(recorded)
    found = {name: digest for name, digest in recorded.items() if name not in omission.left_out}
    return found | dict(omission.sha256)
