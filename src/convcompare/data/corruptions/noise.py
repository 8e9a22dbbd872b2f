"""Images with noise."""

from __future__ import annotations

import numpy as np

from convcompare.core.registry import register

from ..dataset import Images
from ..pixels import to_uint8

SPREADS = (0.05, 0.1, 0.15, 0.2, 0.3)


@register.corruption("noise", levels=SPREADS, unit="σ, share of the range")
def noise(images: Images, severity: int, seed: int) -> Images:
    """Gaussian noise on each pixel and channel, of a deviation of 5 to 30 % of the range."""
    drawn = np.random.default_rng(seed).standard_normal(images.shape, dtype=np.float32)
    return to_uint8(images + np.float32(255 * SPREADS[severity - 1]) * drawn)
