"""Images of more than 8 bits: from the range of a whole data set to 0…255."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

DeepKind = Literal["integer", "float"]
"""What the pixels of an image of more than 8 bits are."""

_DARKEST = 64
"""Whole numbers that stay below are scaled by their largest value: no 8-bit image is so dark."""


@dataclass(frozen=True)
class Scaling:
    """Pixels from `low` to `high` become 0 to 255; `words` say why that range.

    Where `shift` is not None, whole numbers are divided by 2^shift instead, and rounded down.
    """

    low: float
    high: float
    words: str
    shift: int | None = None

    def __call__(self, pixels: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
        """The pixels as bytes, those outside of the range at its ends."""
        if self.shift is not None:
            return np.asarray(np.clip(pixels >> self.shift, 0, 255), np.uint8)
        span = (self.high - self.low) or 1.0
        scaled = (pixels.astype(np.float64) - self.low) * (255 / span)
        return np.asarray(np.clip(np.rint(scaled), 0, 255), np.uint8)


SIXTEEN_BITS = Scaling(0, 65535, "16 bits", shift=8)
UNIT = Scaling(0, 1, "floats")
USUAL: dict[DeepKind, Scaling] = {"integer": SIXTEEN_BITS, "float": UNIT}
"""What is tried before the range is known."""


def scaling_of(kind: DeepKind, low: float, high: float) -> Scaling:
    """The scaling of images whose pixels lie between `low` and `high` over the whole data set.

    Whole numbers: the fewest of 8, 10, 12, 14 or 16 bits that hold them; by their largest value
    below 64, and from the smallest to the largest if they are negative or larger. Floats: 0 to 1,
    -1 to 1 or 0 to 255 if they lie inside and reach a quarter of the largest (and half of -1), else
    from the smallest to the largest.
    """
    if kind == "float":
        for bottom, top in ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0)):
            near = low < bottom / 2 or not bottom
            if bottom <= low and top / 4 <= high <= top and near:
                return Scaling(bottom, top, "floats")
    elif low >= 0 and high < _DARKEST:
        return Scaling(0, high, "small whole numbers")
    elif low >= 0:
        for bits in (8, 10, 12, 14, 16):
            if high < 2**bits:
                return Scaling(0, 2**bits - 1, f"{bits} bits", shift=bits - 8)
    noun = "floats" if kind == "float" else "whole numbers"
    return Scaling(low, high, f"{noun} of no usual range")
