"""Images out of focus."""

from __future__ import annotations

import numpy as np

from convcompare.core.registry import register

from ..dataset import Images
from ..pixels import Values, to_uint8

SIDE = 32
"""Side in pixels of the images for which SPREADS holds; others are blurred in proportion."""
SPREADS = (0.5, 0.75, 1.0, 1.5, 2.0)
"""Standard deviations in pixels, by severity."""
REACH = 4
"""Standard deviations after which the Gaussian is truncated."""


@register.corruption("blur", levels=SPREADS, unit="σ in pixels, for a side of 32")
def blur(images: Images, severity: int, seed: int) -> Images:
    """Gaussian blur, of a deviation of 0.5 to 2 pixels for an image of 32 pixels."""
    spread = SPREADS[severity - 1] * images.shape[-1] / SIDE
    values = images.astype(np.float32)
    for axis in (2, 3):
        values = _blurred(values, spread, axis)
    return to_uint8(values)


def _blurred(values: Values, spread: float, axis: int) -> Values:
    """Convolve with a Gaussian along one axis; the edge is repeated beyond the image."""
    reach = int(REACH * spread + 0.5)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / spread) ** 2)
    weights /= weights.sum()
    edges = [(reach, reach) if one == axis else (0, 0) for one in range(values.ndim)]
    wide = np.pad(values, edges, mode="edge")
    length = values.shape[axis]
    parts = (
        np.float32(weight) * wide.take(range(start, start + length), axis)
        for start, weight in enumerate(weights)
    )
    total: Values = sum(parts, np.zeros_like(values))
    return total
