"""Hints about the images that a network accepts: their size and channels."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from convcompare.core.errors import listed

from .library_network import default_shape
from .shape import Shape

SIZES = (28, 32, 64, 96, 128, 224, 299)
"""Image sides in pixels that are tried if those that a network accepts are not known."""
_CHANNELS = re.compile(r"to have (\d+) channels, but got (\d+) channels")


_LINEAR = re.compile(r"mat1 and mat2 shapes cannot be multiplied \((\d+)x(\d+) and (\d+)x(\d+)\)")
_SIZES = re.compile(
    r"to have \d+ channels|must match the size|invalid for input of size|size mismatch"
    r"|sizes of tensors|normalized_shape|running_mean should contain|output size is too small"
)


def unfitting_hint(error: Exception, images: int, declared: Collection[str]) -> str | None:
    """Return a hint for a network whose layers do not fit the size of its images.

    Args:
        error: the error of the network's forward pass.
        images: number of images in the batch.
        declared: parameters of the network's constructor that the data set determines.

    Returns:
        The hint; None if the error has another cause.
    """
    linear = _LINEAR.search(str(error))
    if linear is not None:
        rows, given, taken, outputs = linear.groups()
        what = f"a linear layer takes {taken} numbers and gets {given}"
        if int(rows) != images:
            return f"{what}: `.flatten(1)` in front of it makes one row per image"
        return f"{what}: `nn.LazyLinear({outputs})` takes as many as there are"
    missing = [name for name in ("in_channels", "image_size") if name not in declared]
    if not missing or not _SIZES.search(str(error)):
        return None
    return f"declare {listed(missing)} in its constructor to get those of the images"


def channels_hint(error: Exception, shape: Shape) -> str | None:
    """Return a hint for a network that needs other channels; None if that is not the error."""
    found = _CHANNELS.search(str(error))
    if found is None or int(found[2]) != shape.in_channels:
        return None
    needed = int(found[1])
    if (shape.in_channels, needed) == (1, 3):
        return "it takes 3 channels: `--channels 3` repeats grey images"
    if needed == 1:
        return "it takes 1 channel: `--channels 1` averages the channels"
    return None


def size_hint(name: str, shape: Shape, takes: Callable[[int], bool]) -> str | None:
    """Return a hint with the image side that a network accepts; None if none is found.

    For a network of a library only the library's own side is tried, then whether its multiples are
    accepted too; for other networks all of `SIZES`.

    Args:
        name: the network's name in its spec.
        shape: the shape that the network does not accept.
        takes: returns whether the network accepts images of a side.
    """
    own = default_shape(name)
    sizes = SIZES if own is None else (own.image_size,)
    size = next((one for one in sizes if one != shape.image_size and takes(one)), None)
    if size is None:
        return None
    hint = f"it takes images of {size}×{size} pixels: `--image-size {size}`"
    if own is None or takes(size + 32) or not takes(2 * size):
        return hint
    return f"{hint}, or a multiple of {size}"
