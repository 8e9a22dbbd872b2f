"""An array of images that a library returns one by one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from convcompare.core.errors import DataError, quote

from .image_decode import (
    ImageFacts,
    deep_pixels,
    facts_of,
    is_turned,
    middle_square,
    on_white,
    scale_transparent_colour,
    upright,
)
from .memory_room import check_room
from .quiet_pillow import quiet_pillow

if TYPE_CHECKING:
    from PIL.Image import Image


class ImageStack:
    """An array (n, channels, height, width) that is filled image by image.

    Transparency is replaced by white, and images are rotated upright by their EXIF data. Images of
    8 bits or fewer become uint8, deeper ones int32 or float32. If some images are grey and some in
    colour, grey ones are repeated. The attribute ``facts`` has the facts about each image.

    Args:
        name: name of the data set in errors, which is its spec without `size`.
        total: number of images.
        size: side in pixels to which the central square of each image is scaled; None if the images
            are squares of one size.
    """

    def __init__(self, name: str, total: int, size: int | None) -> None:
        self.name, self.total, self.size = name, total, size
        self.facts: list[ImageFacts] = []
        self._pixels: npt.NDArray[Any] | None = None

    def add(self, image: Image) -> None:
        """Append an image; raise DataError if its size or number of bits differs."""
        with quiet_pillow():
            scale_transparent_colour(image)
            facts = replace(facts_of(image), turned=is_turned(image))
            pixels = self._decoded(image)
        if self._pixels is None:
            check_room(self.name, self.total, pixels.shape, pixels.itemsize)
            self._pixels = np.empty((self.total, *pixels.shape), pixels.dtype)
        if pixels.dtype != self._pixels.dtype:
            raise DataError(
                f"some images of {quote(self.name)} have 8 bits and some more",
                "save them with the same number of bits",
            )
        if pixels.shape[1:] != self._pixels.shape[2:]:
            raise self._error(
                "images of several sizes", f"{_side(pixels)} and {_side(self._pixels[0])}"
            )
        if len(pixels) > self._pixels.shape[1]:
            check_room(self.name, self.total, pixels.shape, pixels.itemsize)
            self._pixels = np.repeat(self._pixels, len(pixels), 1)
        self._pixels[len(self.facts)] = pixels
        self.facts.append(facts)

    @property
    def pixels(self) -> npt.NDArray[Any]:
        """All images in the order of `add`; raises DataError if there are none."""
        if self._pixels is None:
            raise DataError(
                f"{quote(self.name)} has no images", "check that the data set is complete"
            )
        return self._pixels[: len(self.facts)]

    def _decoded(self, image: Image) -> npt.NDArray[Any]:
        """Return (channels, height, width) as uint8, int32 or float32."""
        turned = upright(image)
        deep = deep_pixels(image, turned)
        if deep is not None:
            return self._deep(deep)
        grey = turned.mode in ("1", "L", "LA", "La")
        picture = on_white(turned).convert("L" if grey else "RGB")
        self._check_square(picture)
        square = middle_square(picture, self.size) if self.size else picture
        array = np.asarray(square, np.uint8)
        return array[None] if grey else array.transpose(2, 0, 1)

    def _deep(self, pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
        from PIL import Image

        kind = np.float32 if pixels.dtype.kind == "f" else np.int32
        floats = Image.fromarray(pixels.astype(np.float32))
        self._check_square(floats)
        if self.size is None:
            return pixels.astype(kind)[None]
        scaled = np.asarray(middle_square(floats, self.size))
        return (scaled if kind is np.float32 else np.rint(scaled)).astype(kind)[None]

    def _check_square(self, picture: Image) -> None:
        if self.size is None and picture.width != picture.height:
            shape = f"{picture.height}×{picture.width}"
            raise self._error("images that are not square", shape)

    def _error(self, what: str, shapes: str) -> DataError:
        spec = quote(f"{self.name}:size=64")
        return DataError(
            f"{quote(self.name)} has {what} ({shapes})",
            f"{spec} scales the central square of each to 64×64",
        )


def _side(pixels: npt.NDArray[Any]) -> str:
    return f"{pixels.shape[-2]}×{pixels.shape[-1]}"
