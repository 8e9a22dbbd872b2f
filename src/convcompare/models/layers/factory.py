"""Layers by their names in specs: ``attention=se``, ``pool=lp``, ``activation=swish``."""

from __future__ import annotations

from typing import Literal

from torch import nn

from convcompare.core.errors import ModelError

from .activation import HardSwish, SiluRelu, Softplus, Swish
from .attention import CBAM, SelfAttention, SqueezeExcitation
from .convolution import ScaledConvolution, UnfoldedConvolution
from .pooling import LpPool2d, MixedPool2d

Convolution = Literal["standard", "unfold", "scaled", "affine"]
Activation = Literal["relu", "swish", "silu+relu", "softplus", "hard-swish"]
Attention = Literal["none", "se", "cbam", "self"]
Pool = Literal["max", "average", "lp", "lp-mean", "mixed"]

REDUCTION = {"se": 16, "cbam": 8, "self": 8}
"""Default divisor of the channels for each kind of attention."""


def make_convolution(
    kind: Convolution,
    channels: tuple[int, int],
    kernel: int,
    stride: int = 1,
    bias: bool = True,
    scale: float = 1.5,
) -> nn.Module:
    """Build a convolution whose padding is half the kernel.

    Args:
        kind: name of the convolution in specs.
        channels: input and output channels.
        kernel: side of the kernel in pixels, odd.
        stride: step of the kernel in pixels.
        bias: whether the convolution has a bias.
        scale: constant factor of the output of ``scaled``; other kinds ignore it.
    """
    if kind == "standard":
        return nn.Conv2d(*channels, kernel, stride, padding=kernel // 2, bias=bias)
    if kind == "unfold":
        return UnfoldedConvolution(*channels, kernel, stride, bias=bias)
    if kind == "scaled":
        return ScaledConvolution(*channels, kernel, stride, bias=bias, scale=scale)
    return ScaledConvolution(*channels, kernel, stride, bias=bias, learnable="channel")


def make_activation(kind: Activation) -> nn.Module:
    """Build an activation; ReLU works in place."""
    if kind == "relu":
        return nn.ReLU(inplace=True)
    kinds = {"swish": Swish, "silu+relu": SiluRelu, "softplus": Softplus, "hard-swish": HardSwish}
    module: nn.Module = kinds[kind]()
    return module


def make_attention(kind: Attention, channels: int, reduction: int | None = None) -> nn.Module:
    """Build an attention layer.

    Raises:
        ModelError: if `reduction` does not divide the channels, or `kind` is "none".
    """
    if kind == "none":
        raise ModelError("no attention was requested")
    reduction = REDUCTION[kind] if reduction is None else reduction
    if kind == "se":
        return SqueezeExcitation(channels, reduction)
    return CBAM(channels, reduction) if kind == "cbam" else SelfAttention(channels, reduction)


def make_pool(kind: Pool, p: float = 2.0) -> nn.Module:
    """Build a 2×2 pool; `p` is the exponent of ``lp`` and ``lp-mean``."""
    if kind == "max":
        return nn.MaxPool2d(2)
    if kind == "average":
        return nn.AvgPool2d(2)
    return MixedPool2d(2) if kind == "mixed" else LpPool2d(p, 2, mean=kind == "lp-mean")
