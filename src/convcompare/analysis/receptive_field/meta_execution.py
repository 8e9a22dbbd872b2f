"""Run operations for their output shapes only, without imports that ``meta`` would trigger."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from .window_rules import pair

_META = torch.device("meta")


def run(name: str, function: Any, args: Any, kwargs: Any) -> Any:
    """Run an operation; on ``meta``, compute the output shape of the commonest ones directly.

    The first convolution, linear layer or ReLU on ``meta`` imports symbolic shapes and the compiler
    for about a second, and each BatchNorm takes a millisecond. A call with unsuitable arguments is
    passed to torch, which raises its error.
    """
    given = args[0] if args else None
    shape = None
    if isinstance(given, Tensor) and given.device == _META:
        if name in ("relu", "relu6", "batch_norm"):
            in_place = kwargs.get("inplace") or function.__name__.endswith("_")
            return given if in_place else torch.empty_like(given)
        if name == "linear":
            shape = _linear(given, *args[1:], **kwargs)
        elif name == "conv2d":
            shape = _convolution(given, *args[1:], **kwargs)
    return function(*args, **kwargs) if shape is None else torch.empty(shape, device=_META)


def _linear(x: Tensor, weight: Tensor, bias: Any = None) -> tuple[int, ...] | None:
    fits = x.shape[-1] == weight.shape[1]
    return (*x.shape[:-1], weight.shape[0]) if fits else None


def _convolution(
    x: Tensor, weight: Tensor, bias: Any = None, stride: Any = 1, padding: Any = 0,
    dilation: Any = 1, groups: int = 1,
) -> tuple[int, ...] | None:  # fmt: skip
    if isinstance(padding, str) or x.ndim != 4 or x.shape[1] != weight.shape[1] * groups:
        return None
    settings = zip(
        x.shape[2:], weight.shape[2:], pair(stride), pair(padding), pair(dilation), strict=True
    )
    sides = [(n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in settings]
    return (x.shape[0], weight.shape[0], *sides) if min(sides) > 0 else None


class WithoutInitialWeights(TorchFunctionMode):
    """Skips the initialisation of weights on ``meta``, whose first random draw takes a second.

    With `weights_only`, only weights (tensors created by ``torch.empty``) are placed on ``meta``:
    for networks that compute their layout with tensors.
    """

    def __init__(self, weights_only: bool = False) -> None:
        super().__init__()
        self.weights_only = weights_only

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        given, name = args[0] if args else None, getattr(function, "__name__", "")
        if name in ("normal_", "uniform_") and getattr(given, "device", None) == _META:
            return given
        if self.weights_only and name == "empty":
            return function(*args, **{**(kwargs or {}), "device": _META})
        return function(*args, **(kwargs or {}))
