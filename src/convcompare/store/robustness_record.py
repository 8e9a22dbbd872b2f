"""What a network answers to damaged test images, as it is kept with its run. numpy only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

ROBUSTNESS = "robustness"
"""The name under which a run keeps it."""
NO_ANSWER = -1
"""The prediction for an image whose logits are not finite: it is wrong, and agrees with none."""
Predictions1D = npt.NDArray[np.int32]
Shares = npt.NDArray[np.float64]


@dataclass(frozen=True)
class DamagedAnswers:
    """Predictions under one kind of damage: (severities, n).

    ``definition`` is what the damage was, ``images`` the SHA-256 of the damaged pixels at each
    severity: equal ones are the same images.
    """

    definition: str
    images: tuple[str, ...]
    predictions: Predictions1D


@dataclass(frozen=True)
class RobustnessRecord:
    """Predictions of one run for n test images as they are and damaged.

    ``rows`` (n,) are the images by their place in the test split, ``labels`` (n,) their classes,
    ``undamaged`` (n,) the predictions for them as they are, ``damaged`` those by kind of damage.
    ``pair`` (2, n) are those for two shifts of each image that were drawn independently.
    """

    rows: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]
    undamaged: Predictions1D
    pair: Predictions1D
    damaged: Mapping[str, DamagedAnswers]

    @property
    def accuracy_undamaged(self) -> float:
        """The share of the images, as they are, that is right."""
        return float(np.mean(self.undamaged == self.labels))

    def accuracy(self, name: str) -> Shares:
        """The share of the damaged images that is right, by severity."""
        found: Shares = (self.damaged[name].predictions == self.labels).mean(1)
        return found

    def consistency(self, name: str) -> Shares:
        """The share of the images whose prediction is that for the image as it is, by severity."""
        return _agreeing(self.damaged[name].predictions, self.undamaged)

    @property
    def pair_consistency(self) -> float:
        """The share of the images whose predictions under two shifts agree (arXiv:1904.11486)."""
        return float(_agreeing(self.pair[:1], self.pair[1])[0])

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The record as named arrays, for NPZ."""
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
        """The record from its arrays."""
        damaged = {
            str(name): DamagedAnswers(
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
    """The share of the images that both have the same answer for, by row of `some`."""
    found: Shares = ((some == others) & (some != NO_ANSWER)).mean(1)
    return found
