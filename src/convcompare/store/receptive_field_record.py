"""Record of the receptive field of each layer, and of the effective field of a trained network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

FIELDS = "receptive-field"
"""Name of the analysis in a run."""


@dataclass(frozen=True)
class FieldRecord:
    """Exact field of every layer, and effective field of the feature layer after training.

    ``size``, ``stride`` and ``start`` are (layers, 2), for height and width, in pixels; NaN if the
    field of a unit is the whole image and has no position. ``features`` is the index of the last
    layer before global pooling, -1 if there is none.

    ``gradient`` (h, w), of sum 1, is the mean over test images of the squared gradient of the
    central unit of that layer with respect to the pixels (Luo et al. 2016, arXiv:1701.04128); empty
    if there is no such unit. ``span`` are the rows and columns of its exact field within the image,
    ((first, last), (first, last)). ``effective_size`` is the side in pixels of the square whose
    area equals that of the pixels that hold 95.45 % of ``gradient``.
    """

    layers: tuple[str, ...]
    size: npt.NDArray[np.float64]
    stride: npt.NDArray[np.float64]
    start: npt.NDArray[np.float64]
    features: int
    image: tuple[int, int]
    gradient: npt.NDArray[np.float64]
    span: npt.NDArray[np.int64]
    effective_size: float

    @property
    def features_size(self) -> tuple[int, int] | None:
        """Field of the feature layer, (height, width) in pixels; None if it is the whole image."""
        if self.features < 0 or np.isnan(self.size[self.features]).any():
            return None
        height, width = self.size[self.features]
        return int(height), int(width)

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the record as named arrays, for NPZ."""
        return {
            "layers": np.array(self.layers, dtype=np.str_),
            "size": self.size,
            "stride": self.stride,
            "start": self.start,
            "features": np.array(self.features),
            "image": np.array(self.image),
            "gradient": self.gradient,
            "span": self.span,
            "effective_size": np.array(self.effective_size),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> FieldRecord:
        """Return the record that `to_arrays` converted."""
        height, width = (int(side) for side in arrays["image"])
        return cls(
            layers=tuple(str(name) for name in arrays["layers"]),
            size=arrays["size"],
            stride=arrays["stride"],
            start=arrays["start"],
            features=int(arrays["features"]),
            image=(height, width),
            gradient=arrays["gradient"],
            span=arrays["span"],
            effective_size=float(arrays["effective_size"]),
        )
