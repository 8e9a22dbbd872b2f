"""Time and accuracy of each layer with hand-written arithmetic, compared with torch's layer."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convcompare.models.inspection import parameters
from convcompare.models.layers.activation import HardSwish, SiluRelu, Softplus, Swish
from convcompare.models.layers.attention import CBAM, SelfAttention, SqueezeExcitation
from convcompare.models.layers.convolution import ScaledConvolution, UnfoldedConvolution
from convcompare.models.layers.pooling import LpPool2d, MixedPool2d

Apply = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class LayerCost:
    """A layer compared with a standard one on the same images.

    Differences are the largest absolute ones in float32 from ``reference``, which computes the same
    function with torch's operators and autograd; gradients are those of the input and of the shared
    weights. Both are None if torch has no equivalent. Times are medians in seconds, measured in
    alternation with ``standard``, the layer that this one replaces.
    """

    layer: str
    standard: str
    reference: str | None
    output_difference: float | None
    gradient_difference: float | None
    forward_seconds: float
    backward_seconds: float
    standard_forward_seconds: float
    standard_backward_seconds: float
    extra_parameters: int

    @property
    def ratio(self) -> float:
        """Time of forward and backward pass as a multiple of the standard layer's."""
        standard = self.standard_forward_seconds + self.standard_backward_seconds
        return (self.forward_seconds + self.backward_seconds) / standard


@dataclass(frozen=True)
class Case:
    """A layer, the standard layer, and the layer's function written with torch's operators."""

    name: str
    layer: nn.Module
    standard_name: str
    standard: nn.Module
    reference_name: str | None = None
    reference: Apply | None = None
    shared: tuple[Tensor, ...] = ()


def layer_costs(
    shape: tuple[int, int, int, int] = (64, 32, 32, 32), bf16: bool = False, repeats: int = 15
) -> Iterator[LayerCost]:
    """Measure each layer of this package on images of `shape`, in channels-last format.

    Args:
        shape: Shape (n, c, h, w) of the images; the layers keep the number of channels.
        bf16: Time under bfloat16 autocast, as in training. Differences are always float32.
        repeats: Number of timed steps.

    Yields:
        One comparison per layer.
    """
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        images = torch.randn(shape).contiguous(memory_format=torch.channels_last)
        for case in cases(shape[1]):
            yield _measure(case, images, bf16, repeats)


def cases(channels: int) -> list[Case]:
    """Return every layer with hand-written arithmetic, for images of `channels` channels."""
    pools = nn.MaxPool2d(2)
    mix: Apply = lambda x: (F.max_pool2d(x, 2) + F.avg_pool2d(x, 2)) / 2  # noqa: E731
    conv = "torch convolution 3×3"
    return [
        *_convolutions(channels, conv),
        *(
            Case(name, layer.to(memory_format=torch.channels_last), conv, _conv(channels))  # type: ignore[call-overload]
            for name, layer in (
                ("squeeze-and-excitation", SqueezeExcitation(channels, min(16, channels))),
                ("CBAM", CBAM(channels)),
                ("self-attention", SelfAttention(channels)),
            )
        ),
        Case("Swish, learnable β", Swish(), "SiLU", nn.SiLU(), "SiLU", F.silu),
        Case(
            "x·σ(x) + 0.02·relu(x)", SiluRelu(), "SiLU", nn.SiLU(), "SiLU + 0.02·ReLU",
            lambda x: F.silu(x) + 0.02 * F.relu(x),
        ),
        Case("softplus", Softplus(), "Softplus", nn.Softplus(), "Softplus", F.softplus),
        Case("hard-swish", HardSwish(), "Hardswish", nn.Hardswish(), "Hardswish", F.hardswish),
        Case(
            "Lp pooling, p = 2", LpPool2d(), "MaxPool2d", pools, "LPPool2d",
            lambda x: F.lp_pool2d(x, 2.0, 2),
        ),
        Case(
            "Lp pooling, mean, p = 1.5", LpPool2d(1.5, mean=True), "MaxPool2d", pools,
            "AvgPool2d of |x|^1.5", lambda x: F.avg_pool2d(x.abs() ** 1.5, 2) ** (1 / 1.5),
        ),
        Case(
            "mixed pooling", MixedPool2d(), "MaxPool2d", pools, "(MaxPool2d + AvgPool2d) / 2", mix
        ),
    ]  # fmt: skip


def _conv(channels: int) -> nn.Conv2d:
    conv = nn.Conv2d(channels, channels, 3, padding=1)
    return conv.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def _convolutions(channels: int, standard: str) -> Iterator[Case]:
    layers: tuple[tuple[str, UnfoldedConvolution, float], ...] = (
        ("convolution, unfolded", UnfoldedConvolution(channels, channels), 1.0),
        ("convolution × 1.5", ScaledConvolution(channels, channels, scale=1.5), 1.5),
        (
            "convolution, scale and shift per channel",
            ScaledConvolution(channels, channels, learnable="channel"),
            1.0,
        ),
    )
    for name, layer, scale in layers:
        layer.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        weight, bias = layer.weight, layer.bias
        assert bias is not None

        def reference(
            x: Tensor, weight: Tensor = weight, bias: Tensor = bias, scale: float = scale
        ) -> Tensor:
            return scale * F.conv2d(x, weight, bias, padding=1)

        equivalent = "Conv2d" if scale == 1 else f"{scale:g} · Conv2d"
        yield Case(name, layer, standard, _conv(channels), equivalent, reference, (weight, bias))


def _measure(case: Case, images: Tensor, bf16: bool, repeats: int) -> LayerCost:
    output = gradient = None
    if case.reference is not None:
        output, gradient = _differences(case, images)
    if bf16:
        images = images.bfloat16()
    times: list[tuple[float, float, float, float]] = []
    for i in range(repeats + 3):
        ours, theirs = (_step(layer, images, bf16) for layer in (case.layer, case.standard))
        if i >= 3:  # the first steps choose kernels and allocate memory
            times.append((*ours, *theirs))
    forward, backward, *standard = (
        statistics.median(column) for column in zip(*times, strict=True)
    )
    extra = parameters(case.layer)
    if isinstance(case.layer, UnfoldedConvolution):
        extra -= parameters(case.standard)
    return LayerCost(
        case.name,
        case.standard_name,
        case.reference_name,
        output,
        gradient,
        forward,
        backward,
        standard[0],
        standard[1],
        extra,
    )


def _differences(case: Case, images: Tensor) -> tuple[float, float]:
    """Return the largest difference of outputs, and of gradients for the same upstream gradient."""
    assert case.reference is not None
    x = images.clone().requires_grad_()
    wanted = [x, *case.shared]
    ours, theirs = case.layer(x), case.reference(x)
    upstream = torch.randn_like(ours) / ours.numel() ** 0.5
    gradients = (torch.autograd.grad(y, wanted, upstream) for y in (ours, theirs))
    pairs = zip(*gradients, strict=True)
    worst = max((a - b).abs().max().item() for a, b in pairs)
    return (ours - theirs).abs().max().item(), worst


def _step(layer: nn.Module, images: Tensor, bf16: bool) -> tuple[float, float]:
    """Return the seconds of one forward and one backward pass."""
    x = images.detach().requires_grad_()
    cast: AbstractContextManager[object] = (
        torch.autocast("cpu", torch.bfloat16) if bf16 else nullcontext()
    )
    started = time.perf_counter()
    with cast:
        y = layer(x)
    middle = time.perf_counter()
    torch.autograd.grad(y, [x, *layer.parameters()], torch.ones_like(y))
    return middle - started, time.perf_counter() - middle
