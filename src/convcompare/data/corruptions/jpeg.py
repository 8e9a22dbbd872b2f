"""Images after JPEG compression."""

from __future__ import annotations

import io

import numpy as np

from convcompare.core.registry import register

from ..dataset import Images

QUALITIES = (60, 40, 25, 15, 7)
COLOURS = 3
BLOCK = 8
"""Side in pixels of the blocks of grey images, which are compressed independently."""
LONGEST = 65_000
"""Maximum side of a JPEG image in pixels."""


@register.corruption("jpeg", levels=QUALITIES, unit="JPEG quality")
def jpeg(images: Images, severity: int, seed: int) -> Images:
    """Compressed as JPEG at a quality of 60 to 7, by Pillow."""
    quality = QUALITIES[severity - 1]
    if images.shape[1] == COLOURS:
        compressed = [_compressed(image.transpose(1, 2, 0), quality) for image in images]
        return np.ascontiguousarray(np.stack(compressed).transpose(0, 3, 1, 2))
    planes = [_compressed_planes(images[:, i], quality) for i in range(images.shape[1])]
    return np.stack(planes, axis=1)


def _compressed_planes(planes: Images, quality: int) -> Images:
    """Compress grey images (n, h, w) joined to one, so that no block spans two of them.

    The result is that of each image alone, whose last blocks repeat its edge, and far faster.
    """
    _, height, width = planes.shape
    below, right = -height % BLOCK, -width % BLOCK
    wide = np.pad(planes, ((0, 0), (0, below), (0, right)), mode="edge")
    most = max(1, LONGEST // (height + below))
    parts = [
        _compressed(part.reshape(-1, width + right), quality).reshape(part.shape)
        for part in (wide[start : start + most] for start in range(0, len(wide), most))
    ]
    return np.concatenate(parts)[:, :height, :width]


def _compressed(pixels: Images, quality: int) -> Images:
    """Compress pixels (h, w) or (h, w, 3) and decode them again."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer), np.uint8)
