"""Conversion of pixels to uint8, and resampling of images. numpy only."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .dataset import Images

Values = npt.NDArray[np.float32]
Positions = npt.NDArray[np.floating[Any]]


def to_uint8(values: npt.NDArray[np.floating[Any]]) -> Images:
    """Round values on the scale of 0 to 255 to the nearest integers and clip them to that range."""
    pixels: Images = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return pixels


def sampled_at(images: Images, rows: Positions, columns: Positions) -> Images:
    """Resample images at other positions by bilinear interpolation.

    The edge is repeated beyond the image.

    Args:
        images: uint8 (n, channels, h, w).
        rows: row in the image of each new pixel, (n, h, w).
        columns: column in the image of each new pixel, (n, h, w).
    """
    height, width = images.shape[2:]
    rows, columns = np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)
    top, left = np.floor(rows).astype(np.intp), np.floor(columns).astype(np.intp)
    below, right = np.minimum(top + 1, height - 1), np.minimum(left + 1, width - 1)
    down = (rows - top).astype(np.float32)[:, None]
    across = (columns - left).astype(np.float32)[:, None]
    upper = _between(_taken(images, top, left), _taken(images, top, right), across)
    lower = _between(_taken(images, below, left), _taken(images, below, right), across)
    return to_uint8(_between(upper, lower, down))


def grid(images: Images) -> tuple[Positions, Positions]:
    """Return rows (1, h, 1) and columns (1, 1, w) of the pixels relative to the image's centre."""
    height, width = images.shape[2:]
    rows = np.arange(height) - (height - 1) / 2
    columns = np.arange(width) - (width - 1) / 2
    return rows[None, :, None], columns[None, None, :]


def sampled_from_centre(images: Images, rows: Positions, columns: Positions) -> Images:
    """Resample images as `sampled_at`, with positions relative to the centre, as in `grid`."""
    height, width = images.shape[2:]
    rows, columns = np.broadcast_arrays(rows, columns)
    return sampled_at(images, rows + (height - 1) / 2, columns + (width - 1) / 2)


def _taken(images: Images, rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp]) -> Values:
    n, channels, _, width = images.shape
    flat = (rows * width + columns).reshape(n, 1, -1)
    found = np.take_along_axis(images.reshape(n, channels, -1), flat, axis=2)
    return found.reshape(images.shape).astype(np.float32)


def _between(one: Values, other: Values, share: Values) -> Values:
    return one + share * (other - one)
