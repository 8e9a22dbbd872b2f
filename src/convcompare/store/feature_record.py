"""Record of the feature maps, filters and activation statistics of a network. numpy only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Maps = npt.NDArray[np.float16]


@dataclass(frozen=True)
class FeatureRecord:
    """First-layer activations, feature maps by stage, filters, and statistics by layer.

    ``rows`` (n,) are the indices of the test images shown. ``first`` (n, k, h, w) are the k
    channels of the first activation that vary most over the images, (n, k) if its units have no
    position; ``channels`` (k,) are their indices. ``stages`` has, per size of the feature maps, the
    name of the last layer of that size and its maps averaged over the channels, (n, h, w).
    ``filters`` (out, in, kernel, kernel) are the weights of the first convolution, empty if there
    is none.

    Per activation layer, over more images: ``mean``, ``std``, and ``dead``, the share of channels
    or units that are at most zero at every position of every image. ``channel_means`` (c,) are the
    means of all channels of the first activation over these images and all positions; None in older
    records.
    """

    rows: npt.NDArray[np.int64]
    first_layer: str
    first: Maps
    channels: npt.NDArray[np.int64]
    stages: Mapping[str, Maps]
    filters: npt.NDArray[np.float32]
    layers: tuple[str, ...]
    mean: npt.NDArray[np.float64]
    std: npt.NDArray[np.float64]
    dead: npt.NDArray[np.float64]
    channel_means: npt.NDArray[np.float64] | None = None

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the record as named arrays, for NPZ."""
        arrays: dict[str, npt.NDArray[Any]] = {
            "rows": self.rows,
            "first_layer": np.array(self.first_layer),
            "first": self.first,
            "channels": self.channels,
            "stage_names": np.array(list(self.stages), dtype=np.str_),
            "filters": self.filters,
            "layers": np.array(self.layers, dtype=np.str_),
            "mean": self.mean,
            "std": self.std,
            "dead": self.dead,
        }
        if self.channel_means is not None:
            arrays["channel_means"] = self.channel_means
        return arrays | {f"stage_{i}": maps for i, maps in enumerate(self.stages.values())}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> FeatureRecord:
        """Return the record that `to_arrays` converted."""
        names = [str(name) for name in arrays["stage_names"]]
        return cls(
            rows=arrays["rows"],
            first_layer=str(arrays["first_layer"]),
            first=arrays["first"],
            channels=arrays["channels"],
            stages={name: arrays[f"stage_{i}"] for i, name in enumerate(names)},
            filters=arrays["filters"],
            layers=tuple(str(name) for name in arrays["layers"]),
            mean=arrays["mean"],
            std=arrays["std"],
            dead=arrays["dead"],
            channel_means=arrays.get("channel_means"),
        )
