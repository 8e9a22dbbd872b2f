"""Activations with a hand-written backward pass; the output has the shape of the input."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from .argument_checks import check_number
from .autocast import widened


class _Swish(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, beta: Tensor) -> Tensor:
        ctx.save_for_backward(x, beta)
        return (x * beta.to(x.dtype)).sigmoid_().mul_(x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """For y = x·s with s = σ(βx): ∂y/∂x = s + β·x·s(1-s), ∂y/∂β = x·x·s(1-s)."""
        x, beta = ctx.saved_tensors
        s = (x * beta.to(x.dtype)).sigmoid_()
        # gradient·x·s(1-s), in one pass: s(1-s) is the derivative of the sigmoid.
        bend = torch.ops.aten.sigmoid_backward(gradient * x, s)
        dbeta = None
        if ctx.needs_input_grad[1]:
            dbeta = (bend * x).sum(dtype=beta.dtype).view_as(beta)
        return bend.mul_(beta.to(x.dtype)).addcmul_(gradient, s), dbeta


class _SiluRelu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, alpha: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.alpha = alpha
        return F.silu(x).add_(F.relu(x), alpha=alpha)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """∂y/∂x = silu'(x) + α if x > 0, else silu'(x)."""
        (x,) = ctx.saved_tensors
        dx = torch.ops.aten.silu_backward(gradient, x)
        return dx.add_(torch.ops.aten.threshold_backward(gradient, x, 0), alpha=ctx.alpha), None


class _Softplus(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        wide = widened(x)
        # max(x, 0) + log(1 + e^-|x|): the exponential never exceeds 1.
        y = wide.abs().neg_().exp_().log1p_().add_(wide.clamp(min=0))
        return y.to(x.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return torch.sigmoid(x).mul_(gradient)


class _HardSwish(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return F.hardsigmoid(x).mul_(x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        """For y = x·s with s = clamp(x + 3, 0, 6)/6: s + x/6 if -3 < x < 3, else s."""
        (x,) = ctx.saved_tensors
        dx: Tensor = torch.ops.aten.hardsigmoid_backward(gradient * x, x)
        return dx.addcmul_(gradient, F.hardsigmoid(x))


class Swish(nn.Module):
    """x·σ(βx) with one learnable β that starts at `beta`.

    β = 0 halves x, and β → ∞ tends to ReLU: the network learns how sharp the bend is (report 003).
    Ramachandran et al. 2017, arXiv:1710.05941.
    """

    def __init__(self, beta: float = 1.0) -> None:
        super().__init__()
        self.beta = nn.Parameter(torch.tensor(check_number("Swish", "beta", beta)))

    def forward(self, x: Tensor) -> Tensor:
        """Any shape → the same shape."""
        y: Tensor = _Swish.apply(x, self.beta)  # type: ignore[no-untyped-call]
        return y


class SiluRelu(nn.Module):
    """x·σ(x) + α·relu(x), the custom activation of report 002, table 5 (α = 0.02)."""

    def __init__(self, alpha: float = 0.02) -> None:
        super().__init__()
        self.alpha = check_number("SiluRelu", "alpha", alpha)

    def forward(self, x: Tensor) -> Tensor:
        """Any shape → the same shape."""
        y: Tensor = _SiluRelu.apply(x, self.alpha)  # type: ignore[no-untyped-call]
        return y

    def extra_repr(self) -> str:
        """Parameters for ``repr``."""
        return f"alpha={self.alpha:g}"


class Softplus(nn.Module):
    """log(1 + eˣ), the smooth ReLU of report 000, computed without overflow."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape → the same shape."""
        y: Tensor = _Softplus.apply(x)  # type: ignore[no-untyped-call]
        return y


class HardSwish(nn.Module):
    """x·clamp(x + 3, 0, 6)/6: Swish without an exponential (Howard et al. 2019, arXiv:1905.02244).

    Compared with Swish, it shows whether the smooth curve matters or only its shape.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Any shape → the same shape."""
        y: Tensor = _HardSwish.apply(x)  # type: ignore[no-untyped-call]
        return y
