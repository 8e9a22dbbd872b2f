"""What an average over all places is, however it is written."""

from __future__ import annotations

from collections.abc import Sequence


def averages_all(
    operation: str, kernel: Sequence[int], places: Sequence[int], outputs: Sequence[int]
) -> bool:
    """Whether a pooling is the average of all places, as ``F.avg_pool2d(x, 8)`` of 8×8 is.

    Args:
        operation: its name, as ``avg_pool2d``.
        kernel: sides of its window.
        places: height and width of the map that it reads.
        outputs: those of the map that it gives.
    """
    whole = tuple(kernel) == tuple(places) and all(side == 1 for side in outputs)
    return whole and operation.startswith("avg_pool")
