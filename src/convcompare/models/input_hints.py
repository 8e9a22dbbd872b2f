"""Which images a network takes, in words: the size its library names, the channels it needs."""

from __future__ import annotations

import re
from collections.abc import Callable

from .library_network import default_shape
from .shape import Shape

SIZES = (28, 32, 64, 96, 128, 224, 299)
"""The sides of images that are tried where nothing says which ones a network takes."""
_CHANNELS = re.compile(r"to have (\d+) channels, but got (\d+) channels")


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
