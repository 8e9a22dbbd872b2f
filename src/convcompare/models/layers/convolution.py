"""Convolutions with hand-written forward and backward passes.

With the image unfolded into columns, a convolution is one matrix product, Y = W·X, so that

    ∂L/∂W = ∂L/∂Y · Xᵀ        ∂L/∂X = Wᵀ · ∂L/∂Y, folded back onto the image.

`UnfoldedConvolution` computes exactly these products, for readers. `ScaledConvolution` uses torch's
primitives for them and multiplies its output by a scale, constant or learnable per channel.
Scaling a convolution's output is scaling its weights, (s·W)·X = s·(W·X): the scale needs no pass
over the image, and its gradient is the sum over the kernel of ∂L/∂(s·W) · W.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from .argument_checks import check_count, check_number
from .autocast import compute_dtype

Geometry = tuple[int, int, int]
"""Stride, padding and dilation, each the same for height and width."""


class _ScaledConvolution(torch.autograd.Function):
    """s·(W * x) + b: (n, i, h, w), (o, i, k, k), (o,), (o,) or None → (n, o, h', w')."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, scale: Tensor, shift: Tensor | None, geometry: Geometry
    ) -> Tensor:
        scaled = (weight * scale.view(-1, 1, 1, 1)).to(x.dtype)
        ctx.save_for_backward(x, weight, scale, scaled)
        ctx.geometry, ctx.shifted = geometry, shift is not None
        stride, padding, dilation = ([side, side] for side in geometry)
        bias = None if shift is None else shift.to(x.dtype)
        y: Tensor = torch.ops.aten.convolution(
            x, scaled, bias, stride, padding, dilation, False, [0, 0], 1
        )
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, scale, scaled = ctx.saved_tensors
        needs = ctx.needs_input_grad
        of_weights = needs[1] or needs[2]
        stride, padding, dilation = ([side, side] for side in ctx.geometry)
        sizes = [len(scaled)] if ctx.shifted else None
        wanted = [needs[0], of_weights, ctx.shifted and needs[3]]
        dx, dscaled, dshift = torch.ops.aten.convolution_backward(
            gradient, x, scaled, sizes, stride, padding, dilation, False, [0, 0], 1, wanted
        )
        dweight = dscale = None
        if of_weights:
            dscaled = dscaled.to(weight.dtype)
            dweight = dscaled * scale.view(-1, 1, 1, 1) if needs[1] else None
            dscale = (dscaled * weight).sum((1, 2, 3)) if needs[2] else None
        return dx, dweight, dscale, None if dshift is None else dshift.to(weight.dtype), None


class _UnfoldedConvolution(torch.autograd.Function):
    """W·unfold(x) + b: (n, i, h, w), (o, i, k, k), (o,) or None → (n, o, h', w')."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, geometry: Geometry
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.geometry, ctx.biased = geometry, bias is not None
        columns = _unfold(x, weight, geometry)
        out = [_outputs(side, weight.shape[2], geometry) for side in x.shape[2:]]
        y = x.new_empty(len(x), len(weight), *out)
        torch.matmul(weight.flatten(1).to(x.dtype), columns, out=y.flatten(2))
        return y if bias is None else y.add_(bias.to(x.dtype).view(-1, 1, 1))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        stride, padding, dilation = ctx.geometry
        rows = gradient.flatten(2)
        dx = dweight = dbias = None
        if ctx.needs_input_grad[0]:
            columns = weight.flatten(1).to(x.dtype).t() @ rows
            dx = F.fold(columns, x.shape[2:], weight.shape[2:], dilation, padding, stride)
        if ctx.needs_input_grad[1]:
            columns = _unfold(x, weight, ctx.geometry)
            products = rows @ columns.transpose(1, 2)
            dweight = products.sum(0, dtype=weight.dtype).view_as(weight)
        if ctx.biased and ctx.needs_input_grad[2]:
            dbias = rows.sum((0, 2), dtype=weight.dtype)
        return dx, dweight, dbias, None


def _unfold(x: Tensor, weight: Tensor, geometry: Geometry) -> Tensor:
    """Return the patches of the images as columns: (n, i·k·k, h'·w')."""
    stride, padding, dilation = geometry
    return F.unfold(x, weight.shape[2:], dilation, padding, stride)


def _outputs(side: int, kernel: int, geometry: Geometry) -> int:
    stride, padding, dilation = geometry
    return (side + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


class UnfoldedConvolution(nn.Module):
    """Convolution as one matrix product over unfolded patches, written for clarity, not speed.

    (n, in_channels, h, w) → (n, out_channels, h', w'). It has the parameters, initial weights and
    output of ``nn.Conv2d``. `padding` None is dilation·(kernel - 1)/2, which keeps the size of the
    image at stride 1.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int = 3,
        stride: int = 1,
        padding: int | None = None,
        dilation: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__()
        layer = "a convolution"
        check_count(layer, "in_channels", in_channels)
        check_count(layer, "out_channels", out_channels)
        self.kernel = check_count(layer, "kernel", kernel)
        check_count(layer, "stride", stride)
        check_count(layer, "dilation", dilation)
        padding = dilation * (kernel - 1) // 2 if padding is None else padding
        check_count(layer, "padding", padding, low=0)
        self.geometry = (stride, padding, dilation)
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels, kernel, kernel))
        self.bias = nn.Parameter(torch.empty(out_channels)) if bias else None
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(in_channels * kernel**2)
            nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        """(n, in_channels, h, w) → (n, out_channels, h', w')."""
        x = x.to(compute_dtype(x))
        y: Tensor = _UnfoldedConvolution.apply(x, self.weight, self.bias, self.geometry)  # type: ignore[no-untyped-call]
        return y

    def extra_repr(self) -> str:
        """Parameters for ``repr``."""
        out_channels, in_channels = self.weight.shape[:2]
        stride, padding, dilation = self.geometry
        return (
            f"{in_channels}, {out_channels}, kernel={self.kernel}, stride={stride}, "
            f"padding={padding}, dilation={dilation}, bias={self.bias is not None}"
        )


class ScaledConvolution(UnfoldedConvolution):
    """Convolution with a scale on its output: a constant, or a learnable number per channel.

    (n, in_channels, h, w) → (n, out_channels, h', w'). With `learnable` "none" the output of the
    convolution, including its bias, is multiplied by the constant `scale` (report 002, table 5:
    1.5). With "channel" each output channel has a learnable scale, which starts at `scale`, and the
    bias is its learnable shift (reports 000 and 003): out_channels more parameters than
    ``nn.Conv2d``.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int = 3,
        stride: int = 1,
        padding: int | None = None,
        dilation: int = 1,
        bias: bool = True,
        scale: float = 1.0,
        learnable: Literal["none", "channel"] = "none",
    ) -> None:
        super().__init__(in_channels, out_channels, kernel, stride, padding, dilation, bias)
        self.learnable = learnable == "channel"
        value = torch.full((out_channels,), check_number("a convolution", "scale", scale))
        self.scale: Tensor
        if self.learnable:
            self.scale = nn.Parameter(value)
        else:
            self.register_buffer("scale", value, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(n, in_channels, h, w) → (n, out_channels, h', w')."""
        x = x.to(compute_dtype(x))
        shift: Tensor | None = self.bias
        if shift is not None and not self.learnable:
            shift = shift * self.scale
        y: Tensor = _ScaledConvolution.apply(x, self.weight, self.scale, shift, self.geometry)  # type: ignore[no-untyped-call]
        return y
