"""Recorded gradient norms: the ratio of last to first layer, and a verdict. numpy only.

A layer whose gradient is exactly 0 is reported by name and takes no part in the ratio.
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
"""Name of the analysis in a run."""
THRESHOLD = 100.0
"""Ratio of last-layer to first-layer norm from which the gradient counts as vanishing."""
FLOOR, CEILING = 1e-6, 1e3
"""Norms of the first layer at which gradients vanish or explode, whatever the ratio is."""


@dataclass(frozen=True)
class GradientRecord:
    """Gradients of one run: ``norm`` and ``mean_abs`` are (moments, layers).

    The first moment is the initialisation, the others are the ends of the epochs. ``zero``, of the
    same shape, is True if all weights of the layer are zero, such as those of a head that starts at
    zero; None if there is no such layer at any moment. ``passes`` (layers,) is the number of
    training passes over which the figures of a layer are means, 0 if none has reached it; None for
    networks that leave out no layers at random.
    """

    layers: tuple[str, ...]
    norm: npt.NDArray[np.float64]
    mean_abs: npt.NDArray[np.float64]
    zero: npt.NDArray[np.bool_] | None = None
    passes: npt.NDArray[np.int64] | None = None

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the record as named arrays, for NPZ."""
        named = {"layers": np.array(self.layers), "norm": self.norm, "mean_abs": self.mean_abs}
        optional = {"zero": self.zero, "passes": self.passes}
        return named | {name: one for name, one in optional.items() if one is not None}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> GradientRecord:
        """Return the record that `to_arrays` converted."""
        layers = tuple(str(name) for name in arrays["layers"])
        norm, mean_abs = arrays["norm"], arrays["mean_abs"]
        return cls(layers, norm, mean_abs, arrays.get("zero"), arrays.get("passes"))

    def compared(self) -> tuple[int, int] | None:
        """Return the indices of the first and last layer with a gradient other than 0 at the end.

        None if fewer than two layers have one; the single layer of a network counts as both.
        """
        (found,) = np.nonzero(self.norm[-1])
        alone = len(found) == len(self.layers) == 1
        return (int(found[0]), int(found[-1])) if len(found) > 1 or alone else None

    def ratio(self) -> float:
        """Return the norm of the last layer over that of the first: high if gradients vanish.

        Layers as in `compared`; NaN if there are none.
        """
        both = self.compared()
        if both is None:
            return float("nan")
        first, last = (self.norm[-1, place] for place in both)
        return float(last / first)

    def remarks(self) -> list[str]:
        """Return messages about passes, and about what is 0 at the start and at the end."""
        moments = ["at initialisation", "at the end"][: len(self.norm)]
        passes = [] if self.passes is None else [self._remark_on_passes(self.passes)]
        return passes + [
            f"{message}, {when}"
            for moment, when in zip((0, -1), moments, strict=False)
            for message in self._remarks_at(moment)
        ]

    def _remark_on_passes(self, passes: npt.NDArray[np.int64]) -> str:
        """Return how many passes reach the layers of a network that leaves out some at random."""
        most = passes.max()
        said = (
            "training leaves out layers at random: the figures of a layer are means over the "
            f"passes that reach it, {passes[passes > 0].min()} to {most} of {most}"
        )
        never = [name for name, count in zip(self.layers, passes, strict=True) if not count]
        return f"{said}; none reaches {listed(never)}" if never else said

    def _remarks_at(self, moment: int) -> list[str]:
        """Return messages about layers whose weights or gradients are exactly 0 at a moment."""
        zero = np.zeros(len(self.layers), bool) if self.zero is None else self.zero[moment]
        if not self.norm[moment].any():
            return []
        messages = []
        for found, words in ((zero, "weights all zero"), (self.norm[moment] == 0, "gradient 0")):
            names = [name for name, one in zip(self.layers, found, strict=True) if one]
            if names:
                messages.append(f"{words}: {listed(names)}")
        return messages

    def verdict(self, threshold: float = THRESHOLD) -> Verdict:
        """Return the verdict: vanishing from a ratio of `threshold`, exploding from its inverse.

        A first layer at or below FLOOR also counts as vanishing, at or above CEILING as exploding:
        if the signal shrinks or grows in the forward pass, all layers are affected alike and the
        ratio stays near 1. Layers as in `compared`; "not known" if there are none.
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
        """Return the norms by moment and layer, and the verdict at a threshold, as JSON."""
        return {
            "layers": list(self.layers),
            "moments": ["initialisation", *range(1, len(self.norm))],
            "norm": self.norm.tolist(),
            "mean_abs": self.mean_abs.tolist(),
            "ratio": self.ratio() if np.isfinite(self.ratio()) else None,
            "verdict": self.verdict(threshold),
            "passes": None if self.passes is None else self.passes.tolist(),
            "remarks": self.remarks(),
        }
