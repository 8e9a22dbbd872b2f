"""Record of the predictions of a network for damaged test images. numpy only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .predictions import NO_CLASS

ROBUSTNESS = "robustness"
"""Name of the analysis in a run."""
Predictions1D = npt.NDArray[np.int32]
Shares = npt.NDArray[np.float64]


@dataclass(frozen=True)
class DamagedPredictions:
    """Predictions for images with one kind of damage, (severities, n).

    ``definition`` describes the damage. ``images`` has the SHA-256 of the damaged pixels per
    severity; equal digests mean equal images.
    """

    definition: str
    images: tuple[str, ...]
    predictions: Predictions1D


@dataclass(frozen=True)
class RobustnessRecord:
    """Predictions of one run for n test images, undamaged and damaged.

    ``rows`` (n,) are the indices of the images in the test split, ``labels`` (n,) their classes,
    ``undamaged`` (n,) the predictions for the original images, ``damaged`` those by kind of damage.
    ``pair`` (2, n) are the predictions for two independently drawn shifts of each image.
    A prediction is `NO_CLASS` if the logits are not finite: it is wrong and agrees with no other.
    """

    rows: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]
    undamaged: Predictions1D
    pair: Predictions1D
    damaged: Mapping[str, DamagedPredictions]

    @property
    def accuracy_undamaged(self) -> float:
        """Accuracy on the undamaged images."""
        return float(np.mean(self.undamaged == self.labels))

    def accuracy(self, name: str) -> Shares:
        """Return the accuracy on the damaged images, by severity."""
        found: Shares = (self.damaged[name].predictions == self.labels).mean(1)
        return found

    def consistency(self, name: str) -> Shares:
        """Return the share of images with the same prediction as undamaged, by severity."""
        return _agreeing(self.damaged[name].predictions, self.undamaged)

    @property
    def pair_consistency(self) -> float:
        """Share of images whose predictions under two shifts agree (arXiv:1904.11486)."""
        return float(_agreeing(self.pair[:1], self.pair[1])[0])

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the record as named arrays, for NPZ."""
        arrays: dict[str, npt.NDArray[Any]] = {
            "rows": self.rows,
            "labels": self.labels,
            "undamaged": self.undamaged,
            "pair": self.pair,
            "kinds": np.array(list(self.damaged)),
            "definitions": np.array([one.definition for one in self.damaged.values()]),
        }
        for number, one in enumerate(self.damaged.values()):
            arrays[f"predictions_{number}"] = one.predictions
            arrays[f"images_{number}"] = np.array(one.images)
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> RobustnessRecord:
        """Return the record that `to_arrays` converted."""
        damaged = {
            str(name): DamagedPredictions(
                str(definition),
                tuple(map(str, arrays[f"images_{number}"])),
                arrays[f"predictions_{number}"],
            )
            for number, (name, definition) in enumerate(
                zip(arrays["kinds"], arrays["definitions"], strict=True)
            )
        }
        return cls(arrays["rows"], arrays["labels"], arrays["undamaged"], arrays["pair"], damaged)


def _agreeing(some: Predictions1D, others: Predictions1D) -> Shares:
    """Return the share of images with equal predictions, by row of `some`."""
    found: Shares = ((some == others) & (some != NO_CLASS)).mean(1)
    return found
