"""Shapes computed on the meta device equal torch's, or are left to torch."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from convcompare.models.meta_device import building_on, output_of

ATEN = torch.ops.aten
IMAGES, FLAT = torch.randn(2, 6, 9, 7), torch.randn(3, 4)
WEIGHT = torch.randn(4, 3, 3, 2)


def convolution(*sides: list[int], images: Tensor = IMAGES, groups: int = 2) -> Any:
    stride, padding, dilation = sides
    given = (images, WEIGHT, None, stride, padding, dilation, False, [0, 0], groups)
    return ATEN.convolution.default, given


def batch_norm(training: bool = False, channels: int = 6) -> Any:
    numbers = [torch.ones(channels) for _ in range(4)]
    return ATEN.native_batch_norm.default, (IMAGES, *numbers, training, 0.1, 1e-5)


KNOWN = [
    convolution([1, 1], [0, 0], [1, 1]),
    convolution([2], [1], [2]),
    convolution([3, 2], [2, 0], [1, 3]),
    batch_norm(),
    (ATEN.addmm.default, (torch.randn(5), FLAT, torch.randn(4, 5))),
    (ATEN.mm.default, (FLAT, torch.randn(4, 5))),
    (ATEN.max_pool2d_with_indices.default, (IMAGES, [3, 2], [2, 1], [1, 0], [2, 1])),
    (ATEN.max_pool2d_with_indices.default, (IMAGES, [2])),
    *[
        (ATEN.max_pool2d_with_indices.default, (IMAGES, [2, 3], [stride, 2], [1], [1], True))
        for stride in (1, 2, 3, 4, 5)
    ],
    (ATEN.avg_pool2d.default, (IMAGES, [3], [4, 3], [1], True)),
    (ATEN.avg_pool2d.default, (IMAGES, [3], [2], [1])),
    (ATEN.avg_pool2d.default, (IMAGES, [2, 3], [], [0], False, False)),
    (ATEN._adaptive_avg_pool2d.default, (IMAGES, [4, 3])),
    (ATEN.adaptive_max_pool2d.default, (IMAGES, [1, 2])),
    (ATEN.cat.default, ([IMAGES, IMAGES[:, :2].contiguous()], 1)),
    (ATEN.cat.default, ([IMAGES, IMAGES], -1)),
    (ATEN.mean.dim, (IMAGES, [2, -1])),
    (ATEN.mean.dim, (IMAGES, [-3], True)),
    (ATEN.relu.default, (IMAGES,)),
    (ATEN.softplus.default, (IMAGES, 2.0)),
    (ATEN.add.Tensor, (IMAGES, IMAGES)),
    (ATEN.div.Tensor, (IMAGES, 9)),
    (ATEN.hardtanh_.default, (IMAGES, 0, 6)),
    (ATEN.add_.Tensor, (IMAGES, IMAGES)),
    (ATEN.mul_.Scalar, (IMAGES, 2)),
]
LEFT = [
    convolution([1, 1], [0, 0], [1, 1], groups=1),
    convolution([1, 1], [0, 0], [5, 1]),
    convolution([1, 1], [0, 0], [1, 1], images=IMAGES.double()),
    convolution([1, 1], [0, 0], [1, 1], images=IMAGES.to(memory_format=torch.channels_last)),
    batch_norm(training=True),
    batch_norm(channels=5),
    (ATEN.addmm.default, (torch.randn(5), FLAT, torch.randn(3, 5))),
    (ATEN.max_pool2d_with_indices.default, (IMAGES, [10])),
    (ATEN.max_pool2d_with_indices.default, (IMAGES, [3], [2], [2])),
    (ATEN._adaptive_avg_pool2d.default, (IMAGES[0], [1, 1])),
    (ATEN.cat.default, ([IMAGES, FLAT], 1)),
    (ATEN.cat.default, ([IMAGES, IMAGES[:1]], 1)),
    (ATEN.cat.default, ([IMAGES, IMAGES], 4)),
    (ATEN.mean.dim, (IMAGES, [4])),
    (ATEN.mean.dim, (IMAGES.long(), [1])),
    (ATEN.relu.default, (IMAGES.long(),)),
    (ATEN.add_.Tensor, (IMAGES, IMAGES[:1])),
    (ATEN.eq.Tensor, (IMAGES, IMAGES)),
    (ATEN.add.Tensor, (IMAGES, IMAGES[:1])),
    (ATEN.mul.Tensor, (IMAGES, IMAGES.double())),
    (ATEN.mul.Tensor, (IMAGES, 2j)),
    (ATEN.add.Tensor, (IMAGES.long(), 0.5)),
]


def on_meta(value: Any) -> Any:
    if isinstance(value, list):
        return [on_meta(one) for one in value]
    return value.to("meta") if isinstance(value, Tensor) else value


def named(case: Any) -> str:
    return str(case[0])


@pytest.mark.parametrize("case", KNOWN, ids=named)
def test_shapes_dtypes_and_strides_equal_those_of_real_tensors(case: Any) -> None:
    function, args = case
    real = function(*(one.clone() if isinstance(one, Tensor) else one for one in args))
    found = output_of(function, [on_meta(one) for one in args])
    pairs = [(real, found)] if isinstance(real, Tensor) else list(zip(real, found, strict=True))
    for expected, made in pairs:
        assert made.is_meta
        assert (made.shape, made.dtype) == (expected.shape, expected.dtype)
        if expected.numel():
            assert made.stride() == expected.stride()


def test_in_place_operation_returns_the_tensor_itself() -> None:
    values = IMAGES.to("meta")
    assert output_of(ATEN.relu_.default, [values]) is values


@pytest.mark.parametrize("case", LEFT, ids=named)
def test_other_and_invalid_operations_are_left_to_torch(case: Any) -> None:
    function, args = case
    assert output_of(function, [on_meta(one) for one in args]) is None


def test_real_tensors_are_left_to_torch() -> None:
    for function, args in KNOWN:
        assert output_of(function, list(args)) is None


def test_no_random_numbers_are_drawn_on_meta() -> None:
    """Weights of a network on the CPU are drawn as before."""
    torch.manual_seed(3)
    with building_on("cpu"):
        drawn = torch.nn.Conv2d(3, 4, 3).weight
    torch.manual_seed(3)
    assert torch.equal(drawn, torch.nn.Conv2d(3, 4, 3).weight)
    with building_on("meta"):
        layer = torch.nn.Conv2d(3, 4, 3)
        torch.nn.init.kaiming_normal_(layer.weight)
        apart = torch.nn.init.normal_(torch.zeros(2, device="cpu"))
        constant = torch.zeros(2, 3, dtype=torch.int64), torch.ones((4,), requires_grad=True)
        with torch.device("cpu"):
            inner = torch.ones(3)
        outer = torch.empty(1)
    assert layer.weight.is_meta and layer.weight.shape == (4, 3, 3, 3)
    assert bool((apart != 0).all())
    assert inner.tolist() == [1, 1, 1] and outer.is_meta
    described = [(one.is_meta, one.shape, one.dtype, one.requires_grad) for one in constant]
    assert described == [(True, (2, 3), torch.int64, False), (True, (4,), torch.float32, True)]


@pytest.mark.parametrize(
    "draw",
    [
        lambda weight: weight.zero_(),
        lambda weight: torch.nn.init.kaiming_uniform_(weight[0, 0, 0]),
        lambda weight: torch.nn.init.kaiming_uniform_(weight, nonlinearity="none"),
        lambda weight: torch.zeros(2, bad=1),
    ],
)
def test_invalid_initialisation_is_refused_on_meta_too(draw: Any) -> None:
    for device in ("cpu", "meta"):
        with building_on(device):
            weight = torch.nn.Conv2d(3, 4, 3).weight
            with pytest.raises((RuntimeError, ValueError, TypeError)):
                draw(weight)


def test_layers_are_built_alike_on_cpu_and_meta() -> None:
    kinds = (
        lambda: torch.nn.Conv2d(4, 8, 3, groups=2),
        lambda: torch.nn.ConvTranspose2d(4, 8, 3),
        lambda: torch.nn.Linear(3, 5),
        lambda: torch.nn.BatchNorm2d(4),
        lambda: torch.nn.GroupNorm(2, 4),
        lambda: torch.nn.LayerNorm((4, 4)),
        lambda: torch.nn.Embedding(7, 3, padding_idx=0),
        lambda: torch.nn.LSTM(3, 4, 2),
        lambda: torch.nn.MultiheadAttention(8, 2),
        lambda: torch.nn.TransformerEncoderLayer(8, 2, 16),
        lambda: torch.nn.Bilinear(2, 3, 4),
        lambda: torch.nn.PReLU(3),
    )
    for make in kinds:
        built = []
        for device in ("cpu", "meta"):
            with building_on(device):
                built.append(make().state_dict())
        real, found = ({n: (t.shape, t.dtype) for n, t in one.items()} for one in built)
        assert found == real
        assert all(one.is_meta for one in built[1].values())
