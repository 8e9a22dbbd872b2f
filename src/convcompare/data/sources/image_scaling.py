"""Scaling of images of more than 8 bits from the range of a data set to 0…255."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

DeepKind = Literal["integer", "float"]
"""Type of the pixels of an image of more than 8 bits."""

_DARKEST = 64
"""Integers below this are scaled by their largest value, since no 8-bit data set is that dark."""


@dataclass(frozen=True)
class Scaling:
    """A map of pixels from `low` to `high` to 0 to 255.

    Attributes:
        low: value that becomes 0.
        high: value that becomes 255.
        words: reason for this range.
        shift: if not None, integers are divided by 2^shift instead and rounded down.
    """

    low: float
    high: float
    words: str
    shift: int | None = None

    def __call__(self, pixels: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
        """Return the pixels as uint8, clipped to the range."""
        if self.shift is not None:
            return np.asarray(np.clip(pixels >> self.shift, 0, 255), np.uint8)
        span = (self.high - self.low) or 1.0
        scaled = (pixels.astype(np.float64) - self.low) * (255 / span)
        return np.asarray(np.clip(np.rint(scaled), 0, 255), np.uint8)


SIXTEEN_BITS = Scaling(0, 65535, "16 bits", shift=8)
UNIT = Scaling(0, 1, "floats")
USUAL: dict[DeepKind, Scaling] = {"integer": SIXTEEN_BITS, "float": UNIT}
"""Scalings that are tried before the range is known."""


def scaling_of(kind: DeepKind, low: float, high: float) -> Scaling:
    """Return the scaling of images from their range over the whole data set.

    Integers are scaled by the smallest of 8, 10, 12, 14 or 16 bits that represent them; by their
    largest value if all are below 64; and from smallest to largest if some are negative or exceed
    16 bits. Floats are scaled from 0 to 1, -1 to 1 or 0 to 255 if they are within that range and
    their maximum reaches a quarter of its end (and their minimum half of -1), else from smallest to
    largest.

    Args:
        kind: type of the pixels.
        low: smallest value of all pixels.
        high: largest value of all pixels.
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
