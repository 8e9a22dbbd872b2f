"""Reaches through ATen operations: elementwise, and over dimensions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .reach import EXTENTS, MASKED, PARTS, TAKEN_OUT, Reaches, slim

_ZERO = 1e-20
"""A constant of at most this magnitude removes what it multiplies."""
WITHOUT_DATA = frozenset((
    "empty_like", "zeros_like", "ones_like", "full_like", "rand_like", "randn_like", "new_empty",
    "new_zeros", "new_ones", "new_full", "new_empty_strided", "equal", "is_same_size", "zero",
    "fill", "bernoulli", "uniform", "normal", "randint_like", "empty_strided",
))  # fmt: skip
"""Operations that use only the shape of a tensor, or overwrite its values."""


@dataclass(frozen=True)
class Operation:
    """One call of an ATen operation: arguments by name, output tensors, reaches up to now."""

    name: str
    function: Any
    given: dict[str, Any]
    outputs: tuple[Tensor, ...]
    reaches: Reaches

    def reach(self, value: Any) -> Tensor | None:
        """Return the reach of an argument; None for a constant."""
        return self.reaches.of(value) if isinstance(value, Tensor) else None

    def own(self, value: Any) -> Tensor:
        """Return the reach of an argument, all zero for a constant."""
        found = self.reach(value)
        return found if found is not None else torch.zeros(()).expand(PARTS, *value.shape)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the first output."""
        return tuple(self.outputs[0].shape)

    def tensors(self) -> Iterator[Tensor]:
        """Iterate over all tensor arguments, also those in lists."""
        for value in self.given.values():
            several = value if isinstance(value, (list, tuple)) else [value]
            yield from (one for one in several if isinstance(one, Tensor))

    def constant_zeros(self, value: Any) -> Tensor | None:
        """Return which elements are 0 for any image, as bool; None if none are."""
        if isinstance(value, (int, float)):
            return torch.tensor(True) if value == 0 else None
        if not isinstance(value, Tensor) or value.dtype.is_complex:
            return None
        zeros = value.abs() <= _ZERO if value.dtype != torch.bool else ~value
        if not zeros.any():
            return None
        reach = self.reach(value)
        if reach is not None:
            zeros = zeros & (reach[:EXTENTS].amax(0) == 0)
        return zeros if zeros.any() else None


Rule = Callable[[Operation], Tensor]


def union(reaches: Sequence[Tensor], shape: Sequence[int], masks: bool = False) -> Tensor:
    """Return what is seen through any of several tensors that are broadcast to one shape."""
    found = torch.zeros(PARTS, *[1] * len(shape))
    for reach in reaches:
        missing = len(shape) - (reach.ndim - 1)
        own = slim(reach)
        found = torch.maximum(found, own.reshape(PARTS, *[1] * missing, *own.shape[1:]))
    if not masks:
        found[MASKED] = 0
    return found.expand(PARTS, *shape)


def over(reach: Tensor, dims: Sequence[int]) -> Tensor:
    """Return what is seen through all elements along dimensions, which are kept with size 1."""
    reach = slim(reach)
    dims = [dim for dim in dims if reach.shape[dim] > 1]
    return reach.amax(dims, keepdim=True) if dims else reach


def pointwise(call: Operation) -> Tensor:
    """Rule of elementwise operations; a mask does not survive them."""
    return union([r for t in call.tensors() if (r := call.reach(t)) is not None], call.shape)


def copy(call: Operation) -> Tensor:
    """Rule of copies: clone, copy_, conversion to another type."""
    source = call.given.get("src", call.given["self"])
    return union([call.own(source)], call.shape, masks=True)


def sum_of_two(call: Operation) -> Tensor:
    """Rule of a + b, which may be attention scores and a mask."""
    parts = [call.given["self"], call.given["other"]]
    found = union([call.own(p) for p in parts if isinstance(p, Tensor)], call.shape, masks=True)
    for part in (p for p in parts if isinstance(p, Tensor) and p.ndim and call.reach(p) is None):
        found = masked_by(found, part)
    return found


def masked_by(reach: Tensor, mask: Tensor) -> Tensor:
    """Return a reach with the positions marked that a constant removes in front of a softmax."""
    if not mask.is_floating_point() or not (mask < TAKEN_OUT).any():
        return reach
    reach = reach.clone()
    reach[MASKED] = torch.maximum(reach[MASKED], (mask < TAKEN_OUT).float())
    return reach


def product(call: Operation) -> Tensor:
    """Rule of a · b: a constant 0 removes the other factor."""
    a, b = call.given["self"], call.given["other"]
    found = pointwise(call)
    for zeros in (call.constant_zeros(a), call.constant_zeros(b)):
        if zeros is not None:
            found = torch.cat([found[:EXTENTS] * ~zeros, found[EXTENTS:]])
    return found


def choice(call: Operation) -> Tensor:
    """Rule of where(condition, a, b) and masked_fill(a, mask, value): exact for a constant mask."""
    filled = call.name == "masked_fill"
    mask = call.given["mask" if filled else "condition"]
    if call.reach(mask) is not None:
        return pointwise(call)
    a, b = (call.given[name] for name in (("value", "self") if filled else ("self", "other")))
    chosen = torch.zeros(PARTS, *call.shape)
    for value, where in ((a, mask), (b, ~mask)):
        part = union([call.own(value)] if isinstance(value, Tensor) else [], call.shape, True)
        part = part.clone()
        if not isinstance(value, Tensor):
            part[MASKED] = float(value < TAKEN_OUT)
        elif call.reach(value) is None and value.is_floating_point():
            part[MASKED] = (value < TAKEN_OUT).float()
        chosen = torch.where(where, part, chosen)
    return chosen


