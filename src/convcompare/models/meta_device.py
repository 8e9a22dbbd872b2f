"""Networks on the ``meta`` device, whose tensors have a shape and no values.

For some operators torch computes shapes on ``meta`` by Python rules of its compiler, which import
sympy (half a second) and decompose a batch normalisation into fifteen operations. They took most of
the time of counting the zoo's networks. This module has rules for the commonest operators; torch's
own rules run for all others, and for calls that torch would reject.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._device import DeviceContext, _device_constructors

_ATEN = torch.ops.aten


def output_of(function: Any, args: Sequence[Any]) -> Any:
    """Return the output of an operator on ``meta``; None if torch has to compute it."""
    rule = _RULES.get(function) or (_changed if _changes_elements(function) else None)
    if rule is None:
        return None
    given = args[0][0] if isinstance(args[0], (list, tuple)) else args[0]
    return rule(*args) if isinstance(given, Tensor) and given.is_meta else None


@functools.cache
def _changes_elements(function: Any) -> bool:
    """Return whether an operator is elementwise and in place."""
    in_place = str(function).partition(".")[2].partition(".")[0].endswith("_")
    return in_place and torch.Tag.pointwise in function.tags


def building_on(device: str) -> AbstractContextManager[Any]:
    """Return a context that creates tensors on a device; on ``meta`` they are not initialised."""
    return _OnMeta() if device == "meta" else torch.device(device)


class _OnMeta(DeviceContext):
    """``torch.device("meta")`` as a context, which skips filling tensors without values.

    It also skips torch's computation of the bounds of initial weights.
    """

    def __init__(self) -> None:
        super().__init__("meta")

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if function in _FILLS and _can_skip(args[0]):
            return args[0]
        kwargs = kwargs or {}
        if function is nn.init.kaiming_uniform_ and _AS_LAYERS.items() <= kwargs.items():
            weights = kwargs["tensor"]
            if weights.is_meta and weights.dim() > 1:
                return weights
        if function in _MAKERS and kwargs.get("device") is None:
            kwargs["device"] = self.device
            function = torch.empty if function in _CONSTANT else function
        return function(*args, **kwargs)


def _can_skip(values: Tensor) -> bool:
    """Return whether a tensor has no values, and torch would allow changing them in place."""
    return values.is_meta and not (values.requires_grad and torch.is_grad_enabled())


_MAKERS = _device_constructors()
_CONSTANT = frozenset({torch.zeros, torch.ones})
_FILLS = frozenset({Tensor.zero_, Tensor.fill_, Tensor.normal_, Tensor.uniform_})
_AS_LAYERS = {"mode": "fan_in", "nonlinearity": "leaky_relu"}
"""Arguments of `kaiming_uniform_` in torch's own layers."""


_ELEMENTWISE = ("relu", "tanh", "sigmoid", "silu", "gelu", "softplus", "hardtanh", "hardswish")
"""Functions of one tensor and of scalars."""


def _linear(bias: Tensor, one: Tensor, other: Tensor) -> Tensor | None:
    return _product(one, other)


def _product(one: Tensor, other: Tensor) -> Tensor | None:
    if one.shape[1] != other.shape[0] or one.dtype != other.dtype:
        return None
    return one.new_empty((one.shape[0], other.shape[1]))


def _convolution(
    images: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
) -> Tensor | None:
    if transposed or weight.dim() != images.dim() or not _plain(images, weight):
        return None
    if images.shape[1] != groups * weight.shape[1] or weight.shape[0] % groups:
        return None
    sides = _sides(images, weight.shape[2:], stride, padding, dilation)
    if sides is None:
        return None
    return images.new_empty((images.shape[0], weight.shape[0], *sides))


def _max_pool(
    images: Tensor,
    kernel: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0,),
    dilation: Sequence[int] = (1,),
    ceil_mode: bool = False,
) -> tuple[Tensor, Tensor] | None:
    shape = _pooled(images, kernel, stride, padding, dilation, ceil_mode)
    if shape is None:
        return None
    return images.new_empty(shape), images.new_empty(shape, dtype=torch.int64)


def _avg_pool(
    images: Tensor,
    kernel: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0,),
    ceil_mode: bool = False,
    *_: Any,
) -> Tensor | None:
    shape = _pooled(images, kernel, stride, padding, (1,), ceil_mode)
    return None if shape is None else images.new_empty(shape)


def _pooled(
    images: Tensor,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    ceil_mode: bool,
) -> tuple[int, ...] | None:
    if images.dim() != 4 or 2 * max(padding) > min(kernel) or not _plain(images):
        return None
    sides = _sides(images, _each(kernel, 2), stride or kernel, padding, dilation, ceil_mode)
    return None if sides is None else (*images.shape[:2], *sides)


