"""Decode images of any size and format to square arrays of one size, with Pillow in threads."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..dataset import Images
from . import tiff_tags
from .image_damage import check_whole, reason_of
from .image_scaling import USUAL, DeepKind, Scaling, scaling_of
from .quiet_pillow import quiet_pillow

if TYPE_CHECKING:
    from PIL.Image import Image

LARGE = 16_000_000
"""Number of pixels above which images are decoded one at a time, to bound memory."""
_ONE_AT_A_TIME = threading.Lock()
_GREY_LEVELS = {"L;2": 85, "L;4": 17}
"""Factors by which Pillow scales grey levels of fewer bits to 8."""
_ORIENTATION = 0x0112
"""EXIF tag of the orientation of the camera."""


@dataclass(frozen=True)
class ImageFacts:
    """Facts about an image file.

    Attributes:
        format: Pillow's name of the format.
        mode: Pillow's name of the kind of pixels.
        width: width in pixels before rotation.
        height: height in pixels before rotation.
        several: whether the file contains several images, of which the first is used.
        turned: whether it is rotated upright by its EXIF data.
        transparent: whether it has transparency, which is replaced by white.
        cut_to_8: whether the upper 8 of its 16 bits per colour are read.
        more_bands: whether it has more bands than are read.
        kind: type of pixels of more than 8 bits; None for others.
        low: smallest value of these pixels.
        high: largest value of these pixels.
        reason: why the file cannot be used; empty if it can.
    """

    format: str = ""
    mode: str = ""
    width: int = 0
    height: int = 0
    several: bool = False
    turned: bool = False
    transparent: bool = False
    cut_to_8: bool = False
    more_bands: bool = False
    kind: DeepKind | None = None
    low: float = 0.0
    high: float = 0.0
    reason: str = ""


@dataclass(frozen=True)
class DecodedImages:
    """Decoded images.

    Attributes:
        images: uint8 (n, channels, size, size), undefined for files that cannot be used.
        facts: facts about each file.
        scalings: scalings of the images of more than 8 bits.
    """

    images: Images
    facts: list[ImageFacts]
    scalings: dict[DeepKind, Scaling]


def decode_images(files: Sequence[Path], size: int, channels: int) -> DecodedImages:
    """Decode image files.

    Each image is rotated upright by its EXIF data, and its central square is scaled to `size` with
    antialiasing. Images of more than 8 bits are scaled by the range of all of them. The facts of
    files that cannot be read contain the reason.

    Args:
        files: the image files.
        size: side of the results in pixels.
        channels: 1 for grey, 3 for colour.
    """
    images = np.empty((len(files), channels, size, size), np.uint8)
    scalings = dict(USUAL)

    def decode(index: int) -> ImageFacts:
        try:
            images[index], facts = _decode(files[index], size, channels, scalings)
        except Exception as error:  # for damaged files, Pillow raises errors of many kinds
            return ImageFacts(reason=reason_of(error, files[index]))
        return facts

    with quiet_pillow():
        facts = _each(decode, range(len(files)))
        for kind in USUAL:
            those = [i for i, one in enumerate(facts) if one.kind == kind and not one.reason]
            if not those:
                del scalings[kind]
                continue
            low, high = min(facts[i].low for i in those), max(facts[i].high for i in those)
            scalings[kind] = scaling_of(kind, low, high)
            other = those if scalings[kind] != USUAL[kind] else []
            for i, again in zip(other, _each(decode, other), strict=True):
                facts[i] = replace(facts[i], reason=again.reason)
    return DecodedImages(images, facts, scalings)


def _each(decode: Callable[[int], ImageFacts], indices: Iterable[int]) -> list[ImageFacts]:
    with ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool:
        try:
            return list(pool.map(decode, indices))
        except BaseException:  # interrupted: do not wait for images that have not started
            pool.shutdown(cancel_futures=True)
            raise


def _decode(
    file: Path, size: int, channels: int, scalings: dict[DeepKind, Scaling]
) -> tuple[Images, ImageFacts]:
    from PIL import Image

    with Image.open(file) as opened:
        pixels = opened.width * opened.height
        if pixels > (Image.MAX_IMAGE_PIXELS or math.inf):
            raise ValueError(f"{opened.width}×{opened.height} pixels, more than Pillow takes")
        facts = facts_of(opened)
        scale_transparent_colour(opened)
        check_whole(file, facts.format)
        # JPEG is decoded at a reduced size.
        opened.draft("L" if channels == 1 else "RGB", (2 * size, 2 * size))
        with _ONE_AT_A_TIME if opened.width * opened.height > LARGE else nullcontext():
            facts = replace(facts, turned=is_turned(opened))
            turned = upright(opened)
            deep = deep_pixels(opened, turned)
            if deep is None:
                shown = on_white(turned)
            else:
                shown, facts = _scaled(deep, turned, facts, scalings)
            square = middle_square(shown.convert("L" if channels == 1 else "RGB"), size)
    array = np.asarray(square, np.uint8)
    return array.reshape(size, size, channels).transpose(2, 0, 1), facts


def facts_of(opened: Image) -> ImageFacts:
    """Return the facts in an image's header, all but `turned`, which may need the whole file."""
    raw = _raw_mode(opened)
    unnamed = tiff_tags.has_unnamed_band(opened)
    return ImageFacts(
        format=opened.format or "",
        mode=opened.mode,
        width=opened.width,
        height=opened.height,
        several=_has_several(opened),
        transparent=opened.has_transparency_data and not unnamed,
        cut_to_8=";16" in raw and opened.mode[0] not in "IF",
        more_bands=unnamed or (opened.format == "TIFF" and "X" in raw),
    )


