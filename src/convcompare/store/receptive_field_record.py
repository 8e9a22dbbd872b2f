"""What a network sees, as a run records it: the field of each layer, and how much of it counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

FIELDS = "receptive-field"
"""The name under which a run keeps them."""


@dataclass(frozen=True)
class FieldRecord:
    """The exact field of every layer, and the effective field of the features after training.

    By layer, (n, 2) for height and width in pixels: ``size``, ``stride`` and ``start``; NaN where a
    unit sees the whole image and has no place. ``features`` is the layer before global pooling, -1
    where there is none. ``gradient`` (h, w), sum 1, is the mean squared gradient of the central
    unit of that layer by the pixels of test images (Luo et al. 2016, arXiv:1701.04128), empty
    where there is no such unit; ``span`` the rows and the columns of its exact field within the
    image, ((first, last), (first, last)); ``effective_size`` the side in pixels of the square with
    the area that holds 95.45 % of it.
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
        """The field of the features, height and width in pixels; None for the whole image."""
        if self.features < 0 or np.isnan(self.size[self.features]).any():
            return None
        height, width = self.size[self.features]
        return int(height), int(width)

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The record as named arrays, for NPZ."""
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
        """The record from its arrays."""
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
