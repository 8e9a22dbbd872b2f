"""Reaches through convolutions, pooling and interpolation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .reach import BORDER, PARTS, NotKnown, border_parts, moving, slim
from .reach_rules import Operation, Rule, over


def _per_side(value: Any, sides: int) -> list[int]:
    values = [value] if isinstance(value, int) else list(value)
    return values * sides if len(values) == 1 else values


def _extended(reach: Tensor, dim: int, before: int, after: int) -> Tensor:
    """Add positions along a dimension that see nothing and are marked as padding.

    Along a dimension without positions, such as the depth of a volume, they are not the padding of
    a side that other dimensions count.
    """
    parts, marked = [reach], border_parts(reach, dim)
    if not marked:
        marked = [BORDER.start + side for side, other in enumerate(moving(reach)) if not other]
    for count, place in ((before, 0), (after, 1)):
        if count > 0:
            shape = list(reach.shape)
            shape[dim] = count
            added = torch.zeros(shape)
            added[marked] = 1
            parts.insert(0 if place == 0 else len(parts), added)
    return torch.cat(parts, dim) if len(parts) > 1 else reach


def slid(
    reach: Tensor, dim: int, taps: Sequence[int], stride: int, padding: int, units: int
) -> Tensor:
    """Return the reach after a window: output o sees the positions o·stride - padding + tap."""
    size, last = reach.shape[dim], (units - 1) * stride + max(taps, default=0)
    reach = _extended(reach, dim, padding, max(last + 1 - padding - size, 0))
    found: Tensor | None = None
    for tap in taps:
        part = _stepped(reach, dim, tap, stride, units)
        found = part.clone() if found is None else torch.maximum(found, part)
    shape = list(reach.shape)
    shape[dim] = units
    return torch.zeros(shape) if found is None else found


def _stepped(reach: Tensor, dim: int, first: int, step: int, count: int) -> Tensor:
    index = [slice(None)] * reach.ndim
    index[dim] = slice(first, first + (count - 1) * step + 1, step)
    return reach[tuple(index)]


def convolution(call: Operation) -> Tensor:
    """Rule of convolutions: positions of the window, channels of the group, with weight ≠ 0."""
    given, weight = call.given, call.given["weight"]
    reach, sides = call.own(given["input"]), weight.ndim - 2
    settings = [_per_side(given[n], sides) for n in ("stride", "padding", "dilation")]
    if reach.ndim == weight.ndim:  # no batch
        raise NotKnown("a convolution of an image without a batch has no rule")
    if given["transposed"]:
        found = _transposed(call, reach, weight, *settings)
    else:
        found = _forward(call, reach, weight, *settings)
    if call.reach(weight) is not None:  # the weights are computed from the image
        outputs = 2 if given["transposed"] else 1
        seen = over(call.own(weight), [dim for dim in range(1, weight.ndim + 1) if dim != outputs])
        if given["transposed"] and given["groups"] > 1:
            seen = over(seen, [outputs])
        seen = seen.transpose(2, outputs)
        found = torch.maximum(slim(found), slim(seen)).expand(PARTS, *call.shape)
    return found


def _of_groups(reach: Tensor, groups: int) -> Tensor:
    """Return what the channels of each group see together: (parts, n, groups or 1, …)."""
    places, reach = reach.shape[3:], slim(reach)
    together = reach if reach.shape[2] == 1 else _split(reach, groups).amax(3)
    return together.expand(-1, -1, -1, *places)


def _split(reach: Tensor, groups: int) -> Tensor:
    """Split the channels into their groups: (parts, n, groups, channels, …)."""
    return reach.reshape(*reach.shape[:2], groups, -1, *reach.shape[3:])


def _for_outputs(of_groups: Tensor, outputs: int) -> Tensor:
    groups = of_groups.shape[2]
    if groups == 1:
        return of_groups.expand(-1, -1, outputs, *[-1] * (of_groups.ndim - 3))
    return of_groups.repeat_interleave(outputs // groups, 2)


def _forward(
    call: Operation, reach: Tensor, weight: Tensor, stride: Sequence[int], padding: Sequence[int],
    dilation: Sequence[int],
) -> Tensor:  # fmt: skip
    groups, outputs, kernel = call.given["groups"], weight.shape[0], weight.shape[2:]
    used = weight != 0
    if used.all():
        one = _of_groups(reach, groups)
        for side, size in enumerate(kernel):
            taps = [k * dilation[side] for k in range(size)]
            units = call.shape[2 + side]
            one = slid(one, 3 + side, taps, stride[side], padding[side], units)
        return _for_outputs(one, outputs)
    found = torch.zeros(PARTS, *call.shape)
    for place in used.any(0).any(0).nonzero().tolist():
        part = reach
        for side, k in enumerate(place):
            tap = [k * dilation[side]]
            part = slid(part, 3 + side, tap, stride[side], padding[side], call.shape[2 + side])
        found = torch.maximum(found, _picked(part, used[(..., *place)], groups))
    return found


def _picked(part: Tensor, used: Tensor, groups: int) -> Tensor:
    """Return the reach per output of the channels that it uses.

    `used` is bool (outputs, channels of a group).
    """
    if used.all():
        return _for_outputs(_of_groups(part, groups), len(used))
    of_groups = _split(part, groups)
    found = []
    for output, channels in enumerate(used):
        own = of_groups[:, :, output * groups // len(used)]
        found.append(own[:, :, channels].amax(2) if channels.any() else own[:, :, 0] * 0)
    return torch.stack(found, 2)


def _transposed(
    call: Operation, reach: Tensor, weight: Tensor, stride: Sequence[int], padding: Sequence[int],
    dilation: Sequence[int],
) -> Tensor:  # fmt: skip
    groups = call.given["groups"]
    one = _of_groups(reach, groups)
    for side, kernel in enumerate(weight.shape[2:]):
        dim, step, wide = 3 + side, stride[side], dilation[side]
        more = -(-(kernel - 1) * wide // step) + 1
        one = _extended(one, dim, more, more)
        units = call.shape[2 + side]
        shape = list(one.shape)
        shape[dim] = max((one.shape[dim] - 1) * step + (kernel - 1) * wide + 1, units)
        full = torch.zeros(shape)
        for k in range(kernel):
            target = _stepped(full, dim, k * wide, step, one.shape[dim])
            target.copy_(torch.maximum(target, one))
        one = full.narrow(dim, padding[side] + more * step, units)
    return _for_outputs(one, weight.shape[1] * groups)


def _sides(name: str) -> int:
    """Return the number of dimensions of an operation such as ``max_pool2d``."""
    return 3 if "3d" in name else 2 if "2d" in name else 1


def pool(call: Operation) -> Tensor:
    """Rule of max_pool and avg_pool, over the last dimensions."""
    given, reach = call.given, call.own(call.given["self"])
    sides = _sides(call.name)
    kernel = _per_side(given["kernel_size"], sides)
    stride = _per_side(given.get("stride") or kernel, sides)
    padding, dilation = (
        _per_side(given.get(n, d), sides) for n, d in (("padding", 0), ("dilation", 1))
    )
    reach = slim(reach)
    for side in range(sides):
        dim = reach.ndim - sides + side
        if reach.shape[dim] != given["self"].shape[dim - 1]:
            reach = reach.expand(
                *[-1] * dim, given["self"].shape[dim - 1], *[-1] * (reach.ndim - dim - 1)
            )
        taps = [k * dilation[side] for k in range(kernel[side])]
        reach = slid(reach, dim, taps, stride[side], padding[side], call.outputs[0].shape[dim - 1])
    return reach.expand(PARTS, *call.shape)


def adaptive_pool(call: Operation) -> Tensor:
    """Rule of adaptive pooling: output o sees from ⌊o·u/n⌋ to ⌈(o+1)·u/n⌉."""
    reach = call.own(call.given["self"])
    sides = _sides(call.name)
    for dim in range(reach.ndim - sides, reach.ndim):
        units, outputs = reach.shape[dim], call.outputs[0].shape[dim - 1]
        spans = [(o * units // outputs, -(-(o + 1) * units // outputs)) for o in range(outputs)]
        parts = [reach.narrow(dim, a, b - a).amax(dim, keepdim=True) for a, b in spans]
        reach = torch.cat(parts, dim)
    return reach


def interpolation(call: Operation) -> Tensor:
    """Rule of upsample_*: each output sees the positions with weight ≠ 0 in its row and column."""
    source, reach = call.given["self"], call.own(call.given["self"])
    sides = source.ndim - 2
    for side in range(sides):
        units = source.shape[2 + side]
        shape = [1, units, *[1] * sides]
        shape[2 + side] = units
        single = torch.eye(units, dtype=torch.float64).view(shape)
        single = single.expand(1, units, *source.shape[2:]).contiguous()
        weights = call.function(*({**call.given, "self": single}).values())
        place: list[Any] = [0, slice(None), *[0] * sides]
        place[2 + side] = slice(None)
        seen = weights[tuple(place)].abs() > 1e-9  # (units, outputs)
        index = [one.nonzero().flatten() for one in seen.T]
        reach = torch.stack(
            [reach.index_select(3 + side, i).amax(3 + side) for i in index], 3 + side
        )
    return reach


def folded(call: Operation) -> Tensor:
    """Rule of col2im: windows are added to an image, each at its position."""
    given, reach = call.given, call.own(call.given["self"])
    size, kernel = given["output_size"], given["kernel_size"]
    stride, padding, dilation = given["stride"], given["padding"], given["dilation"]
    units = [
        (size[s] + 2 * padding[s] - dilation[s] * (kernel[s] - 1) - 1) // stride[s] + 1
        for s in (0, 1)
    ]
    reach = reach.reshape(PARTS, reach.shape[1], -1, *kernel, *units)
    full = torch.zeros(
        *reach.shape[:3], *(size[s] + 2 * padding[s] + dilation[s] * kernel[s] for s in (0, 1))
    )
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            target = _stepped(full, 3, i * dilation[0], stride[0], units[0])
            target = _stepped(target, 4, j * dilation[1], stride[1], units[1])
            target.copy_(torch.maximum(target, reach[:, :, :, i, j]))
    return (
        full.narrow(3, padding[0], size[0])
        .narrow(4, padding[1], size[1])
        .reshape(PARTS, *call.shape)
    )


_POOLS = (
    "max_pool2d_with_indices", "max_pool3d_with_indices", "avg_pool1d", "avg_pool2d", "avg_pool3d",
    "max_pool1d", "max_pool2d", "max_pool3d",
)  # fmt: skip
_ADAPTIVE = (
    "_adaptive_avg_pool2d", "_adaptive_avg_pool3d", "adaptive_max_pool2d", "adaptive_max_pool3d",
    "adaptive_avg_pool1d", "adaptive_avg_pool2d",
)  # fmt: skip
_INTERPOLATION = (
    "upsample_nearest1d", "upsample_nearest2d", "_upsample_nearest_exact1d",
    "_upsample_nearest_exact2d", "upsample_linear1d", "upsample_bilinear2d", "upsample_bicubic2d",
    "_upsample_bilinear2d_aa", "_upsample_bicubic2d_aa",
)  # fmt: skip
WINDOWS: dict[str, Rule] = {
    **dict.fromkeys(_POOLS, pool),
    **dict.fromkeys(_ADAPTIVE, adaptive_pool),
    **dict.fromkeys(_INTERPOLATION, interpolation),
    **dict.fromkeys(("convolution", "_convolution"), convolution),
    "col2im": folded,
}
"""ATen operations over windows, by name."""
