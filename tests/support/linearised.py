"""A network made linear and positive for differentiation: no sum in it can cancel.

While `Linearised` is active every convolution and linear layer has equal positive weights and no
bias, maxima are means, and activations and norms are left out. So the gradient of a unit is
positive at each pixel that it can see, and exactly 0 at every other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from convcompare.analysis.receptive_field.operation_names import operation_name
from convcompare.analysis.receptive_field.window_rules import pair

_IDENTITY = frozenset((
    "alpha_dropout", "batch_norm", "celu", "clamp", "dropout", "dropout1d", "dropout2d",
    "dropout3d", "elu", "exp", "feature_alpha_dropout", "gelu", "hardsigmoid", "hardswish",
    "hardtanh", "leaky_relu", "local_response_norm", "log_softmax", "logsigmoid", "mish",
    "prelu", "relu", "relu6", "rrelu", "rsqrt", "selu", "sigmoid", "silu", "softmax",
    "softplus", "softsign", "sqrt", "tanh",
))  # fmt: skip
_NORMS = frozenset(["group_norm", "instance_norm", "layer_norm"])
_MASKED = -50.0
"""A smaller number, added before a softmax, masks a position."""
_ANY_CHANNEL = frozenset(["permute", "transpose", "avg_pool2d", "adaptive_avg_pool2d"])
"""Operations that treat all channels alike, whichever dimension the channels are in."""


class Linearised(TorchFunctionMode):
    """Replace operations as described above; with `gates`, products with gates are kept.

    Without it, a tensor of one position that scales a larger one is left out, and so is
    attention: only the path of the features remains.
    """

    def __init__(self, gates: bool = False) -> None:
        super().__init__()
        self.gates = gates

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        values = [v for a in args for v in (a if isinstance(a, (tuple, list)) else [a])]
        if not any(_depends(v) for v in [*values, *kwargs.values()]):
            return function(*args, **kwargs)
        name = operation_name(function)
        if name in _IDENTITY:
            return args[0]
        if name in _NORMS:
            return self._norm(name, *args, **kwargs)
        replacement = _REPLACED.get(name)
        if replacement is not None:
            return replacement(self.gates, *args, **kwargs)
        if name in _ANY_CHANNEL and thin(args[0]) is not None:
            return _on_one_channel(function, args[0], args[1:], kwargs)
        return function(*(_real(a) for a in args), **{k: _real(v) for k, v in kwargs.items()})

    def _norm(self, name: str, x: Tensor, shape: Any = (), *_: Any, **named: Any) -> Tensor:
        if not self.gates:
            return x
        sizes = named.get("normalized_shape", shape)
        first = x.ndim - len(sizes) if name == "layer_norm" else 1
        return _both(torch.add, x, x.mean(tuple(range(first, x.ndim)), keepdim=True).expand_as(x))


def _depends(value: Any) -> bool:
    return isinstance(value, Tensor) and value.requires_grad and value.device.type != "meta"


def _real(value: Any) -> Any:
    """Return a weight as ones: on ``meta`` it has a shape and no values."""
    if isinstance(value, (tuple, list)):
        return type(value)([_real(v) for v in value]) if type(value) in (tuple, list) else value
    if isinstance(value, Tensor) and value.is_floating_point() and not _depends(value):
        return torch.ones(value.shape, dtype=torch.float64)
    return value


def thin(x: Any) -> Tensor | None:
    """Return one channel of a tensor whose channels are all equal, else None."""
    found: Tensor | None = getattr(x, "_thin", None)
    return found


def _widened(one: Tensor, shape: Sequence[int]) -> Tensor:
    """Expand `one` to all channels without memory; later operations compute on `one` alone."""
    wide = one.expand(*shape)
    wide._thin = one  # type: ignore[attr-defined]
    return wide


def _on_one_channel(function: Any, x: Tensor, args: Any, kwargs: Any) -> Tensor:
    shape = function(torch.empty(x.shape, device="meta"), *args, **kwargs).shape
    return _widened(function(thin(x), *args, **kwargs), shape)


def _one_channel(x: Tensor) -> Tensor:
    one = thin(x)
    return x.mean(1, keepdim=True) if one is None else one


def _ones(kernel: Any, channels: int = 1) -> Tensor:
    rows, columns = pair(kernel)
    weight = torch.ones(channels, 1, rows, columns, dtype=torch.float64)
    return weight.div(math.sqrt(rows * columns))


def _convolution(
    gates: bool, x: Tensor, weight: Tensor, bias: Any = None, stride: Any = 1, padding: Any = 0,
    dilation: Any = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    kernel, channels = weight.shape[2:], weight.shape[0]
    if groups == 1 or thin(x) is not None:
        y = F.conv2d(_one_channel(x), _ones(kernel), None, stride, padding, dilation)
        return _widened(y, (-1, channels, -1, -1))
    means = x.view(len(x), groups, -1, *x.shape[2:]).mean(2)
    y = F.conv2d(means, _ones(kernel, groups), None, stride, padding, dilation, groups)
    return y.repeat_interleave(channels // groups, 1)


def _transposed(
    gates: bool, x: Tensor, weight: Tensor, bias: Any = None, stride: Any = 1, padding: Any = 0,
    output_padding: Any = 0, groups: int = 1, dilation: Any = 1,
) -> Tensor:  # fmt: skip
    own = _ones(weight.shape[2:])
    y = F.conv_transpose2d(_one_channel(x), own, None, stride, padding, output_padding, 1, dilation)
    return _widened(y, (-1, weight.shape[1] * groups, -1, -1))


def _max_pool(
    gates: bool, x: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0,
    dilation: Any = 1, ceil_mode: bool = False, return_indices: bool = False,
) -> Tensor:  # fmt: skip
    stride, one = stride or kernel_size, thin(x)
    if one is not None:
        y = _max_pool(gates, one, kernel_size, stride, padding, dilation, ceil_mode)
        return _widened(y, (-1, x.shape[1], -1, -1))
    if pair(dilation) == (1, 1):
        return F.avg_pool2d(x, kernel_size, stride, padding, ceil_mode)
    weight = _ones(kernel_size, x.shape[1])
    return F.conv2d(x, weight, None, stride, padding, dilation, x.shape[1])


def _lp_pool(
    gates: bool, x: Tensor, p: float, kernel_size: Any, stride: Any = None, *_: Any, **__: Any
) -> Tensor:  # fmt: skip
    return F.avg_pool2d(x, kernel_size, stride)


def _linear(gates: bool, x: Tensor, weight: Tensor, bias: Any = None) -> Tensor:
    one = thin(x)
    if one is None or one.shape[-1] > 1:
        one = x.mean(-1, keepdim=True)
    return _widened(one, (*x.shape[:-1], weight.shape[0]))


def _product(gates: bool, a: Any, b: Any, **_: Any) -> Any:
    if not (_depends(a) and _depends(b)):
        return _with_constant(a, b)
    small, large = (a, b) if a.numel() < b.numel() else (b, a)
    if not gates and small.shape[-2:].numel() == 1 and large.shape[-2:].numel() > 1:
        return large
    return _both(torch.mul, a, b)


def _sum(gates: bool, a: Any, b: Any, **_: Any) -> Any:
    if not (_depends(a) and _depends(b)):
        other = b if _depends(a) else a
        if isinstance(other, Tensor) and other.device.type != "meta" and (other < _MASKED).any():
            return _with_constant(a, b) * (other >= _MASKED)
        return _with_constant(a, b)
    return _both(torch.add, a, b)


def _with_constant(a: Any, b: Any) -> Tensor:
    """Return the operand that depends on the image, in the shape of the result."""
    known, other = (a, b) if _depends(a) else (b, a)
    shape = known.shape
    if isinstance(other, Tensor):
        shape = torch.empty(shape, device="meta").add(torch.empty(other.shape, device="meta")).shape
    same: Tensor = known if shape == known.shape else known.expand(shape)
    return same


def _both(operation: Callable[..., Tensor], a: Tensor, b: Tensor) -> Tensor:
    first, second = thin(a), thin(b)
    if first is None or second is None or a.shape != b.shape:
        return operation(a, b)
    return _widened(operation(first, second), a.shape)


def _maximum(gates: bool, x: Tensor, dim: Any = None, keepdim: bool = False, **_: Any) -> Any:
    if dim is None:
        return x.mean()
    mean = x.mean(dim, keepdim)
    return torch.return_types.max((mean, torch.zeros_like(mean, dtype=torch.int64)))


def _amax(gates: bool, x: Tensor, dim: Any = (), keepdim: bool = False) -> Tensor:
    return x.mean(dim or None, keepdim)


def _adaptive_max_pool(gates: bool, x: Tensor, size: Any, *_: Any, **__: Any) -> Tensor:
    return F.adaptive_avg_pool2d(x, size)


def _attention(
    gates: bool, query: Tensor, key: Tensor, value: Tensor, *_: Any, **__: Any
) -> Tensor:
    return query + value.mean() if gates else query


def _multihead(gates: bool, query: Tensor, key: Tensor, value: Tensor, *_: Any, **__: Any) -> Any:
    return _attention(gates, query, key, value), None


_REPLACED: dict[str, Callable[..., Any]] = {
    "conv2d": _convolution,
    "conv_transpose2d": _transposed,
    "max_pool2d": _max_pool,
    "lp_pool2d": _lp_pool,
    "adaptive_max_pool2d": _adaptive_max_pool,
    "linear": _linear,
    "mul": _product,
    "multiply": _product,
    "add": _sum,
    "sub": _sum,
    "max": _maximum,
    "amax": _amax,
    "scaled_dot_product_attention": _attention,
    "multi_head_attention_forward": _multihead,
}
