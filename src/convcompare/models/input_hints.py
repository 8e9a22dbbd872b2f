"""Which images a network takes, in words: the size its library names, the channels it needs."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from convcompare.core.errors import listed

from .library_network import default_shape
from .shape import Shape

SIZES = (28, 32, 64, 96, 128, 224, 299)
"""The sides of images that are tried where nothing says which ones a network takes."""
_CHANNELS = re.compile(r"to have (\d+) channels, but got (\d+) channels")


_LINEAR = re.compile(r"mat1 and mat2 shapes cannot be multiplied \((\d+)x(\d+) and (\d+)x(\d+)\)")
_SIZES = re.compile(
    r"to have \d+ channels|must match the size|invalid for input of size|size mismatch"
    r"|sizes of tensors|normalized_shape|running_mean should contain|output size is too small"
)


def unfitting_hint(error: Exception, images: int, declared: Collection[str]) -> str | None:
    """What makes a network fit whose layers are of another size than its images, of which so many
    were tried; None if an error is of something else. `declared` are the parameters that its
    constructor has of the images.
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
    """What gives a network the channels that it asks for; None where that is not what failed."""
    found = _CHANNELS.search(str(error))
    if found is None or int(found[2]) != shape.in_channels:
        return None
    wanted = int(found[1])
    if (shape.in_channels, wanted) == (1, 3):
        return "it takes 3 channels: `--channels 3` repeats grey images"
    if wanted == 1:
        return "it takes 1 channel: `--channels 1` averages the channels"
    return None


def size_hint(name: str, shape: Shape, takes: Callable[[int], bool]) -> str | None:
    """The side of the images that a network takes; None where none is found.

    `name` is that in the spec, `takes` tries a side. A network of a library is asked for its own,
    and for a step to the next one; of another the first of `SIZES` is taken.
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