def _dims(call: Operation, ndim: int) -> list[int]:
    given = call.given.get("dim", call.given.get("dims"))
    if given is None or given == []:
        return list(range(ndim))
    return [dim % max(ndim, 1) for dim in ([given] if isinstance(given, int) else given)]


def reduction(call: Operation) -> Tensor:
    """Rule of mean, sum, max and other reductions over some or all dimensions."""
    if isinstance(call.given.get("other"), Tensor):
        return pointwise(call)
    reach = call.own(call.given["self"])
    dims = _dims(call, reach.ndim - 1)
    if reach.ndim == 5 and {2, 3} <= set(dims):  # no position is left: channels are one unit
        reach = over(reach, [2]).expand_as(reach)
    found = over(reach, [dim + 1 for dim in dims])
    if len(call.shape) < reach.ndim - 1:
        kept = [dim for dim in range(reach.ndim - 1) if dim not in dims]
        found = found.reshape(PARTS, *(found.shape[dim + 1] for dim in kept))
    return found.expand(PARTS, *call.shape)


def spread(call: Operation) -> Tensor:
    """Rule of softmax, sort, fft …: each element depends on all along some dimensions."""
    source = call.given["self"]
    reach, dims = call.own(source), _dims(call, source.ndim)
    if "softmax" in call.name:
        out = slim(reach)[MASKED].bool()
        if source.is_floating_point() and (source < TAKEN_OUT).any():
            out = out | ((source < TAKEN_OUT) & (reach[:EXTENTS].amax(0) == 0))
        if out.any():
            found = (reach * ~out).amax([dim + 1 for dim in dims], keepdim=True)
            return found * ~out
    return over(reach, [dim + 1 for dim in dims]).expand(PARTS, *call.shape)


def running(call: Operation) -> Tensor:
    """Rule of cumsum, cumprod …: each element depends on those before it."""
    reach = call.own(call.given["self"])
    return reach.cummax(call.given["dim"] % (reach.ndim - 1) + 1).values


def normalised(call: Operation) -> Tensor:
    """Rule of layer_norm: over the last dimensions."""
    reach = call.own(call.given["input"])
    last = range(reach.ndim - len(call.given["normalized_shape"]), reach.ndim)
    return over(reach, last).expand_as(reach)


def in_groups(call: Operation) -> Tensor:
    """Rule of group_norm: over the positions and the channels of each group."""
    reach = call.own(call.given["input"])
    groups = reach.reshape(PARTS, call.given["N"] * call.given["group"], -1)
    return groups.amax(2, keepdim=True).expand_as(groups).reshape(reach.shape)


def batch_norm(call: Operation) -> Tensor:
    """Rule of batch_norm: constants in eval mode; otherwise over the batch and the positions."""
    reach = call.own(call.given["input"])
    fixed = call.name.endswith("no_training") or not call.given.get("training", True)
    if fixed and call.given.get("running_mean") is not None:
        return reach
    dims = [dim for dim in range(1, reach.ndim) if dim != 2]
    return over(reach, dims).expand_as(reach)


def halves(call: Operation) -> Tensor:
    """Rule of glu: one half of a dimension weights the other."""
    first, second = call.own(call.given["self"]).chunk(2, call.given["dim"] % len(call.shape) + 1)
    return torch.maximum(first, second)


REDUCING = frozenset((reduction, spread, running, normalised, in_groups, batch_norm))
"""Rules over all positions of a dimension, whatever its size."""
_REDUCTIONS = (
    "mean", "sum", "max", "min", "amax", "amin", "var", "std", "var_mean", "std_mean", "prod",
    "logsumexp", "argmax", "argmin", "median", "nanmedian", "nansum", "any", "all", "norm",
    "linalg_vector_norm", "count_nonzero", "mode", "aminmax", "_is_all_true", "kthvalue",
)  # fmt: skip
_SPREADING = (
    "_softmax", "_log_softmax", "_safe_softmax", "sort", "topk", "argsort", "_fft_r2c", "_fft_c2c",
    "_fft_c2r",
)  # fmt: skip
RULES: dict[str, Rule] = {
    **dict.fromkeys(_REDUCTIONS, reduction),
    **dict.fromkeys(_SPREADING, spread),
    **dict.fromkeys(("cumsum", "cumprod", "cummax", "cummin", "logcumsumexp"), running),
    **dict.fromkeys(("clone", "copy", "_to_copy", "contiguous"), copy),
    **dict.fromkeys(("where", "masked_fill"), choice),
    **dict.fromkeys(
        ("native_batch_norm", "_native_batch_norm_legit", "_native_batch_norm_legit_no_training"),
        batch_norm,
    ),
    "add": sum_of_two,
    "mul": product,
    "native_layer_norm": normalised,
    "native_group_norm": in_groups,
    "glu": halves,
}
"""ATen operations, elementwise and over dimensions, by name."""
