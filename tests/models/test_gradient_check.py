"""The gradient check: exact, inexact and surrogate gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

from convcompare.models.build import resolve
from convcompare.models.findings import Found
from convcompare.models.gradient_check import inexact_gradients
from convcompare.models.randomness import seeded
from convcompare.models.shape import Shape

SHAPE = Shape(1, 12, 5)
IMAGES = torch.randn(SHAPE.size(4), generator=torch.Generator().manual_seed(1))
BEFORE = "`first.weight`, `norm.weight`, `norm.bias`"
"""Parameters before `between`; a bias before a normalisation has the derivative 0."""
INEXACT, SURROGATE = Found("inexact gradients", BEFORE), Found("surrogate gradients", BEFORE)


class Swish(torch.autograd.Function):
    """Swish with the backward pass of another function."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * x.sigmoid()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        return gradient * ctx.saved_tensors[0].sigmoid()


class RightSwish(Swish):
    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        (x,) = ctx.saved_tensors
        s = x.sigmoid()
        return gradient * (s + x * s * (1 - s))


class Standardised(torch.autograd.Function):
    """Standardisation whose backward pass takes the statistics as constants, a common mistake."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        deviation = x.std((0, 2, 3), correction=0, keepdim=True)
        ctx.save_for_backward(deviation)
        return (x - x.mean((0, 2, 3), keepdim=True)) / deviation

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        return gradient / ctx.saved_tensors[0]


class Sign(torch.autograd.Function):
    """A straight-through estimator (arXiv:1308.3432)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.sign()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        return gradient


class Linear(torch.autograd.Function):
    """A linear layer whose backward pass averages the gradient of the bias over the batch."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return F.linear(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        x, weight = ctx.saved_tensors
        return gradient @ weight, gradient.T @ x, gradient.mean(0)


class Net(nn.Module):
    def __init__(self, between: Callable[[Tensor], Tensor] = F.relu) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3)
        self.norm, self.head = nn.BatchNorm2d(4), nn.Linear(4, 5)
        self.between = between

    def features(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm(self.first(x)))
        return F.relu(self.second(self.between(x))).mean((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.features(x))
        return out


class OwnHead(Net):
    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = Linear.apply(self.features(x), self.head.weight, self.head.bias)
        return out


class InTraining(Net):
    def features(self, x: Tensor) -> Tensor:
        self.between = Standardised.apply if self.training else nn.Identity()
        return super().features(x)


class Complex(Net):
    def __init__(self) -> None:
        super().__init__(Swish.apply)
        self.turns = nn.Parameter(torch.randn(4, 4, dtype=torch.complex64))

    def features(self, x: Tensor) -> Tensor:
        return torch.view_as_real(super().features(x).to(self.turns.dtype) @ self.turns)[..., 1]


class InHalf(Net):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).bfloat16()


class EndsInSingle(Net):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).float()


def gated_without_gradient(x: Tensor) -> Tensor:
    with torch.no_grad():
        gate = x.mean((2, 3), keepdim=True).sigmoid()
    return x * gate


def with_larger_gradient(x: Tensor) -> Tensor:
    x = x * 1
    if x.requires_grad:
        x.register_hook(lambda gradient: 3 * gradient)  # type: ignore[no-untyped-call]
    return x


def in_single(x: Tensor) -> Tensor:
    """Apply a convolution that fails on dtypes other than float32."""
    return F.conv2d(Swish.apply(x), torch.ones(4, 1, 3, 3), padding=1, groups=4)


def with_a_step_beside(x: Tensor) -> Tensor:
    return x + Sign.apply(x)


def nearest(x: Tensor) -> Tensor:
    """Replace numbers by the nearest of three, with the gradient of the numbers themselves."""
    codes = torch.tensor([-1.0, 0.0, 1.0], dtype=x.dtype)
    return x + (codes[(x[..., None] - codes).abs().argmin(-1)] - x).detach()


def hand_written_relu(x: Tensor) -> Tensor:
    """Apply a ReLU whose comparison has no gradient and needs none."""
    return x * (x > 0.1).float()


def routed(x: Tensor) -> Tensor:
    """Scale channels with a jump when another channel becomes one of the largest two."""
    weights = x.mean((2, 3)).softmax(1)
    top, channels = weights.topk(2)
    return x * torch.zeros_like(weights).scatter(1, channels, top)[..., None, None]


def spectral() -> Net:
    net = Net()
    parametrizations.spectral_norm(net.second)
    parametrizations.weight_norm(net.first)
    return net


def clipped() -> Net:
    net = Net()
    for parameter in net.head.parameters():
        parameter.register_hook(lambda gradient: gradient.clamp(-1e-3, 1e-3))  # type: ignore[no-untyped-call]
    return net


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (lambda: Net(Swish.apply), [INEXACT]),
        (lambda: Net(RightSwish.apply), []),
        (lambda: Net(Sign.apply), [SURROGATE]),
        (lambda: Net(lambda x: x + (x.round() - x).detach()), [SURROGATE]),
        (lambda: Net(lambda x: F.gumbel_softmax(x, hard=True, dim=1)), [SURROGATE]),
        (lambda: Net(nearest), [SURROGATE]),
        (lambda: Net(lambda x: x * x.sigmoid().detach()), [INEXACT]),
        (lambda: Net(gated_without_gradient), [INEXACT]),
        (lambda: Net(with_larger_gradient), [INEXACT]),
        (lambda: Net(in_single), [INEXACT]),
        (lambda: Net(with_a_step_beside), [SURROGATE]),
        (lambda: Net(hand_written_relu), []),
        (lambda: Net(routed), []),
        (lambda: Net(lambda x: F.dropout(x, 0.5)), []),
        (lambda: Net(lambda x: F.interpolate(F.max_pool2d(x, 2), scale_factor=2.0)), []),
        (OwnHead, [Found("inexact gradients", "`head.bias`")]),
        (InTraining, [INEXACT]),
        (Complex, [INEXACT]),
        (InHalf, []),
        (lambda: EndsInSingle(Swish.apply), [INEXACT]),
        (spectral, []),
        (clipped, [Found("inexact gradients", "`head.weight`, `head.bias`")]),
    ],
)
def test_gradients_that_differ_from_derivatives_are_found(
    make: Callable[[], nn.Module], found: list[Found]
) -> None:
    with seeded(0):
        model = make()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert inexact_gradients(model, IMAGES) == found
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize(
    "spec",
    [
        "cnn:conv=unfold", "cnn:conv=scaled", "cnn:conv=affine", "cnn:activation=swish",
        "cnn:activation=silu+relu", "cnn:activation=softplus", "cnn:pool=lp", "cnn:attention=se",
        "cnn:pool=lp-mean,p=1.5", "residual", "plain-20", "resnet-20", "mobilenet-v2",
    ],
)  # fmt: skip
def test_gradients_of_the_zoo_are_exact(spec: str) -> None:
    """Checks hand-written backward passes independently of `gradcheck`."""
    shape = Shape(1, 28, 10)
    model = resolve(spec, shape).build(0)
    images = torch.randn(shape.size(4), generator=torch.Generator().manual_seed(1))
    with seeded(1), torch.no_grad():
        for parameter in model.parameters():  # so that no layer is at a kink
            parameter.add_(0.05 * torch.randn_like(parameter))
    assert inexact_gradients(model, images) == []
