"""Matrix products that are written as a multiplication and a sum, ``(a * b).sum(2)``.

Examples are involutions, local attention, the routing of capsules and weighted sums of branches. No
single operator shows them, so they are detected from a multiplication and a later sum of its
result, which may be reshaped, copied or scaled in between.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

_SCALING = ("aten::mul", "aten::div")
_COPYING = ("aten::clone", "aten::_to_copy", "aten::neg")
_Factor = tuple[Tensor, list[bool]]
"""A factor, and whether it has each dimension of the product, without broadcasting."""


class SummedProducts:
    """Receives the operators of a pass in order and detects sums that complete a product."""

    def __init__(self) -> None:
        self._product: Any = None
        self._factors: list[_Factor] = []

    def completed(self, name: str, args: Sequence[Any], output: Any) -> tuple[Tensor, ...]:
        """Return the factors of the product that an operator, ``aten::sum``, has just summed.

        Empty for other operators, for a sum over no dimension that two factors have (a scale per
        channel and a pooling are not a product), for squares, as in norms, and for numbers of
        type int64, which are indices.
        """
        if name in _SCALING or name in _COPYING:
            self._follow(name, args, output)
        elif name == "aten::sum" and self._is_product(args[0]):
            factors, dims = self._factors_of(args[0]), _summed(args)
            self._product, self._factors = None, []
            if _share(factors, dims):
                return tuple(one for one, has in factors if any(has[dim] for dim in dims))
        return ()

    def _follow(self, name: str, args: Sequence[Any], output: Any) -> None:
        """Start with a new product, or go on with a copied, scaled or multiplied one."""
        given = [one for one in args[:2] if isinstance(one, Tensor)]
        several = [one for one in given if one.numel() > 1]
        before = next((one for one in given if self._is_product(one)), None)
        if before is not None and before.shape != output.shape:
            before = None
        if before is not None and len(several) < 2:
            self._product, self._factors = output, self._factors_of(before)
        elif name == "aten::mul" and len(several) == 2 and several[0] is not several[1]:
            factors = [] if before is None else self._factors_of(before)
            factors += [(one, _has(one, output)) for one in several if one is not before]
            if output.dtype != torch.int64 and _share(factors, range(output.ndim)):
                self._product, self._factors = output, factors

    def _is_product(self, value: Any) -> bool:
        """Return whether a value is the product or a view of it."""
        if self._product is None or not isinstance(value, Tensor):
            return False
        return _memory(value) == _memory(self._product)

    def _factors_of(self, view: Tensor) -> list[_Factor]:
        """Return the factors with the dimensions of a view of the product, by their strides."""
        sides = list(zip(self._product.stride(), self._product.shape, strict=True))
        passed = [  # dimensions of the product along which a dimension of the view moves
            [
                n
                for n, (by, size) in enumerate(sides)
                if step < by * size and step * (count - 1) >= by
            ]
            for step, count in zip(view.stride(), view.shape, strict=True)
        ]
        return [(one, [any(has[n] for n in dims) for dims in passed]) for one, has in self._factors]


def _memory(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


def _has(factor: Tensor, product: Tensor) -> list[bool]:
    """Return along which dimensions of a product a factor is not broadcast."""
    return [False] * (product.ndim - factor.ndim) + [size > 1 for size in factor.shape]


def _share(factors: Sequence[_Factor], dims: Iterable[int]) -> bool:
    """Return whether two factors have one of some dimensions."""
    return any(sum(has[dim] for _, has in factors) > 1 for dim in dims)


def _summed(args: Sequence[Any]) -> list[int]:
    """Return the dimensions of a sum."""
    given = args[1] if len(args) > 1 else None
    if given is None or given == []:
        return list(range(args[0].ndim))
    return [given] if isinstance(given, int) else list(given)
