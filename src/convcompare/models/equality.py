"""Equality of outputs and of states of networks, exact or up to rounding."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

SAME = 1e-3
"""Tolerance for outputs that are equal up to rounding, relative to the largest value."""
ROUNDED = 1e-5
"""Tolerance for weights that are equal up to rounding, relative to the largest of a tensor: results
of solvers such as `torch.linalg.lstsq` depend on the memory addresses of their operands."""


def difference(one: Tensor, other: Tensor) -> float:
    """Return the largest difference, relative to the largest magnitude."""
    largest = max(one.abs().max().item(), other.abs().max().item())
    return (one - other).abs().max().item() / (largest or 1)


def close(one: Tensor, other: Tensor, *, within: float = SAME) -> bool:
    """Return whether the `difference` of two tensors is at most `within`."""
    return difference(one, other) <= within


def same_value(one: Any, other: Any) -> bool:
    """Return whether two tensors or numbers have equal values; NaN equals NaN as a number."""
    if isinstance(one, Tensor):
        return isinstance(other, Tensor) and torch.equal(_dense(one), _dense(other))
    return bool(one == other) or (one != one and other != other)


def _dense(tensor: Tensor) -> Tensor:
    """Return a tensor in the layout that can be compared, also of a sparse one."""
    return tensor if tensor.layout == torch.strided else tensor.to_dense()


def equal(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Return whether two `state_dict`s have the same names and values."""
    return one.keys() == other.keys() and all(same_value(one[n], other[n]) for n in one)


def nearly_equal(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Return whether two `state_dict`s of the same sizes differ by rounding only."""
    differing = [name for name in one if not same_value(one[name], other[name])]
    return all(
        isinstance(one[name], Tensor)
        and one[name].is_floating_point()
        and close(one[name], other[name], within=ROUNDED)
        for name in differing
    )
