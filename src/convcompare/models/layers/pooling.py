"""Pooling by the Lp norm with a hand-written backward pass, and a learnable mix of two pools."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from .argument_checks import check_count, check_number
from .autocast import widened

Window = tuple[int, int, int]
"""Kernel, stride and padding, each the same for height and width."""


class _LpPool(torch.autograd.Function):
    """(Σ |x|ᵖ)^(1/p) of each window, or the mean for the sum: (n, c, h, w) → (n, c, h', w').

    Computed over the kernel positions, each of which is a strided view of the image. Every x is
    first divided by the largest |x| of its window, so that powers neither overflow nor underflow.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, p: float, window: Window, mean: bool) -> Tensor:
        kernel, _, padding = window
        padded = F.pad(x, (padding,) * 4) if padding else x
        magnitudes = [view.abs() for view in _views(widened(padded), window)]
        largest = magnitudes[0].clone()
        for magnitude in magnitudes[1:]:
            torch.maximum(largest, magnitude, out=largest)
        # Keeps the inverse finite; in an all-zero window every ratio is then 0.
        largest.clamp_(min=torch.finfo(largest.dtype).tiny)
        inverse, total = largest.reciprocal(), torch.zeros_like(largest)
        for magnitude in magnitudes:
            ratio = magnitude.mul_(inverse)
            if p == 2:
                total.addcmul_(ratio, ratio)
            elif p == 1.5:
                total.addcmul_(ratio, ratio.sqrt())
            else:
                total += ratio.pow_(p)
        # The mean's norm is the sum's times (1 / kernel²)^(1/p); the backward pass needs it too.
        share = kernel ** (-2 / p) if mean else 1.0
        y = total.pow_(1 / p).mul_(largest.mul_(share) if mean else largest).to(x.dtype)
        ctx.save_for_backward(padded, y)
        ctx.p, ctx.window, ctx.share = p, window, share
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """∂y/∂x = share·sign(x)·(|x| / norm)^(p-1) with norm = y / share; 0 in an all-zero window.

        The norm is clamped from below at a value smaller than any activation, 1e-28 in float32.
        Below it the gradient decreases to 0, its value in an all-zero window.
        """
        x, y = ctx.saved_tensors
        kernel, stride, padding = ctx.window
        inverse = (widened(y) / ctx.share).clamp_(min=torch.finfo(y.dtype).tiny ** 0.75)
        inverse.reciprocal_()
        upstream = widened(gradient) * ctx.share
        if ctx.p <= 2:  # |x|^(p-1) cannot overflow: divide by the norm once for all positions
            upstream = (upstream * inverse.pow_(ctx.p - 1)).to(x.dtype)
        overlap = kernel > stride
        exact = kernel == stride and not (x.shape[2] % stride or x.shape[3] % stride)
        make = torch.empty_like if exact else torch.zeros_like
        dx = make(x, dtype=upstream.dtype)
        slopes = _slope(x, ctx.p) if ctx.p < 2 else x  # for p = 2 the slope is x
        for view, out in zip(_views(slopes, ctx.window), _views(dx, ctx.window), strict=True):
            slope = _slope(view * inverse, ctx.p) if ctx.p > 2 else view
            if overlap:
                out.addcmul_(slope, upstream)
            else:
                torch.mul(slope, upstream, out=out)
        if padding:
            dx = dx[:, :, padding:-padding, padding:-padding]
        return dx.to(x.dtype), None, None, None


def _slope(x: Tensor, p: float) -> Tensor:
    """Return sign(x)·|x|^(p-1), computed as x·|x|^(p-2) with |x| clamped above 0: 0 at x = 0."""
    return x.abs().clamp_(min=torch.finfo(x.dtype).tiny).pow_(p - 2).mul_(x)


def _views(x: Tensor, window: Window) -> Iterator[Tensor]:
    """Yield for each kernel position the view of its pixels in all windows: (n, c, h', w')."""
    kernel, stride, _ = window
    rows, columns = ((side - kernel) // stride + 1 for side in x.shape[2:])
    for i in range(kernel):
        for j in range(kernel):
            below, right = i + (rows - 1) * stride + 1, j + (columns - 1) * stride + 1
            yield x[:, :, i:below:stride, j:right:stride]


class LpPool2d(nn.Module):
    """Pooling by the p-norm of each window: p = 1 sums, p → ∞ tends to the maximum.

    (n, c, h, w) → (n, c, h', w'): (Σ |x|ᵖ)^(1/p) over kernel×kernel (report 002, table 5: p = 2),
    or with `mean` the mean for the sum (report 003: p = 1.5), which keeps a constant image
    unchanged. Unlike ``nn.LPPool2d`` it does not overflow, accepts negative inputs with an odd p,
    and has a gradient of 0 in place of NaN in an all-zero window. Source: Sermanet et al. 2012,
    arXiv:1204.3968.
    """

    def __init__(
        self,
        p: float = 2.0,
        kernel: int = 2,
        stride: int | None = None,
        padding: int = 0,
        mean: bool = False,
    ) -> None:
        super().__init__()
        layer = "Lp pooling"
        self.p = check_number(layer, "p", p, low=1)
        check_count(layer, "kernel", kernel)
        stride = check_count(layer, "stride", kernel if stride is None else stride)
        check_count(layer, "padding", padding, low=0)
        self.window, self.mean = (kernel, stride, padding), mean

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) → (n, c, h', w')."""
        y: Tensor = _LpPool.apply(x, self.p, self.window, self.mean)  # type: ignore[no-untyped-call]
        return y

    def extra_repr(self) -> str:
        """Parameters for ``repr``."""
        kernel, stride, padding = self.window
        return (
            f"p={self.p:g}, kernel={kernel}, stride={stride}, padding={padding}, mean={self.mean}"
        )


class MixedPool2d(nn.Module):
    """Learnable mix of maximum and average: a·max + (1-a)·mean with a = σ(mix).

    (n, c, h, w) → (n, c, h', w'). One `mix` for all channels, which starts at 0 (a = ½).
    Lee et al. 2016, arXiv:1509.08985 (report 000).
    """

    def __init__(self, kernel: int = 2, stride: int | None = None) -> None:
        super().__init__()
        layer = "mixed pooling"
        self.kernel = check_count(layer, "kernel", kernel)
        self.stride = check_count(layer, "stride", kernel if stride is None else stride)
        self.mix = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) → (n, c, h', w')."""
        share = torch.sigmoid(self.mix).to(x.dtype)
        mean = F.avg_pool2d(x, self.kernel, self.stride)
        return torch.lerp(mean, F.max_pool2d(x, self.kernel, self.stride), share)

    def extra_repr(self) -> str:
        """Parameters for ``repr``."""
        return f"kernel={self.kernel}, stride={self.stride}"
