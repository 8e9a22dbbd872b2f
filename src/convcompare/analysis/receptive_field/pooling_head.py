"""What counts as the pooling head of a network, whose features are those in front of it."""

from __future__ import annotations

from collections.abc import Sequence


def is_pooling_head(operation: str, kernel: Sequence[int], places: Sequence[int]) -> bool:
    """Whether a pooling is over the map whatever its size: adaptive, or the average of all places.

    Args:
        operation: its name, as ``avg_pool2d``.
        kernel: sides of its window; of adaptive pooling none.
        places: height and width of the map that it reads.
    """
    if "adaptive" in operation:
        return True
    return operation.startswith("avg_pool") and tuple(kernel) == tuple(places)
