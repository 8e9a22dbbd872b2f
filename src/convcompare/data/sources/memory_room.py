"""Check that the images of a data set fit into memory."""

from __future__ import annotations

from convcompare.core import formatting
from convcompare.core.errors import DataError, quote
from convcompare.core.memory import physical_memory

_SIZES = (256, 224, 128, 96, 64, 48, 32, 16, 8)
"""Image sides in pixels, of which a hint names the largest that fits."""
_SHARE = 3
"""Images may take 1/3 of the memory, since they are copied when they are split."""


def check_room(name: str, total: int, shape: tuple[int, ...], itemsize: int = 1) -> None:
    """Raise DataError, with a size that fits, if the images of a data set are too large.

    Args:
        name: name of the data set in the error, which is its spec without `size`.
        total: number of images.
        shape: (channels, height, width) of each image in pixels.
        itemsize: bytes per pixel and channel.
    """
    channels, height, width = shape
    room, each = physical_memory() // _SHARE, total * channels * itemsize
    wanted = each * height * width
    if wanted <= room:
        return
    fitting = next((side for side in _SIZES if each * side**2 <= room), None)
    hint = "a smaller data set: the images have to fit into a third of the memory"
    if fitting:
        hint = f"{quote(f'{name}:size={fitting}')} takes {formatting.size(each * fitting**2)}"
    raise DataError(
        f"{quote(name)} is too large: {formatting.count(total)} images of {height}×{width} take "
        f"{formatting.size(wanted)}, and a third of the memory is {formatting.size(room)}",
        hint,
    )
