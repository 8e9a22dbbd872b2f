"""What recorded gradients say: first and last layer, their ratio, a verdict. numpy only.

A gradient of exactly 0 has no size: it is named, and no ratio is taken of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from convcompare.core.errors import listed

Verdict = Literal["vanishing", "exploding", "stable", "no gradient", "not known"]
GRADIENTS = "gradients"
"""The name under which a run keeps them."""
THRESHOLD = 100.0
"""Last-layer over first-layer norm from which on a gradient is said to vanish on its way back."""
FLOOR, CEILING = 1e-6, 1e3
"""Norms of the first layer beyond which it does so whatever the ratio."""


@dataclass(frozen=True)
class GradientRecord:
    """Gradients of one run: ``norm`` and ``mean_abs`` are (moments, layers).

    The first moment is the initialisation, the others the ends of the epochs. ``zero``, of the same
    shape, says where the weights themselves are all zero, as those of a head that starts at zero;
    None where none ever are.
    """

    layers: tuple[str, ...]
    norm: npt.NDArray[np.float64]
    mean_abs: npt.NDArray[np.float64]
    zero: npt.NDArray[np.bool_] | None = None

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The record as named arrays, for NPZ."""
        zero = {} if self.zero is None else {"zero": self.zero}
        named = {"layers": np.array(self.layers), "norm": self.norm, "mean_abs": self.mean_abs}
        return named | zero

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> GradientRecord:
        """The record from its arrays."""
        layers = tuple(str(name) for name in arrays["layers"])
        return cls(layers, arrays["norm"], arrays["mean_abs"], arrays.get("zero"))

    def compared(self) -> tuple[int, int] | None:
        """The first and the last layer whose gradient is not exactly 0; None where one is left."""
        (found,) = np.nonzero(self.norm[-1])
        alone = len(found) == len(self.layers) == 1
        return (int(found[0]), int(found[-1])) if len(found) > 1 or alone else None

    def ratio(self) -> float:
        """Norm of the last layer over that of the first: far above 1 where gradients vanish.

        Those that are exactly 0 are left aside; NaN where no two are left.
        """
        both = self.compared()
        if both is None:
            return float("nan")
        first, last = (self.norm[-1, place] for place in both)
        return float(last / first)

    def remarks(self) -> list[str]:
        """What is exactly 0 at the start and, after a training, at the end, in words."""
        moments = ["at initialisation", "at the end"][: len(self.norm)]
        return [
            f"{said}, {when}"
            for moment, when in zip((0, -1), moments, strict=False)
            for said in self._remarks_at(moment)
        ]

    def _remarks_at(self, moment: int) -> list[str]:
        """Weights that are all zero, gradients that do not arrive."""
        zero = np.zeros(len(self.layers), bool) if self.zero is None else self.zero[moment]
        if not self.norm[moment].any():
            return []
        said = []
        for found, words in ((zero, "weights all zero"), (self.norm[moment] == 0, "gradient 0")):
            names = [name for name, one in zip(self.layers, found, strict=True) if one]
            if names:
                said.append(f"{words}: {listed(names)}")
        return said

    def verdict(self, threshold: float = THRESHOLD) -> Verdict:
        """Vanishing where the ratio is `threshold` or more, exploding where it is its inverse.

        A first layer below FLOOR or above CEILING is so as well: where the signal dies or grows on
        its way forward, all layers do so alike. Layers whose gradient is exactly 0 are left aside,
        and with fewer than two others nothing is known.
        """
        norm, both = self.norm[-1], self.compared()
        if not norm.any():
            return "no gradient"
        if not np.isfinite(norm).all():
            return "exploding"
        if both is None:
            return "not known"
        ratio, first = self.ratio(), norm[both[0]]
        if ratio <= 1 / threshold or first >= CEILING:
            return "exploding"
        return "vanishing" if ratio >= threshold or first <= FLOOR else "stable"

    def to_json(self, threshold: float = THRESHOLD) -> dict[str, Any]:
        """The norms by layer and moment, and the verdict at a threshold."""
        return {
            "layers": list(self.layers),
            "moments": ["initialisation", *range(1, len(self.norm))],
            "norm": self.norm.tolist(),
            "mean_abs": self.mean_abs.tolist(),
            "ratio": self.ratio() if np.isfinite(self.ratio()) else None,
            "verdict": self.verdict(threshold),
            "remarks": self.remarks(),
        }
