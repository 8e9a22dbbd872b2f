"""Images of any size and format to square arrays of one size; Pillow, in several threads."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from convcompare.core.errors import DataError, quote

from ..dataset import Images

if TYPE_CHECKING:
    from PIL.Image import Image

_NAMED = 10
"""How many broken files an error names."""


def decode_images(files: Sequence[Path], root: Path, size: int, channels: int) -> Images:
    """The images as an array (n, channels, size, size).

    Each is turned upright as its EXIF data say; the square in its middle, as large as its shorter
    side, is scaled to `size` with antialiasing. Raises one DataError that names the files that
    cannot be read, relative to `root`.
    """
    images = np.empty((len(files), channels, size, size), np.uint8)

    def decode(index: int) -> bool:
        try:
            images[index] = _decode(files[index], size, channels)
        except Exception:  # Pillow's decoders raise nearly anything on a damaged file
            return False
        return True

    with warnings.catch_warnings(), ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool:
        warnings.simplefilter("ignore")  # what matters here raises an error
        try:
            whole = list(pool.map(decode, range(len(files))))
        except BaseException:  # interrupted: what has not begun is not waited for
            pool.shutdown(cancel_futures=True)
            raise
    broken = [file for file, good in zip(files, whole, strict=True) if not good]
    if broken:
        names = [quote(file.relative_to(root)) for file in broken[:_NAMED]]
        more = f" and {len(broken) - _NAMED} more" if len(broken) > _NAMED else ""
        noun = "1 file" if len(broken) == 1 else f"{len(broken)} files"
        raise DataError(
            f"{noun} cannot be read as images: {', '.join(names)}{more}",
            f"remove or replace them in {quote(root)}",
        )
    return images


def _decode(file: Path, size: int, channels: int) -> Images:
    from PIL import Image, ImageOps

    with Image.open(file) as opened:
        if opened.width * opened.height > (Image.MAX_IMAGE_PIXELS or math.inf):
            raise ValueError("more pixels than an honest image has")
        opened.draft("L" if channels == 1 else "RGB", (2 * size, 2 * size))  # JPEG: decode small
        upright = ImageOps.exif_transpose(opened)
        picture = _to_bytes(upright).convert("L" if channels == 1 else "RGB")
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    middle = (left, top, left + side, top + side)
    square = picture.resize((size, size), Image.Resampling.BILINEAR, box=middle)
    pixels = np.asarray(square, np.uint8)
    return pixels.reshape(size, size, channels).transpose(2, 0, 1)


def _to_bytes(picture: Image) -> Image:
    """Grey images of 16 bits with 8, and what is transparent laid on white."""
    from PIL import Image

    if picture.mode.startswith("I"):
        return Image.fromarray(np.clip(np.asarray(picture) >> 8, 0, 255).astype(np.uint8))
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    return picture
