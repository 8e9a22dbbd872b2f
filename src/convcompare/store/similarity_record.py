"""Record of how similarly each layer represents images: a Gram matrix per layer. numpy only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

SIMILARITY = "similarity"
"""Name of the analysis in a run."""


@dataclass(frozen=True)
class SimilarityRecord:
    """Inner products of the activations of every pair of n test images, by layer.

    ``rows`` (n,) are the indices of the images, ``layers`` the layers with weights in the order of
    their first call, at most 24, evenly spaced. ``grams`` (layers, n, n) are the products of the
    activations minus their mean over the images, divided by the largest of the layer. The upper
    triangle is stored as float16: 66 kB per layer for 256 images, whatever the size of the layer.
    """

    rows: npt.NDArray[np.int64]
    layers: tuple[str, ...]
    grams: npt.NDArray[np.float64]

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the record as named arrays, for NPZ."""
        upper = np.triu_indices(len(self.rows))
        return {
            "rows": self.rows,
            "layers": np.array(self.layers, dtype=np.str_),
            "grams": self.grams[:, upper[0], upper[1]].astype(np.float16),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> SimilarityRecord:
        """Return the record that `to_arrays` converted."""
        n = len(arrays["rows"])
        upper = np.triu_indices(n)
        grams = np.zeros((len(arrays["layers"]), n, n))
        grams[:, upper[0], upper[1]] = arrays["grams"]
        grams[:, upper[1], upper[0]] = arrays["grams"]
        return cls(arrays["rows"], tuple(str(name) for name in arrays["layers"]), grams)
