"""What recorded gradients say: first and last layer, their ratio, a verdict. numpy only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Verdict = Literal["vanishing", "exploding", "stable", "no gradient"]
GRADIENTS = "gradients"
"""The name under which a run keeps them."""
THRESHOLD = 100.0
"""Last-layer over first-layer norm from which on a gradient is said to vanish on its way back."""
FLOOR, CEILING = 1e-6, 1e3
"""Norms of the first layer beyond which it does so whatever the ratio."""


@dataclass(frozen=True)
class GradientRecord:
    """Gradients of one run: ``norm`` and ``mean_abs`` are (moments, layers).

    The first moment is the initialisation, the others the ends of the epochs.
    """

    layers: tuple[str, ...]
    norm: npt.NDArray[np.float64]
    mean_abs: npt.NDArray[np.float64]

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The record as named arrays, for NPZ."""
        return {"layers": np.array(self.layers), "norm": self.norm, "mean_abs": self.mean_abs}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> GradientRecord:
        """The record from its arrays."""
        layers = tuple(str(name) for name in arrays["layers"])
        return cls(layers, arrays["norm"], arrays["mean_abs"])

    def ratio(self, moment: int = -1) -> float:
        """Norm of the last layer over that of the first: far above 1 where gradients vanish."""
        first, last = self.norm[moment, 0], self.norm[moment, -1]
        return float(last / first) if first > 0 else float("inf")

    def verdict(self, moment: int = -1, threshold: float = THRESHOLD) -> Verdict:
        """Vanishing where the ratio is `threshold` or more, exploding where it is its inverse.

        A first layer below FLOOR or above CEILING is so as well: where the signal dies or grows on
        its way forward, all layers do so alike.
        """
        norm, ratio = self.norm[moment], self.ratio(moment)
        if not norm.any():
            return "no gradient"
        if not np.isfinite(norm).all() or ratio <= 1 / threshold or norm[0] >= CEILING:
            return "exploding"
        return "vanishing" if ratio >= threshold or norm[0] <= FLOOR else "stable"

    def to_json(self, threshold: float = THRESHOLD) -> dict[str, Any]:
        """The norms by layer and moment, and the verdict at a threshold."""
        return {
            "layers": list(self.layers),
            "moments": ["initialisation", *range(1, len(self.norm))],
            "norm": self.norm.tolist(),
            "mean_abs": self.mean_abs.tolist(),
            "ratio": self.ratio() if np.isfinite(self.ratio()) else None,
            "verdict": self.verdict(threshold=threshold),
        }
