"""Matrix products that are written as a multiplication and a sum, ``(a * b).sum(2)``.

Such are involutions, local attentions, the routing of capsules and weighted sums of branches. No
operator shows them, so that two operators are watched one after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor


class SummedProducts:
    """Sees the operators of a pass in their order, and tells which sums complete a product."""

    def __init__(self) -> None:
        self._factors: tuple[Tensor, ...] = ()
        self._product: Any = None

    def completed(self, name: str, args: Sequence[Any], output: Any) -> tuple[Tensor, ...]:
        """The two factors of a product that an operator, ``aten::sum``, has just summed.

        Empty where it is another operator, or where it sums over no dimension that both factors
        have: a scale per channel and a pooling are no product. Nor is a square, as of norms.
        """
        if name == "aten::mul":
            tensors = tuple(one for one in args[:2] if isinstance(one, Tensor))
            of_two = len(tensors) == 2 and tensors[0] is not tensors[1]
            self._factors, self._product = (tensors, output) if of_two else ((), None)
        elif name == "aten::sum" and self._product is not None and args[0] is self._product:
            factors, self._factors, self._product = self._factors, (), None
            if _share(factors, _summed(args)):
                return factors
        return ()


def _summed(args: Sequence[Any]) -> set[int]:
    """The dimensions of a sum, counted from the last: -1 is the last."""
    dimensions = args[0].ndim
    given = args[1] if len(args) > 1 else None
    if given is None or given == []:
        given = range(dimensions)
    elif isinstance(given, int):
        given = (given,)
    return {one if one < 0 else one - dimensions for one in given}


def _share(factors: Sequence[Tensor], summed: set[int]) -> bool:
    """Whether a summed dimension is one of both factors, and not repeated along one of them."""
    return any(all(one.ndim >= -d and one.shape[d] > 1 for one in factors) for d in summed)
