"""Detection of an average over all positions, in any notation."""

from __future__ import annotations

from collections.abc import Sequence


def averages_all(
    operation: str, kernel: Sequence[int], places: Sequence[int], outputs: Sequence[int]
) -> bool:
    """Return whether a pooling averages all positions, as ``F.avg_pool2d(x, 8)`` of 8×8 does.

    Args:
        operation: Name, such as ``avg_pool2d``.
        kernel: Sides of the window.
        places: Height and width of the input map.
        outputs: Height and width of the output map.
    """
    whole = tuple(kernel) == tuple(places) and all(side == 1 for side in outputs)
    return whole and operation.startswith("avg_pool")
