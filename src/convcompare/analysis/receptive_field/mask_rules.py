"""Attention masks: a constant mask may hide positions, which no tracing rule follows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from .reach import TAKEN_OUT
from .reshape_rules import elementwise
from .tensor_field import Field, Untraceable
from .window_rules import Call, Rule

_WHY = "its mask may hide places"
_OF_ATTENTION: Mapping[str, Mapping[str, int]] = {
    "scaled_dot_product_attention": {"attn_mask": 3, "is_causal": 5},
    "multi_head_attention_forward": {"key_padding_mask": 14, "attn_mask": 16, "is_causal": 23},
    "MultiheadAttention": {"key_padding_mask": 3, "attn_mask": 5, "is_causal": 7},
}
"""Arguments by which attention leaves positions out, with their indices."""


def unmasked(call: Call) -> None:
    """Check that attention leaves no position out.

    Raises:
        Untraceable: If it may leave positions out.
    """
    masks = _OF_ATTENTION.get(call.name, _OF_ATTENTION["MultiheadAttention"])
    for name, position in masks.items():
        if _hides(call.get(position, name)):
            raise Untraceable(call.name, _WHY)


def masked(call: Call) -> Field:
    """Rule of masked_fill, where, a + b, a - b and a · b: elementwise.

    Raises:
        Untraceable: If a constant may hide some positions: scores, by a large negative number in
            front of a softmax, or by 0.
    """
    choices = call.name in ("masked_fill", "where")
    constants = [a for a in (*call.arguments, *call.named.values()) if call.field_of(a) is None]
    masks = [one for one in constants if isinstance(one, Tensor) and one.dtype == torch.bool]
    sign = -1 if call.name == "sub" else 1
    scales = choices or call.name in ("mul", "multiply")
    for one in constants if masks or not choices else ():
        if _takes_out(one, sign) and (choices or not _takes_out(one, sign, every=True)):
            raise Untraceable(call.name, _WHY)
        if scales and _is_zero(one, some=not choices) and _of_scores(call):
            raise Untraceable(call.name, _WHY)
    return elementwise(call)


def _of_scores(call: Call) -> bool:
    """Return whether an operation has scores of each position with each: (…, places, places)."""
    for one in (*call.arguments, *call.named.values()):
        field = call.field_of(one)
        if field is not None and field.merged and field.dims[0] == one.ndim - 2:
            return bool(one.shape[-1] == one.shape[-2] > 1)
    return False


def _is_zero(constant: Any, some: bool) -> bool:
    """Return whether a constant is 0, or `some` of its elements are but not all.

    False for weights that are trained, and on ``meta``.
    """
    if not isinstance(constant, Tensor):
        return not some and constant == 0
    if constant.requires_grad or constant.is_meta:
        return False
    zero = constant == 0
    return bool(zero.any()) and (not some or not bool(zero.all()))


def _hides(mask: Any) -> bool:
    """Return whether an attention mask leaves positions out.

    A boolean mask on ``meta``, without values, is assumed to do so.
    """
    if not isinstance(mask, Tensor):
        return bool(mask)
    if mask.dtype == torch.bool:
        return mask.is_meta or (bool(mask.any()) and not bool(mask.all()))
    return _takes_out(mask)


def _takes_out(constant: Any, sign: int = 1, every: bool = False) -> bool:
    """Return whether a constant removes a score, or `every` score, in front of a softmax.

    False for a tensor on ``meta``, which may be a bias.
    """
    if isinstance(constant, Tensor):
        if not constant.is_floating_point() or constant.is_meta:
            return False
        found = sign * constant < TAKEN_OUT
        return bool(found.all() if every else found.any())
    return isinstance(constant, float | int) and sign * constant < TAKEN_OUT


MASKS: dict[str, Rule] = dict.fromkeys(
    ("masked_fill", "where", "add", "sub", "mul", "multiply"), masked
)
"""Operations that mask scores, by function name."""
