"""The custom layers: gradients against finite differences, values against torch's own."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from convcompare.analysis.layer_benchmark import cases, layer_costs
from convcompare.core.errors import ModelError
from convcompare.models.layers import activation, attention, convolution, pooling, residual_blocks

GEOMETRIES = [
    # kernel, stride, padding, dilation
    (3, 1, 1, 1),
    (3, 2, 1, 1),
    (5, 1, 2, 1),
    (1, 1, 0, 1),
    (1, 2, 0, 1),
    (3, 1, 0, 2),
    (3, 2, 3, 2),
    (2, 2, 0, 1),
    (7, 3, 3, 1),
]
CONVOLUTIONS = {
    "unfold": lambda *a, **k: convolution.UnfoldedConvolution(*a, **k),
    "scaled": lambda *a, **k: convolution.ScaledConvolution(*a, scale=1.5, **k),
    "affine": lambda *a, **k: convolution.ScaledConvolution(*a, learnable="channel", **k),
}
ACTIVATIONS = {
    "swish": activation.Swish,
    "silu+relu": activation.SiluRelu,
    "softplus": activation.Softplus,
    "hard-swish": activation.HardSwish,
}
WINDOWS = [(2, 2, 0), (3, 2, 1), (3, 3, 0), (2, 1, 0), (2, 3, 1)]


@pytest.fixture(autouse=True)
def fixed_seed() -> Iterator[None]:
    """Fix the seed, and use one thread: tensors this small gain nothing from a second."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(threads)


def check_gradients(layer: nn.Module, x: Tensor) -> None:
    """Run gradcheck on the input and every parameter, in float64."""
    layer = layer.double()
    names = [name for name, _ in layer.named_parameters()]

    def run(x: Tensor, *parameters: Tensor) -> Tensor:
        named = dict(zip(names, parameters, strict=True))
        return torch.func.functional_call(layer, named, (x,))

    inputs = (
        x.double().requires_grad_(),
        *(p.detach().requires_grad_() for p in layer.parameters()),
    )
    assert torch.autograd.gradcheck(run, inputs)


def images(*shape: int) -> Tensor:
    """Return images without ties, away from the kinks of ReLU and of norms."""
    x = torch.randperm(math.prod(shape)).double().reshape(shape) + 0.3
    return (x / x.numel() - 0.5) * 4


@pytest.mark.parametrize("kind", CONVOLUTIONS)
@pytest.mark.parametrize(("kernel", "stride", "padding", "dilation"), GEOMETRIES)
@pytest.mark.parametrize("bias", [True, pytest.param(False, marks=pytest.mark.torture)])
def test_convolution_equals_torch(
    kind: str, kernel: int, stride: int, padding: int, dilation: int, bias: bool
) -> None:
    geometry = {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation}
    layer = CONVOLUTIONS[kind](2, 3, bias=bias, **geometry).double()
    x = torch.randn(2, 2, 5, 6).double()
    scale = 1.5 if kind == "scaled" else 1.0
    expected = scale * F.conv2d(x, layer.weight, layer.bias, stride, padding, dilation)
    torch.testing.assert_close(layer(x), expected)
    check_gradients(layer, x)


def test_convolution_has_the_initial_weights_of_torch() -> None:
    layers = []
    for make in (nn.Conv2d, convolution.UnfoldedConvolution, convolution.ScaledConvolution):
        torch.manual_seed(3)
        layers.append(make(3, 4, 3))
    for layer in layers[1:]:
        assert torch.equal(layer.weight, layers[0].weight)
        assert torch.equal(layer.bias, layers[0].bias)


@pytest.mark.parametrize("kind", CONVOLUTIONS)
@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_convolution_has_the_shape_and_flops_of_torch(kind: str, device: str) -> None:
    counts = []
    for make in (nn.Conv2d, CONVOLUTIONS[kind]):
        with torch.device(device):
            layer = make(3, 8, 3, stride=2, padding=1)
            with torch.no_grad(), FlopCounterMode(display=False) as counter:
                shape = layer(torch.zeros(2, 3, 9, 9)).shape
        counts.append((shape, counter.get_total_flops()))
    assert counts[0] == counts[1]


