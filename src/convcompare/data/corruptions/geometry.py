"""Shifted, rotated and scaled images; the edge is repeated beyond the image."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from convcompare.core.registry import register

from ..dataset import Images
from ..pixels import grid, sampled_from_centre

DIRECTIONS = np.array([(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if (y, x) != (0, 0)])
"""Offsets (down, right) of the eight neighbours of a pixel."""
SHIFTS = (1, 2, 3, 4)
ANGLES = (6, 12, 18, 24, 30)
FACTORS = (1.1, 1.2, 1.3, 1.45, 1.6)


@register.corruption("shift", levels=SHIFTS, unit="pixels")
def shift(images: Images, severity: int, seed: int) -> Images:
    """Moved by 1 to 4 pixels, each image in one of eight directions."""
    which = np.random.default_rng(seed).integers(len(DIRECTIONS), size=len(images))
    return moved(images, SHIFTS[severity - 1] * DIRECTIONS[which])


@register.corruption("rotation", levels=ANGLES, unit="degrees")
def rotation(images: Images, severity: int, seed: int) -> Images:
    """Turned about its centre by 6 to 30 degrees, each image one way or the other."""
    angles = np.radians(ANGLES[severity - 1]) * _signs(images, seed)
    cosine, sine = np.cos(angles), np.sin(angles)
    rows, columns = grid(images)
    return sampled_from_centre(
        images, cosine * rows - sine * columns, sine * rows + cosine * columns
    )


@register.corruption("scale", levels=FACTORS, unit="factor")
def scale(images: Images, severity: int, seed: int) -> Images:
    """Enlarged or shrunk about its centre, by a factor of 1.1 to 1.6."""
    factors = FACTORS[severity - 1] ** _signs(images, seed)
    rows, columns = grid(images)
    return sampled_from_centre(images, rows / factors, columns / factors)


def moved(images: Images, by: npt.NDArray[np.integer]) -> Images:
    """Shift each image by whole pixels, down and to the right: `by` is (n, 2)."""
    height, width = images.shape[2:]
    rows = np.clip(np.arange(height) - by[:, :1], 0, height - 1)
    columns = np.clip(np.arange(width) - by[:, 1:], 0, width - 1)
    every = np.arange(len(images))[:, None, None]
    found: Images = images.transpose(0, 2, 3, 1)[every, rows[:, :, None], columns[:, None, :]]
    return np.ascontiguousarray(found.transpose(0, 3, 1, 2))


def _signs(images: Images, seed: int) -> npt.NDArray[np.floating]:
    """Draw a sign per image: 1 or -1, (n, 1, 1)."""
    drawn = np.random.default_rng(seed).integers(2, size=(len(images), 1, 1))
    return 2.0 * drawn - 1
