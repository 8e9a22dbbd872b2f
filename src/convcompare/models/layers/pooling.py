"""Pooling: the Lp norm of a window with its own backward pass, and a learnable mix."""

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
"""Kernel, stride and padding, each the same along both sides."""


class _LpPool(torch.autograd.Function):
    """(n, c, h, w) → (n, c, h', w'): (Σ |x|ᵖ)^(1/p) of each window, or with the mean for the sum.

    The window is looked at one place at a time, each place a strided view of the image. Every x is
    divided by the largest of its window first, so that no power overflows or vanishes.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, p: float, window: Window, mean: bool) -> Tensor:
        kernel, _, padding = window
        padded = F.pad(x, (padding,) * 4) if padding else x
        places = [view.abs() for view in _views(widened(padded), window)]
        largest = places[0].clone()
        for magnitude in places[1:]:
            torch.maximum(largest, magnitude, out=largest)
        # Never 0, and its inverse never infinite; where all of a window is 0, so is every ratio.
        largest.clamp_(min=torch.finfo(largest.dtype).tiny)
        inverse, total = largest.reciprocal(), torch.zeros_like(largest)
        for magnitude in places:
            ratio = magnitude.mul_(inverse)
            if p == 2:
                total.addcmul_(ratio, ratio)
            elif p == 1.5:
                total.addcmul_(ratio, ratio.sqrt())
            else:
                total += ratio.pow_(p)
        # The mean is the sum times (1 / kernel²)^(1/p), which the backward pass needs as well.
        share = kernel ** (-2 / p) if mean else 1.0
        y = total.pow_(1 / p).mul_(largest.mul_(share) if mean else largest).to(x.dtype)
        ctx.save_for_backward(padded, y)
        ctx.p, ctx.window, ctx.share = p, window, share
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """∂y/∂x = share·sign(x)·(|x| / norm)^(p-1), where norm = y / share; 0 where all is zero.

        The norm is held above a floor that no activation reaches, 1e-28 in float32: closer to an
        all-zero window the gradient fades to the 0 that it has there.
        """
        x, y = ctx.saved_tensors
        kernel, stride, padding = ctx.window
        inverse = (widened(y) / ctx.share).clamp_(min=torch.finfo(y.dtype).tiny ** 0.75)
        inverse.reciprocal_()
        upstream = widened(gradient) * ctx.share
        if ctx.p <= 2:  # |x|^(p-1) cannot overflow: the norm is divided out once for all places
            upstream = (upstream * inverse.pow_(ctx.p - 1)).to(x.dtype)
        overlap = kernel > stride
        exact = kernel == stride and not (x.shape[2] % stride or x.shape[3] % stride)
        make = torch.empty_like if exact else torch.zeros_like
        dx = make(x, dtype=upstream.dtype)
        slopes = _slope(x, ctx.p) if ctx.p < 2 else x  # for p = 2, x is its own slope
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
    """sign(x)·|x|^(p-1) as x·|x|^(p-2), which is 0 at 0 once |x| is held above 0."""
    return x.abs().clamp_(min=torch.finfo(x.dtype).tiny).pow_(p - 2).mul_(x)


def _views(x: Tensor, window: Window) -> Iterator[Tensor]:
    """For each place of the window, what lies there in all windows: (n, c, h', w')."""
    kernel, stride, _ = window
    rows, columns = ((side - kernel) // stride + 1 for side in x.shape[2:])
    for i in range(kernel):
        for j in range(kernel):
            below, right = i + (rows - 1) * stride + 1, j + (columns - 1) * stride + 1
            yield x[:, :, i:below:stride, j:right:stride]


class LpPool2d(nn.Module):
    """Pooling by the p-norm of each window: p = 1 sums, p → ∞ tends to the maximum.

    (n, c, h, w) → (n, c, h', w'): (Σ |x|ᵖ)^(1/p) over kernel×kernel (report 002, table 5: p = 2),
    or with `mean` in place of the sum (report 003: p = 1.5), which keeps a constant image as it is.
    Unlike ``nn.LPPool2d`` it does not overflow, takes negative inputs with an odd p, and its
    gradient at an all-zero window is 0 and not NaN. The idea: Sermanet et al. 2012,
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
        """What ``repr`` shows of it."""
        kernel, stride, padding = self.window
        return (
            f"p={self.p:g}, kernel={kernel}, stride={stride}, padding={padding}, mean={self.mean}"
        )


class MixedPool2d(nn.Module):
    """A learnable mix of maximum and average: a·max + (1-a)·mean, a = σ(mix), one for all channels.

    (n, c, h, w) → (n, c, h', w'). Starts halfway. Lee et al. 2016, arXiv:1509.08985 (report 000).
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
        """What ``repr`` shows of it."""
        return f"kernel={self.kernel}, stride={self.stride}"