@pytest.mark.parametrize("kind", CONVOLUTIONS)
def test_convolution_under_autocast_computes_in_bf16(kind: str) -> None:
    layer = CONVOLUTIONS[kind](8, 8).to(memory_format=torch.channels_last)
    x = torch.randn(4, 8, 9, 9).to(memory_format=torch.channels_last).requires_grad_()
    exact = layer(x)
    with torch.autocast("cpu", torch.bfloat16):
        rough = layer(x)
    assert rough.dtype == torch.bfloat16
    torch.testing.assert_close(rough.float(), exact, atol=0.05, rtol=0.05)
    rough.sum().backward()
    assert layer.weight.grad is not None and layer.weight.grad.dtype == torch.float32


@pytest.mark.parametrize(
    "make",
    [
        lambda: attention.SqueezeExcitation(4, 2),
        lambda: attention.SqueezeExcitation(4, 4, bias=True),
        lambda: attention.CBAM(4, 2, 7),
        lambda: attention.CBAM(4, 4, 3),
        lambda: attention.SelfAttention(4, 2),
    ],
)
@pytest.mark.parametrize("shape", [(2, 4, 4, 4), (1, 4, 5, 3), (2, 4, 1, 1)])
def test_attention_gradients_are_exact(make: object, shape: tuple[int, ...]) -> None:
    layer = make()
    for parameter in layer.parameters():
        nn.init.normal_(parameter)  # away from γ = 0, at which the other gradients are 0
    check_gradients(layer, images(*shape))


def test_squeeze_excitation_equals_the_paper() -> None:
    layer = attention.SqueezeExcitation(16)
    assert sum(p.numel() for p in layer.parameters()) == 32
    x = torch.randn(2, 16, 5, 5)
    squeezed = x.mean((2, 3)) @ layer.squeeze.weight.T
    gate = torch.sigmoid(squeezed.relu() @ layer.excite.weight.T)
    torch.testing.assert_close(layer(x), x * gate[:, :, None, None])


def test_self_attention_starts_as_identity_and_is_scaled_dot_product() -> None:
    layer = attention.SelfAttention(8, 2)
    x = torch.randn(2, 8, 6, 6)
    assert torch.equal(layer(x), x)
    nn.init.ones_(layer.gamma)
    small = F.max_pool2d(x, 2)
    parts = (layer.query(x), layer.key(small), layer.value(small))
    q, k, v = (part.flatten(2).transpose(1, 2) for part in parts)
    read = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(2, 4, 6, 6)
    torch.testing.assert_close(layer(x), x + layer.out(read))


@pytest.mark.parametrize("kind", ACTIVATIONS)
@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (7,), (1, 1)])
def test_activation_gradients_are_exact(kind: str, shape: tuple[int, ...]) -> None:
    check_gradients(ACTIVATIONS[kind](), images(*shape) * 3)


@pytest.mark.parametrize("beta", [0.0, 1.0, -0.7, 4.0])
def test_swish_equals_its_formula_for_every_beta(beta: float) -> None:
    layer = activation.Swish(beta)
    x = torch.linspace(-5, 5, 101)
    torch.testing.assert_close(layer(x), x * torch.sigmoid(beta * x))
    check_gradients(layer, images(3, 4))