def _adaptive_pool(images: Tensor, sides: Sequence[int]) -> Tensor | None:
    if images.dim() != 4 or min(*images.shape[1:], *sides) < 1 or not _plain(images):
        return None
    return images.new_empty((*images.shape[:2], *sides))


def _adaptive_max_pool(images: Tensor, sides: Sequence[int]) -> tuple[Tensor, Tensor] | None:
    output = _adaptive_pool(images, sides)
    return None if output is None else (output, output.new_empty(output.shape, dtype=torch.int64))


def _sides(
    images: Tensor,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    ceil_mode: bool = False,
) -> list[int] | None:
    """Return the output sides of a window that moves over images (n, c, …); None if empty."""
    moves = (_each(one, len(kernel)) for one in (stride, padding, dilation))
    sides = []
    for side, wide, move, pad, step in zip(images.shape[2:], kernel, *moves, strict=True):
        room = side + 2 * pad - step * (wide - 1) - 1
        last = -(-room // move) if ceil_mode else room // move
        if ceil_mode and last * move >= side + pad:  # it would start outside the image
            last -= 1
        sides.append(last + 1)
    return sides if min(sides) > 0 else None


def _batch_norm(
    images: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    mean: Tensor | None,
    variance: Tensor | None,
    training: bool,
    momentum: float,
    epsilon: float,
) -> tuple[Tensor, Tensor, Tensor] | None:
    """Return the outputs in evaluation mode, which uses the running statistics."""
    channels = [tuple(one.shape) for one in (weight, bias, mean, variance) if one is not None]
    if training or mean is None or not _plain(images) or set(channels) != {(images.shape[1],)}:
        return None
    return images.new_empty(images.shape), images.new_empty(0), images.new_empty(0)


def _concatenated(parts: Sequence[Tensor], dim: int = 0) -> Tensor | None:
    shapes = [list(one.shape) for one in parts]
    if not all(one.is_meta for one in parts) or not _plain(*parts):
        return None
    if len({len(shape) for shape in shapes}) > 1 or not -len(shapes[0]) <= dim < len(shapes[0]):
        return None
    sides = [shape.pop(dim) for shape in shapes]
    if any(shape != shapes[0] for shape in shapes):
        return None
    shapes[0].insert(dim % parts[0].dim(), sum(sides))
    return parts[0].new_empty(shapes[0])


def _mean(values: Tensor, dims: Sequence[int] | None, keepdim: bool = False) -> Tensor | None:
    count = values.dim()
    if not dims or not values.is_floating_point() or not all(-count <= dim < count for dim in dims):
        return None
    removed = {dim % count for dim in dims}
    sides = [1 if place in removed else side for place, side in enumerate(values.shape)]
    return values.new_empty([side for i, side in enumerate(sides) if keepdim or i not in removed])


def _changed(values: Tensor, *others: Any) -> Tensor | None:
    tensors = [values, *(one for one in others if isinstance(one, Tensor))]
    alike = len({(one.dtype, one.shape, one.device) for one in tensors}) == 1
    return values if alike and values.is_floating_point() else None


def _arithmetic(values: Tensor, other: Any) -> Tensor | None:
    if isinstance(other, Tensor):
        alike = (other.shape, other.dtype) == (values.shape, values.dtype) and _plain(other)
    else:
        alike = isinstance(other, (int, float))
    return _elementwise(values) if alike else None


def _elementwise(values: Tensor, *_: Any) -> Tensor | None:
    if not values.is_floating_point() or not _plain(values):
        return None
    return values.new_empty(values.shape)


def _plain(*tensors: Tensor) -> bool:
    """Return whether tensors are contiguous and have the same dtype."""
    return len({one.dtype for one in tensors}) == 1 and all(one.is_contiguous() for one in tensors)


def _each(values: Sequence[int], places: int) -> Sequence[int]:
    return list(values) * places if len(values) == 1 else values


_RULES: dict[Any, Callable[..., Any]] = {
    _ATEN.addmm.default: _linear,
    _ATEN.mm.default: _product,
    _ATEN.convolution.default: _convolution,
    _ATEN.max_pool2d_with_indices.default: _max_pool,
    _ATEN.avg_pool2d.default: _avg_pool,
    _ATEN._adaptive_avg_pool2d.default: _adaptive_pool,
    _ATEN.adaptive_max_pool2d.default: _adaptive_max_pool,
    _ATEN.cat.default: _concatenated,
    _ATEN.mean.dim: _mean,
    **{getattr(_ATEN, name).default: _elementwise for name in _ELEMENTWISE},
    **{getattr(_ATEN, name).Tensor: _arithmetic for name in ("add", "sub", "mul", "div")},
    _ATEN.native_batch_norm.default: _batch_norm,
}