def _raw_mode(opened: Image) -> str:
    """Return Pillow's name of the pixels in a file that is not loaded yet, as ``L;4``; or ""."""
    tile = getattr(opened, "tile", None)
    raw = tile[0][3] if tile and len(tile[0]) > 3 else ""
    return str(raw[0] if isinstance(raw, tuple) and raw else raw)


def scale_transparent_colour(opened: Image) -> None:
    """Scale the transparent colour of a PNG that is not loaded yet as Pillow scales its pixels.

    Pillow leaves grey levels of 2 or 4 bits and colours of 16 bits as they are (13.0.0).
    """
    raw, colour = _raw_mode(opened), opened.info.get("transparency")
    if opened.format != "PNG":
        return
    if isinstance(colour, int) and raw in _GREY_LEVELS:
        opened.info["transparency"] = colour * _GREY_LEVELS[raw]
    elif isinstance(colour, tuple) and ";16" in raw:
        opened.info["transparency"] = tuple(one >> 8 for one in colour)


def _has_several(opened: Image) -> bool:
    several = bool(getattr(opened, "is_animated", False))
    return several and not tiff_tags.has_smaller_copy(opened)


_CONVERTED = {"LAB": "RGB", "La": "LA"}
"""Modes from which Pillow converts to one other mode only."""


def upright(opened: Image) -> Image:
    """Return an image rotated upright by its EXIF data, without a fourth band that is not alpha.

    Raises ValueError if Pillow would misread its pixels.
    """
    from PIL import ImageOps

    tiff_tags.check_planes(opened)
    turned = ImageOps.exif_transpose(opened)
    mode = "RGB" if tiff_tags.has_unnamed_band(opened) else _CONVERTED.get(turned.mode)
    return turned.convert(mode) if mode else turned


def deep_pixels(opened: Image, turned: Image) -> npt.NDArray[Any] | None:
    """Return the pixels of an image of more than 8 bits, or with signs; None for others.

    Args:
        opened: the image as it was opened.
        turned: the image, rotated upright.
    """
    if turned.mode not in ("L", "F") and not turned.mode.startswith("I"):
        return None
    pixels = tiff_tags.meant(opened, np.asarray(turned))
    return None if pixels.dtype == np.uint8 else pixels


def is_turned(opened: Image) -> bool:
    """Return whether an image's EXIF data rotate it; may read the whole file."""
    return opened.getexif().get(_ORIENTATION, 1) in range(2, 9)


def _scaled(
    pixels: npt.NDArray[Any], picture: Image, facts: ImageFacts, scalings: dict[DeepKind, Scaling]
) -> tuple[Image, ImageFacts]:
    """Return the pixels of `picture` scaled to 8 bits, and facts with their range.

    The value that stands for transparency becomes white.
    """
    from PIL import Image

    kind: DeepKind = "float" if pixels.dtype.kind == "f" else "integer"
    if kind == "float" and not np.isfinite(pixels).all():
        raise ValueError("pixels that are no numbers (NaN or infinite)")
    facts = replace(facts, kind=kind, low=float(pixels.min()), high=float(pixels.max()))
    scaled = scalings[kind](pixels)
    if isinstance(clear := picture.info.get("transparency"), int):
        scaled[pixels == clear] = 255
    return Image.fromarray(scaled), facts


def middle_square(picture: Image, size: int) -> Image:
    """Return the central square, as large as the shorter side, scaled to `size`, antialiased."""
    from PIL import Image

    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    middle = (left, top, left + side, top + side)
    return picture.resize((size, size), Image.Resampling.BILINEAR, box=middle)


def on_white(picture: Image) -> Image:
    """Return an image with transparency replaced by white."""
    from PIL import Image

    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    return picture
