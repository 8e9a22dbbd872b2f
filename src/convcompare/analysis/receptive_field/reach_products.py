"""Reaches through matrix products: linear layers, attention, einsum; and through distances."""

from __future__ import annotations

import torch
from torch import Tensor

from .reach import PARTS, TOO_LONG, NotKnown, slim
from .reach_rules import Operation, Rule, masked_by, over, union

_LARGEST = 1 << 31
"""Elements of products with constant zeros above which they take too long."""


def matrix_product(call: Operation) -> Tensor:
    """Rule of mm, bmm, addmm, linear …: rows with columns, without terms that are constant 0."""
    given = call.given
    names = next(n for n in _FACTORS if all(one in given for one in n))
    left, right = (given[name] for name in names)
    found = _contracted(call, left, right)
    if left.ndim == 1 or right.ndim == 1:
        found = (
            found.expand(PARTS, *[-1] * (found.ndim - 1))
            .flatten(1)
            .expand(PARTS, call.outputs[0].numel())
        )
        found = found.reshape(PARTS, *call.shape)
    added = given.get("self") if names[0] != "self" else given.get("bias")
    if isinstance(added, Tensor) and call.reach(added) is not None:
        found = torch.maximum(found, union([call.own(added)], call.shape))
    if isinstance(added, Tensor) and call.name == "baddbmm" and call.reach(added) is None:
        return masked_by(found.expand(PARTS, *call.shape), added)
    return found.expand(PARTS, *call.shape)


_DISTANCES = ("_cdist_forward", "_euclidean_dist")
"""Distances of rows from rows, which a 0 does not make independent of the other factor."""
_FACTORS = (
    ("batch1", "batch2"), ("mat1", "mat2"), ("mat", "vec"), ("self", "mat2"), ("self", "vec"),
    ("self", "tensor"), ("vec1", "vec2"), ("input", "weight"), ("x1", "x2"),
)  # fmt: skip


def _contracted(call: Operation, left: Tensor, right: Tensor) -> Tensor:
    a, b = call.own(left), call.own(right)
    zeros_a, zeros_b = call.constant_zeros(left), call.constant_zeros(right)
    if call.name in _DISTANCES:
        zeros_a = zeros_b = None
    if call.name in ("linear", *_DISTANCES):
        b, zeros_b = b.mT, None if zeros_b is None else zeros_b.mT
    if left.ndim == 1:
        a, zeros_a = a.unsqueeze(-2), None if zeros_a is None else zeros_a.unsqueeze(-2)
    if right.ndim == 1:
        b, zeros_b = b.unsqueeze(-1), None if zeros_b is None else zeros_b.unsqueeze(-1)
    if call.name == "ger":
        return torch.maximum(a.mT, b.mT)
    parts = []
    if call.reach(left) is not None:
        parts.append(_over_kept(a, zeros_b))  # (…, m, n) or (…, m, 1)
    if call.reach(right) is not None:
        parts.append(_over_kept(b.mT, None if zeros_a is None else zeros_a.mT).mT)
    return slim(parts[0]) if len(parts) == 1 else torch.maximum(slim(parts[0]), slim(parts[1]))


def _over_kept(reach: Tensor, zeros: Tensor | None) -> Tensor:
    """Return the union over k of `reach` (…, m, k), per n without the k where `zeros` (…, k, n)."""
    if zeros is None:
        return over(reach, [reach.ndim - 1])
    if torch.equal(reach[..., :1, :].expand_as(reach), reach):
        reach = reach[..., :1, :]
    if reach.numel() * zeros.shape[-1] > _LARGEST:
        raise NotKnown(TOO_LONG)
    kept = ~zeros
    found = [(reach * kept[..., None, :, n]).amax(-1) for n in range(zeros.shape[-1])]
    return torch.stack(found, -1)


_PRODUCTS = ("mm", "bmm", "addmm", "baddbmm", "addmv", "mv", "dot", "linear", "_addmm_activation")
PRODUCTS: dict[str, Rule] = dict.fromkeys((*_PRODUCTS, *_DISTANCES), matrix_product)
"""ATen products and distances, by name."""