@pytest.mark.parametrize(
    ("kind", "reference"),
    [
        ("swish", F.silu),
        ("silu+relu", lambda x: F.silu(x) + 0.02 * F.relu(x)),
        ("softplus", F.softplus),
        ("hard-swish", F.hardswish),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_activation_equals_torch(kind: str, reference: object, dtype: torch.dtype) -> None:
    ours, theirs = (torch.linspace(-40, 40, 2001, dtype=dtype).requires_grad_() for _ in range(2))
    y, expected = ACTIVATIONS[kind]()(ours), reference(theirs)
    tolerance = 1e-5 if dtype == torch.float32 else 2e-2
    rough = {"atol": tolerance, "rtol": tolerance}
    torch.testing.assert_close(y, expected, **rough)
    y.sum().backward()
    expected.sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad, **rough)


@pytest.mark.parametrize("kind", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_activation_is_finite_at_extremes(kind: str, dtype: torch.dtype) -> None:
    x = torch.tensor([-1e30, -1e4, -100.0, -0.0, 0.0, 100.0, 1e4, 1e30], dtype=dtype)
    x.requires_grad_()
    y = ACTIVATIONS[kind]()(x)
    y.sum().backward()
    assert y.isfinite().all() and x.grad.isfinite().all()
    assert y.dtype == dtype and x.grad.dtype == dtype


@pytest.mark.parametrize("p", [1.0, 1.5, 2.0, 3.0, 4.7])
@pytest.mark.parametrize("mean", [False, True])
@pytest.mark.parametrize(("kernel", "stride", "padding"), WINDOWS)
def test_lp_pooling_equals_its_formula(
    p: float, mean: bool, kernel: int, stride: int, padding: int
) -> None:
    layer = pooling.LpPool2d(p, kernel, stride, padding, mean)
    x = images(2, 2, 5, 4)
    powers = F.avg_pool2d(F.pad(x.abs() ** p, (padding,) * 4), kernel, stride)
    expected = (powers * (1 if mean else kernel**2)) ** (1 / p)
    torch.testing.assert_close(layer(x), expected)
    check_gradients(layer, x)


@pytest.mark.parametrize("p", [1.0, 1.5, 2.0, 3.0, 8.0])
@pytest.mark.parametrize("mean", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("size", [0.0, 1e-42, 1e-30, 1e-6, 1.0, 1e6, 1e30])
def test_lp_pooling_is_finite_at_extremes(
    p: float, mean: bool, dtype: torch.dtype, size: float
) -> None:
    x = torch.tensor([[0.25, -0.5], [1.0, 0.0]], dtype=torch.float64).mul(size).to(dtype)
    x = x.view(1, 1, 2, 2).requires_grad_()
    y = pooling.LpPool2d(p, mean=mean)(x)
    y.sum().backward()
    assert y.isfinite().all() and x.grad.isfinite().all()
    assert (x.grad.abs() <= 1.01).all() and x.grad[0, 0, 1, 1] == 0
    if size > 1e-20:
        share = 4 ** (-1 / p) if mean else 1
        expected = (0.25**p + 0.5**p + 1) ** (1 / p) * size * share
        assert y.item() == pytest.approx(expected, rel=1e-2 if dtype == torch.bfloat16 else 1e-5)
        assert x.grad[0, 0, 1, 0] > 0 > x.grad[0, 0, 0, 1]
    if size == 0:
        assert not y.any() and not x.grad.any()


@settings(max_examples=40, deadline=None)
@given(
    p=st.floats(1, 12),
    n=st.integers(1, 3),
    side=st.integers(2, 9),
    kernel=st.integers(1, 2),
    exponent=st.integers(-20, 20),
)
def test_lp_pooling_lies_between_maximum_and_sum(
    p: float, n: int, side: int, kernel: int, exponent: int
) -> None:
    x = torch.randn(n, 2, side, side) * 10.0**exponent
    y = pooling.LpPool2d(p, kernel)(x)
    largest = F.max_pool2d(x.abs(), kernel)
    total = F.avg_pool2d(x.abs(), kernel) * kernel**2
    assert (y >= largest * (1 - 1e-5)).all() and (y <= total * (1 + 1e-5)).all()


def test_lp_pooling_leaves_its_input_unchanged() -> None:
    x = torch.randn(2, 3, 4, 4)
    before = x.clone()
    for p in (1.0, 1.5, 2.0, 3.0):
        for kernel in (1, 2):
            pooling.LpPool2d(p, kernel)(x)
    assert torch.equal(x, before)


def test_mixed_pooling_averages_maximum_and_mean() -> None:
    layer = pooling.MixedPool2d()
    x = images(2, 2, 6, 6)
    torch.testing.assert_close(layer.double()(x), (F.max_pool2d(x, 2) + F.avg_pool2d(x, 2)) / 2)
    check_gradients(layer, x)
    check_gradients(pooling.MixedPool2d(3, 2), x)


BLOCKS = {
    "basic": lambda i, o, s: residual_blocks.BasicBlock(i, o, s),
    "basic 5×5": lambda i, o, s: residual_blocks.BasicBlock(i, o, s, kernel=5),
    "padded": lambda i, o, s: residual_blocks.BasicBlock(i, o, s, shortcut="padding"),
    "wide": lambda i, o, s: residual_blocks.BasicBlock(i, o, s, inner=2 * o),
    "1+3": lambda i, o, s: residual_blocks.MixedKernelBlock(i, o, s),
    "bottleneck": lambda i, o, s: residual_blocks.BottleneckBlock(i, o, s),
    "pre-activation": lambda i, o, s: residual_blocks.PreActivationBlock(i, o, s),
    "pre-activation bottleneck": lambda i, o, s: residual_blocks.PreActivationBlock(i, o, s, True),
}


@pytest.mark.parametrize("kind", BLOCKS)
@pytest.mark.parametrize(
    ("out_channels", "stride"),
    [
        (4, 1),
        *(pytest.param(*both, marks=pytest.mark.torture) for both in ((8, 1), (4, 2), (8, 2))),
    ],
)
def test_residual_block_has_the_right_shape_and_gradients(
    kind: str, out_channels: int, stride: int
) -> None:
    layer = BLOCKS[kind](4, out_channels, stride).double().eval()
    for module in layer.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(
                module.bias
            )  # otherwise a ReLU may receive exactly 0, where it has a kink
    x = images(1, 4, 4, 4)
    assert layer(x).shape == (1, out_channels, 4 // stride, 4 // stride)
    check_gradients(layer, x)


def test_blocks_have_the_parameters_of_report_004() -> None:
    def count(block: nn.Module) -> int:
        return sum(p.numel() for p in block.parameters())

    assert count(residual_blocks.BasicBlock(64, 64)) == 73_984
    assert count(residual_blocks.BasicBlock(64, 64, inner=128)) == 147_840


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: pooling.LpPool2d(0.5), ["`p`", "`0.5`", "at least 1"]),
        (lambda: pooling.LpPool2d(math.inf), ["`p`", "`inf`"]),
        (lambda: pooling.LpPool2d(2, 0), ["`kernel`", "`0`"]),
        (lambda: pooling.MixedPool2d(2, 0), ["`stride`", "`0`"]),
        (lambda: attention.SqueezeExcitation(8, 16), ["`reduction`", "`16`", "8 channels"]),
        (lambda: attention.SqueezeExcitation(8, 3), ["`reduction`", "`3`", "divisor"]),
        (lambda: attention.CBAM(8, 0), ["`reduction`", "`0`"]),
        (lambda: attention.CBAM(8, 8, 4), ["`kernel`", "`4`", "odd"]),
        (lambda: attention.SelfAttention(4, 8), ["`reduction`", "`8`"]),
        (lambda: activation.Swish(math.nan), ["`beta`", "`nan`"]),
        (lambda: convolution.UnfoldedConvolution(0, 1), ["`in_channels`", "`0`"]),
        (lambda: convolution.ScaledConvolution(1, 1, 3, 0), ["`stride`", "`0`"]),
        (lambda: convolution.ScaledConvolution(1, 1, scale=math.inf), ["`scale`", "`inf`"]),
        (lambda: convolution.UnfoldedConvolution(1, 1, padding=-1), ["`padding`", "`-1`"]),
        (lambda: residual_blocks.BasicBlock(4, 4, kernel=4), ["`kernel`", "`4`", "odd"]),
        (lambda: residual_blocks.BottleneckBlock(4, 6), ["`reduction`", "6 channels"]),
    ],
)
def test_invalid_arguments_are_refused_with_name_and_value(make: object, words: list[str]) -> None:
    with pytest.raises(ModelError) as caught:
        make()
    text = f"{caught.value.message}: {caught.value.hint}"
    assert "\n" not in text
    for word in words:
        assert word in text


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_every_layer_trains_under_autocast_in_channels_last(device: str) -> None:
    with torch.device(device):
        for case in cases(16):
            layer = case.layer.to(device).to(memory_format=torch.channels_last)
            x = torch.randn(2, 16, 8, 8).to(memory_format=torch.channels_last).requires_grad_()
            with torch.autocast("cpu", torch.bfloat16):
                y = layer(x)
            y.float().sum().backward()
            assert all(p.grad is not None for p in (x, *layer.parameters()))
            if device == "cpu":
                assert y.isfinite().all() and x.grad.isfinite().all()


def test_layer_costs_cover_every_layer() -> None:
    costs = list(layer_costs((2, 16, 8, 8), repeats=2))
    assert len({cost.layer for cost in costs}) == len(costs) == 13
    for cost in costs:
        assert cost.ratio > 0 and cost.extra_parameters >= 0
        if cost.reference is not None:
            assert cost.output_difference < 1e-5 and cost.gradient_difference < 1e-4
    extra = {cost.layer: cost.extra_parameters for cost in costs}
    assert extra["convolution × 1.5"] == 0
    assert extra["convolution, scale and shift per channel"] == 16
