"""Stored predictions of a trained network: logits, or only the predicted classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # listing runs does not need numpy
    import numpy as np
    import numpy.typing as npt

NO_CLASS = -1


@dataclass(frozen=True)
class Predictions:
    """Logits (n, classes) of a trained network for n images, and their labels (n,)."""

    logits: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Predictions:
        """Return the predictions of a file with these two arrays; KeyError if one is missing."""
        return cls(arrays["logits"], arrays["labels"].astype("int64"))


@dataclass(frozen=True)
class PredictedClasses:
    """Predicted classes of n images, and their labels.

    ``predicted`` and ``labels`` are ints (n,) from 0 to ``classes`` - 1; ``predicted`` is
    `NO_CLASS` if the logits of the image are not finite.
    """

    predicted: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]
    classes: int

    @classmethod
    def of(cls, predictions: Predictions) -> PredictedClasses:
        """Return the classes of the largest logits; the first if several are equal."""
        import numpy as np

        logits, labels = predictions.logits, predictions.labels
        predicted = np.where(np.isfinite(logits).all(1), logits.argmax(1), NO_CLASS)
        return cls(predicted, labels.astype("int64"), logits.shape[1])

    @property
    def hits(self) -> npt.NDArray[np.bool_]:
        """Whether each prediction is correct, (n,). Raises ValueError if an image has no class."""
        self._check()
        right: npt.NDArray[np.bool_] = self.predicted == self.labels
        return right

    def confusion(self, classes: int) -> npt.NDArray[np.int64]:
        """Return the confusion matrix (classes, classes): labels in rows, predictions in columns.

        Raises:
            ValueError: if an image has no class.
        """
        import numpy as np

        self._check()
        cells = np.bincount(classes * self.labels + self.predicted, minlength=classes**2)
        return cells.reshape(classes, classes)

    def _check(self) -> None:
        if (self.predicted == NO_CLASS).any():
            raise ValueError("logits must be finite")

    def to_arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """Return named arrays for NPZ, with the smallest integer type that holds the classes."""
        import numpy as np

        small = np.min_scalar_type(self.classes - 1)
        return {
            "given": self.predicted.astype(small),
            "labels": self.labels.astype(small),
            "classes": np.array(self.classes),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> PredictedClasses:
        """Return the classes that `to_arrays` converted.

        Raises:
            ValueError: if the shapes differ, or a class is out of range.
        """
        predicted, labels = (arrays[name].astype("int64") for name in ("given", "labels"))
        classes = int(arrays["classes"].item())
        if predicted.ndim != 1 or predicted.shape != labels.shape or not len(predicted):
            raise ValueError("classes (n,) and labels (n,)")
        if min(predicted.min(), labels.min()) < 0 or max(predicted.max(), labels.max()) >= classes:
            raise ValueError(f"classes must be 0 to {classes - 1}")
        return cls(predicted, labels, classes)
