"""Matrix products that are written as a multiplication and a sum, ``(a * b).sum(2)``.

Examples are involutions, local attention, the routing of capsules and weighted sums of branches. No
single operator shows them, so they are detected from two operators in sequence.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


class SummedProducts:
    """Receives the operators of a pass in order and detects sums that complete a product."""

    def __init__(self) -> None:
        self._factors: tuple[Tensor, ...] = ()
        self._product: Any = None

    def completed(self, name: str, args: Sequence[Any], output: Any) -> tuple[Tensor, ...]:
        """Return the two factors of the product that an operator, ``aten::sum``, has just summed.

        Empty for other operators, for a sum over no dimension that both factors have (a scale per
        channel and a pooling are not a product), for squares, as in norms, and for numbers of
        type int64, which are indices.
        """
        if name == "aten::mul":
            tensors = tuple(one for one in args[:2] if isinstance(one, Tensor))
            of_two = len(tensors) == 2 and tensors[0] is not tensors[1]
            of_two = of_two and output.dtype != torch.int64
            self._factors, self._product = (tensors, output) if of_two else ((), None)
        elif name == "aten::sum" and self._product is not None and args[0] is self._product:
            factors, self._factors, self._product = self._factors, (), None
            if _share(factors, _summed(args)):
                return factors
        return ()


def _summed(args: Sequence[Any]) -> set[int]:
    """Return the dimensions of a sum, counted from the last, which is -1."""
    dimensions = args[0].ndim
    given = args[1] if len(args) > 1 else None
    if given is None or given == []:
        given = range(dimensions)
    elif isinstance(given, int):
        given = (given,)
    return {one if one < 0 else one - dimensions for one in given}


def _share(factors: Sequence[Tensor], summed: set[int]) -> bool:
    """Return whether both factors have a summed dimension, without broadcasting along it."""
    return any(all(one.ndim >= -d and one.shape[d] > 1 for one in factors) for d in summed)
