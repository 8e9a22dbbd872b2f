"""Receptive fields against manual results, publications, and an independent method."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from torch import Tensor, nn
from torch.nn import functional as F

from convcompare.analysis.receptive_field.axis import IMAGE
from convcompare.analysis.receptive_field.measured import measure
from convcompare.analysis.receptive_field.meta_execution import WithoutInitialWeights
from convcompare.analysis.receptive_field.of_network import field_of_network
from convcompare.analysis.receptive_field.tensor_field import Untraceable
from convcompare.analysis.receptive_field.traced import ReceptiveField, run_traced, trace
from convcompare.core.registry import register
from convcompare.models.build import resolve
from convcompare.models.shape import Shape
from tests.support.gradient_support import run_linear, seen_pixels
from tests.support.networks import deep_ones_long
from tests.support.receptive_field import supports

DRAWN = settings(max_examples=25, deadline=None)


def field(spec: str, size: int = 32) -> ReceptiveField:
    return field_of_network(resolve(spec, Shape(3, size, 10)))


def size_stride_start(found: ReceptiveField) -> tuple[int, int, int]:
    """Return size, stride and start of the features, which must be equal along both sides."""
    assert found.features is not None
    height, width = found.features.axes
    assert height is not None and height == width and height.start is not None
    assert height.stride.denominator == 1
    return height.size, int(height.stride), height.start


PUBLISHED = {
    # Araujo, Norris and Sim 2019, doi:10.23915/distill.00021, table in section 4.
    "torchvision:alexnet": 195,
    "torchvision:vgg16": 212,
    "torchvision:resnet18": 435,
    # Their ResNet-50 has its strides in the last 3×3 of a stage (483), torchvision's in the first:
    # 56 less.
    "torchvision:resnet50": 427,
    "torchvision:resnet101": 971,
    "torchvision:resnet152": 1451,
}
LONG = pytest.mark.torture
MASKED = Path(__file__).parents[1] / "cases" / "30-masked-attention" / "nets.py"


@pytest.mark.parametrize(
    "spec", [pytest.param(s, marks=[LONG] if s[-3:] in ("101", "152") else []) for s in PUBLISHED]
)
def test_fields_equal_published_values(spec: str) -> None:
    assert size_stride_start(field(spec, 224))[0] == PUBLISHED[spec]


@pytest.mark.parametrize(
    ("study", "sizes"),
    [
        ("kernel-size-003", {"3×3": 10, "5×5": 16, "7×7": 22, "1×1+3×3": 10}),
        ("depth", {"2 layers": 10, "4 layers": 26, "6 layers": 38}),
    ],
)
def test_fields_equal_those_of_the_reports(study: str, sizes: dict[str, int]) -> None:
    rows = register.study[study].function().rows
    found = {row.name: size_stride_start(field(row.spec))[0] for row in rows if row.name in sizes}
    assert found == sizes


@pytest.mark.parametrize("kernel", [1, 3, 5, 7])
def test_two_convolutions_with_pooling(kernel: int) -> None:
    """k, then k+1 after pooling, 3k-1 after the second convolution, 3k+1 after its pooling."""
    assert size_stride_start(field(f"simple:kernel={kernel}"))[:2] == (3 * kernel + 1, 4)


@LONG
def test_resnet152_equals_the_sum_over_its_strides() -> None:
    """Stem and pooling 11, then twice the stride before each 3×3 convolution."""
    strides = [4] * 3 + [4] + [8] * 7 + [8] + [16] * 35 + [16] + [32] * 2
    size = 11 + sum(2 * stride for stride in strides)
    assert (
        size_stride_start(field("torchvision:resnet152", 224))
        == (size, 32, -(size // 2))
        == (1451, 32, -725)
    )


LAYER = st.tuples(
    st.sampled_from(["conv", "max", "average"]),
    st.integers(1, 5),
    st.integers(1, 3),
    st.integers(0, 2),
    st.integers(1, 3),
)


def chain(layers: list[tuple[str, int, int, int, int]]) -> nn.Sequential:
    model = nn.Sequential()
    for kind, kernel, stride, padding, dilation in layers:
        if kind == "conv":
            model.append(nn.Conv2d(2, 2, kernel, stride, padding, dilation))
        elif kind == "max":
            model.append(nn.MaxPool2d(kernel, stride, min(padding, kernel // 2), dilation))
        else:
            model.append(nn.AvgPool2d(kernel, stride, min(padding, kernel // 2)))
    return model


@DRAWN
@given(st.lists(LAYER, min_size=1, max_size=4))
def test_chains_follow_the_recurrence_and_the_gradient(
    layers: list[tuple[str, int, int, int, int]],
) -> None:
    size, jump, start = 1, 1, 0
    for kind, kernel, stride, padding, dilation in layers:
        padding = padding if kind == "conv" else min(padding, kernel // 2)
        dilation = 1 if kind == "average" else dilation
        size, start = size + (kernel - 1) * dilation * jump, start - padding * jump
        jump *= stride
    model = chain(layers).to("meta")
    side = size + 2 * jump + 2 * abs(start)
    found = trace(model, 2, (side, side))
    axis = found.layers[-1].axes[0]
    assert axis is not None
    assert (axis.size, axis.stride, axis.start) == (size, jump, start)
    last = str(len(layers) - 1)
    seen = supports(model, 2, (side, side), {last})[last]
    first, final = axis.span(seen.unit[0])
    assert seen.rows == seen.columns == (max(first, 0), min(final, side - 1))


class Apply(nn.Module):
    """A function between two convolutions."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.before, self.after = nn.Conv2d(1, 4, 3, 1, 1), nn.LazyConv2d(2, 3, 1, 1)
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.after(self.function(self.before(x)))
        return y


ONES = torch.ones(4, 4, 3, 3)
POOLED = "a branch of twice the stride, brought back by upsampling"
FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "nearest ×2": lambda x: F.interpolate(x, scale_factor=2),
    "nearest to 30": lambda x: F.interpolate(x, size=30),
    "nearest-exact to 17": lambda x: F.interpolate(x, size=17, mode="nearest-exact"),
    "bilinear ×2": lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"),
    "bilinear to 33": lambda x: F.interpolate(x, size=33, mode="bilinear"),
    "bilinear, corners": lambda x: F.interpolate(x, size=36, mode="bilinear", align_corners=True),
    "area to 10": lambda x: F.interpolate(x, size=10, mode="area"),
    "adaptive 24 to 10": lambda x: F.adaptive_avg_pool2d(x, 10),
    "adaptive 24 to 6": lambda x: F.adaptive_max_pool2d(x, 6),
    "adaptive, other sides": lambda x: F.adaptive_avg_pool2d(x, (6, 8)),
    "transposed 2/2": lambda x: F.conv_transpose2d(x, x.new_ones(4, 4, 2, 2), None, 2),
    "transposed 4/2": lambda x: F.conv_transpose2d(x, x.new_ones(4, 4, 4, 4), None, 2, 1),
    "transposed 3/2": lambda x: F.conv_transpose2d(x, x.new_ones(4, 4, 3, 3), None, 2, 1, 1),
    "transposed 1/3": lambda x: F.conv_transpose2d(x, x.new_ones(4, 4, 1, 1), None, 3),
    "pixel shuffle": lambda x: F.pixel_shuffle(x, 2),
    "pixel unshuffle": lambda x: F.pixel_unshuffle(x, 2),
    "padding": lambda x: F.pad(x, (3, 1, 0, 2)),
    "cropping": lambda x: x[:, :, 2:-1, ::2],
    "every second": lambda x: x[..., ::2, 1::2],
    "Lp pool": lambda x: F.lp_pool2d(x, 2, 2),
    "dilated max pool": lambda x: F.max_pool2d(x, 3, 1, 1, 2),
    "reshaped and back": lambda x: x.flatten(2).transpose(1, 2).transpose(1, 2).view(x.shape),
    "channels last and back": lambda x: F.layer_norm(x.permute(0, 2, 3, 1), (4,)).permute(
        0, 3, 1, 2
    ),
    "halves": lambda x: torch.cat([F.avg_pool2d(h, 3, 1, 1) for h in x.chunk(2, 1)], 1),
    "channels moved and back": lambda x: F.layer_norm(x.movedim(1, -1), (4,)).moveaxis(3, 1),
    "gate with the names of NumPy": lambda x: x * torch.cat([x.mean(axis=1, keepdim=True)], axis=1),
    "norm over channels": lambda x: x * torch.linalg.norm(x, dim=1, keepdim=True),
    "softmax without a dimension": lambda x: nn.Softmax()(x),
    "weights of the image's type": lambda x: F.conv2d(x, nn.Parameter(ONES).type_as(x), padding=1),
    "stacked": lambda x: torch.stack([x, F.avg_pool2d(x, 5, 1, 2)]).sum(0),
    POOLED: lambda x: x + F.interpolate(F.avg_pool2d(x, 3, 2, 1), scale_factor=2),
    "uneven branches": lambda x: x + F.interpolate(F.avg_pool2d(x, 5, 5), size=24),
}


@pytest.mark.filterwarnings("ignore:Implicit dimension choice")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_field_of_every_unit_equals_its_gradient(name: str) -> None:
    model = Apply(FUNCTIONS[name]).eval()
    model(torch.zeros(1, 1, 24, 24))
    tracer, output = run_traced(model, 1, (24, 24))
    axes = tracer.field(output).axes  # type: ignore[union-attr]
    images, outputs = run_linear(model, 1, (24, 24), gates=False, names={"after"})
    rows, columns = outputs["after"].shape[2:]
    for i in range(min(rows, columns)):
        seen = seen_pixels(outputs["after"], (0, 0, i, i), images)
        for axis, pixels in zip(axes, seen, strict=True):
            assert axis is not None
            spans = [axis.span(i + k) for k in (-1, 0, 1)]
            inside = 0 < i < min(rows, columns) - 1 and spans[1][0] >= 0 and spans[1][1] < 24
            first, last = max(axis.span(i)[0], 0), min(axis.span(i)[1], 23)
            assert not inside or pixels == (first, last), (i, pixels, spans)
            empty = pixels[1] < 0  # the unit lies in the padding
            assert empty or (pixels[0] >= first and pixels[1] <= last), (i, pixels, spans)


def compared(spec: str, base: int) -> tuple[int, int]:
    """Return the number of compared modules, and of their sides within the image."""
    channels, found = 3, field(spec, base)
    axis = found.features.axes[0] if found.features else None
    side = base if axis is None else max(base, axis.size + 2 * int(axis.stride))
    side = -(-side // 32) * 32
    for image, built in (((side, base), base), ((side, side), side)):
        weights_only = spec.startswith("torchvision:regnet")
        with WithoutInitialWeights(weights_only):
            device = "cpu" if weights_only else "meta"
            model = resolve(spec, Shape(channels, built, 10)).build(0, device)
        try:
            tracer, _ = run_traced(model, channels, image)
            break
        except RuntimeError:  # a head for square images of one size
            continue
    places = [n for n, (f, s) in tracer.outputs.items() if n and len(s) == 4 and f.dims == (2, 3)]
    picked = set(places[:: -max(1, len(places) // 10)])
    uncut = 0
    for name, seen in supports(model, channels, image, picked).items():
        axes = tracer.outputs[name][0].axes
        sides = zip(axes, seen.unit, (seen.rows, seen.columns), image, strict=True)
        for known, unit, span, pixels in sides:
            assert known is not None, name
            first, last = known.span(unit)
            if first >= 0 and last < pixels:
                assert span == (first, last), (name, span, known)
                uncut += 1
            assert span[0] >= max(first, 0) and span[1] <= min(last, pixels - 1), (name, span)
    return len(picked), uncut


ZOO = [
    *dict.fromkeys(row.spec for study in register.study for row in study.function().rows),
    *(entry.name for entry in register.model),
    "resnet-20:shortcut=B",
    "lenet-5:form=paper",
    *(f"cnn:attention={kind}" for kind in ("se", "cbam", "self")),
    *(f"cnn:conv={kind},conv_in=all" for kind in ("unfold", "scaled", "affine")),
    *(f"cnn:pool={kind}" for kind in ("average", "lp", "lp-mean", "mixed")),
    *(f"cnn:activation={kind}" for kind in ("swish", "silu+relu", "softplus", "hard-swish")),
]


@pytest.mark.parametrize("spec", deep_ones_long(dict.fromkeys(ZOO)))
def test_both_methods_agree_on_the_zoo(spec: str) -> None:
    modules, uncut = compared(spec, 32)
    assert spec.startswith("fcn") == (modules == 0)
    assert uncut >= modules


FAMILIES = ("alexnet", "resnet18", "shufflenet_v2_x0_5", "squeezenet1_1")
MORE = (
    "convnext_tiny", "densenet121", "efficientnet_b0", "efficientnet_v2_s", "googlenet",
    "inception_v3", "mnasnet0_5", "mobilenet_v2", "mobilenet_v3_small", "regnet_x_400mf",
    "regnet_y_400mf", "resnet152", "resnext50_32x4d", "vgg16_bn", "vit_b_16", "wide_resnet50_2",
)  # fmt: skip


@pytest.mark.parametrize("name", [*FAMILIES, *(pytest.param(n, marks=LONG) for n in MORE)])
def test_both_methods_agree_on_torchvision(name: str) -> None:
    modules, uncut = compared(f"torchvision:{name}", 224)
    assert uncut >= modules > 0


def test_windows_of_attention_are_measured(tmp_path: Path) -> None:
    """One stage of Swin-T, narrower: one block with plain and one with shifted windows."""
    (tmp_path / "swin.py").write_text(
        "from torchvision.models.swin_transformer import SwinTransformer\n"
        "def net(num_classes):\n"
        "    return SwinTransformer([4, 4], 8, [2], [2], [7, 7], num_classes=num_classes)\n"
    )
    found = field(f"{tmp_path / 'swin.py'}:net", 112)
    assert found.method == "measured" and "windows" in found.reason
    sizes = {layer.name: layer.axes[0] and layer.axes[0].size for layer in found.layers}
    assert sizes["features.0.0"] == 4 and sizes["features.1.0.attn"] == 28


def test_initialisation_from_first_images_is_not_part_of_the_field(
    tmp_path: Path,
) -> None:
    (tmp_path / "first.py").write_text(
        "import torch\n"
        "class Net(torch.nn.Module):\n"
        "    def __init__(self, num_classes):\n"
        "        super().__init__()\n"
        "        self.conv, self.fc = torch.nn.Conv2d(3, 8, 3), torch.nn.Linear(8, num_classes)\n"
        "        self.register_buffer('ready', torch.tensor(False))\n"
        "        self.register_buffer('mean', torch.zeros(1, 8, 1, 1))\n"
        "    def forward(self, x):\n"
        "        y = self.conv(x)\n"
        "        if not self.ready:\n"
        "            self.mean = y.mean((0, 2, 3), keepdim=True).detach()\n"
        "            self.ready.fill_(True)\n"
        "        return self.fc((y - self.mean).relu().mean((2, 3)))\n"
    )
    found = field(f"{tmp_path / 'first.py'}:Net")
    assert size_stride_start(found) == (3, 1, 0) and found.whole_from == "mean"
    assert found.features is not None and not found.features.is_whole


def test_parameter_masked_in_each_pass_is_measured(tmp_path: Path) -> None:
    (tmp_path / "pixels.py").write_text(
        "import torch\n"
        "class Masked(torch.nn.Conv2d):\n"
        "    def forward(self, x):\n"
        "        self.weight.data[:, :, self.kernel_size[0] // 2 + 1:] = 0\n"
        "        return super().forward(x)\n"
        "class Net(torch.nn.Module):\n"
        "    def __init__(self, num_classes):\n"
        "        super().__init__()\n"
        "        self.first, self.then = Masked(3, 8, 7, padding=3), Masked(8, 8, 3, padding=1)\n"
        "        self.fc = torch.nn.Linear(8, num_classes)\n"
        "    def forward(self, x):\n"
        "        return self.fc(self.then(self.first(x)).mean((2, 3)))\n"
    )
    found = field(f"{tmp_path / 'pixels.py'}:Net")
    assert found.method == "measured" and found.features is not None
    height, width = found.features.axes
    assert height is not None and (height.size, height.start) == (5, -4)
    assert width is not None and (width.size, width.start) == (9, -4)


@pytest.mark.parametrize(
    "name", ["Fused", "Filled", "Added", "AddedInType", "Scaled", "FilledWithZero", "Module"]
)
def test_masked_attention_is_measured(name: str) -> None:
    found = field(f"{MASKED}:{name}", 28)
    assert found.method == "measured" and "mask" in found.reason
    assert size_stride_start(found) == (6, 2, -2) and found.whole_from == "mean"


def test_attention_with_an_empty_mask_is_traced() -> None:
    found = field(f"{MASKED}:Everywhere", 28)
    assert found.method == "traced" and found.whole_from == "scaled_dot_product_attention"


@pytest.mark.parametrize("kind", ["se", "cbam", "self"])
def test_gate_covers_the_image_and_keeps_the_path_of_the_features(kind: str) -> None:
    found = field(f"cnn:attention={kind}")
    assert found.whole_from is not None and found.whole_from.startswith("attention1")
    assert found.features is not None and found.features.is_whole
    assert found.features.axes[0] is not None
    assert found.features.axes[0].size == (28 if kind == "cbam" else 10)
    model = resolve(f"cnn:attention={kind}", Shape(3, 32, 10)).build(0, "meta")
    seen = supports(model, 3, (32, 32), {"pool2"}, gates=True)["pool2"]
    assert seen.rows == seen.columns == (0, 31)


class InWindows(nn.MultiheadAttention):
    """Attention within windows of 4×4 positions of feature maps."""

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        n, c, h, w = x.shape
        parts = x.view(n, c, h // 4, 4, w // 4, 4).permute(0, 2, 4, 3, 5, 1).reshape(-1, 16, c)
        parts = super().forward(parts, parts, parts)[0]
        parts = parts.view(n, h // 4, w // 4, 4, 4, c).permute(0, 5, 1, 3, 2, 4)
        return parts.reshape(n, c, h, w)


def test_attention_with_a_forward_of_its_own_is_measured() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), InWindows(8, 2, batch_first=True))
    with pytest.raises(Untraceable, match="into windows"):
        trace(model, 3, (32, 32))
    found = measure(lambda: model, 3, (32, 32))
    assert found.features is not None and found.features.axes[0] is not None
    assert found.features.axes[0].size == 6 and not found.features.is_whole


def test_attention_along_rows_is_measured() -> None:
    class AlongRows(nn.MultiheadAttention):
        """Attention of the positions of each row."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.mix = nn.Conv2d(3, 8, 3, 1, 1), AlongRows(8, 2, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            rows = self.stem(x).permute(0, 2, 3, 1)
            y = self.mix(*[rows.flatten(0, 1)] * 3)[0].view(rows.shape)
            return y.permute(0, 3, 1, 2).mean((2, 3))

    with pytest.raises(Untraceable, match="rows or columns attend separately"):
        trace(Net(), 3, (16, 16))
    found = measure(Net, 3, (16, 16)).features
    assert found is not None and found.axes[0] is not None
    assert (found.axes[0].size, found.whole) == (3, (False, True))


def test_learnt_queries_have_no_position() -> None:
    class Pooled(nn.Module):
        """As in Perceiver: learnt tokens read the image by attention."""

        def __init__(self) -> None:
            super().__init__()
            self.stem, self.head = nn.Conv2d(3, 8, 4, stride=4), nn.Linear(8, 10)
            self.tokens = nn.Parameter(torch.zeros(1, 5, 8))
            self.read = nn.MultiheadAttention(8, 2, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            places = self.stem(x).flatten(2).transpose(1, 2)
            read, _ = self.read(self.tokens.expand(len(x), -1, -1), places, places)
            return self.head(read.mean(1))  # type: ignore[no-any-return]

    found = trace(Pooled(), 3, (32, 32))
    assert size_stride_start(found) == (4, 4, 0) and found.whole_from == "read"
    assert found.layers[-1].is_whole and found.layers[-1].axes == (None, None)


def test_transformed_image_has_no_positions() -> None:
    class Transformer(nn.Module):
        def __init__(self, side: int) -> None:
            super().__init__()
            self.seen, self.turn = nn.Conv2d(3, 2, 5), nn.Linear(2 * side**2, 6)
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x: Tensor) -> Tensor:
            turn = self.turn(self.seen(x).flatten(1)).view(-1, 2, 3)
            grid = F.affine_grid(turn, list(x.shape), align_corners=False)
            y: Tensor = self.conv(F.grid_sample(x, grid, align_corners=False))
            return y

    found = trace(Transformer(12), 3, (16, 16))
    assert found.features is not None and found.features.name == "seen"
    assert size_stride_start(found) == (5, 1, 0) and found.whole_from == "turn"
    images = torch.randn(1, 3, 16, 16, requires_grad=True)
    Transformer(12)(images)[0, :, 7, 7].sum().backward()
    assert images.grad is not None and images.grad.ne(0).all()
    assert set(found.modules) == {"seen"}


def test_field_is_reported_before_and_after_local_pooling() -> None:
    found = field("cnn:depth=6")
    assert found.features is not None and found.after_pooling is not None
    assert (found.features.name, found.after_pooling.name) == ("conv6", "average")
    assert found.after_pooling.axes[0] == IMAGE.window(42, 8, 17)
    assert found.whole_from == "fc1"


@pytest.mark.parametrize("head", [
    lambda x: F.avg_pool2d(x, 8), lambda x: F.avg_pool2d(x, x.size(3)).view(x.size(0), -1),
    lambda x: F.adaptive_avg_pool2d(x, 1), lambda x: x.mean((2, 3)),
    lambda x: F.avg_pool2d(F.avg_pool2d(x, 8), 1),
])  # fmt: skip
def test_global_average_is_not_part_of_the_features(
    head: Callable[[Tensor], Tensor],
) -> None:
    """The features have the same field however the average is written."""
    found = trace(Headed(head), 3, (32, 32))
    assert found.features is not None and found.features.name == "body.2"
    assert size_stride_start(found) == (7, 4, -3)


def test_global_average_in_a_gate_is_recognised_in_each_form() -> None:
    """Before 1×1 convolutions, as in squeeze-and-excitation blocks: it does not shift the field."""

    class Gated(nn.Module):
        def __init__(self, squeeze: Callable[[Tensor], Tensor]) -> None:
            super().__init__()
            self.a, self.gate = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 1)
            self.b, self.fc, self.squeeze = nn.Conv2d(4, 4, 3), nn.Linear(4, 10), squeeze

        def forward(self, x: Tensor) -> Tensor:
            x = self.a(x)
            x = self.b(x * self.gate(self.squeeze(x)).sigmoid())
            return self.fc(x.mean((2, 3)))  # type: ignore[no-any-return]

    for squeeze in (lambda x: F.avg_pool2d(x, x.size(2)), lambda x: x.mean((2, 3), keepdim=True)):
        found = trace(Gated(squeeze), 3, (32, 32))
        assert found.features is not None and found.features.is_whole
        assert size_stride_start(found) == (5, 1, -1)


def test_branches_pooled_separately_are_features_together() -> None:
    """With strides of one and two: the larger field counts."""

    class Branches(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 7, stride=2)
            self.fc = nn.Linear(4, 10)

        def forward(self, x: Tensor) -> Tensor:
            one, other = self.a(x).mean((2, 3)), self.b(x).mean((2, 3))
            return self.fc(one) + self.fc(other)  # type: ignore[no-any-return]

    found = trace(Branches(), 3, (32, 32))
    assert size_stride_start(found)[0] == 7 and found.features in found.layers


def test_maximum_or_partial_pooling_is_part_of_the_features() -> None:
    """A last 2×2 maximum as in VGG, and windows that leave out a part of the map."""
    assert size_stride_start(trace(Headed(lambda x: F.max_pool2d(x, 8)), 3, (32, 32)))[0] == 35
    assert size_stride_start(trace(Headed(lambda x: F.avg_pool2d(x, 7)), 3, (32, 32)))[0] == 31


class Subclass(Tensor):
    """A kind of tensor without operations of its own."""


class Headed(nn.Module):
    """Two strided convolutions, 7 pixels every 4, a head and a linear layer."""

    def __init__(self, head: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 4, 3, 2, 1), nn.ReLU(), nn.Conv2d(4, 8, 3, 2, 1), nn.ReLU()
        )
        self.head, self.fc = head, nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.fc(self.head(self.body(x)).flatten(1))
        return found


def test_padding_of_a_convolution_has_its_own_name() -> None:
    conv = nn.Conv2d(1, 1, 3, padding=1, padding_mode="reflect")
    names = [layer.name for layer in trace(nn.Sequential(conv, conv), 1, (8, 8)).layers]
    assert names == ["0.pad", "0", "0.pad#2", "0#2"]


def test_height_and_width_may_differ() -> None:
    model = nn.Sequential(nn.Conv2d(1, 1, (1, 7), (1, 2), (0, 3)), nn.AvgPool2d((3, 1)))
    height, width = trace(model, 1, (21, 21)).layers[-1].axes
    assert height == IMAGE.window(3, 3) and width == IMAGE.window(7, 2, 3)


def test_size_of_an_upsampled_field_is_the_largest() -> None:
    model = nn.Sequential(nn.Conv2d(1, 1, 3, 2, 1), nn.ConvTranspose2d(1, 1, 4, 2, 1))
    axis = trace(model, 1, (16, 16)).layers[-1].axes[0]
    assert axis is not None
    assert (axis.size, axis.stride, axis.period) == (5, 1, 2)
    assert trace(nn.ConvTranspose2d(1, 1, 2, 2), 1, (8, 8)).layers[0].axes[0].stride == 0.5  # type: ignore[union-attr]


def test_instance_norm_with_running_statistics_keeps_the_field() -> None:
    norm = nn.InstanceNorm2d(4, affine=True, track_running_stats=True)
    model = nn.Sequential(nn.Conv2d(1, 4, 3, 1, 1), norm, nn.Conv2d(4, 4, 3, 1, 1))
    last = trace(model, 1, (8, 8)).layers[-1]
    assert last.axes[0] is not None and last.axes[0].size == 5 and not any(last.whole)


@pytest.mark.parametrize(
    "layer", [nn.GroupNorm(2, 4), nn.InstanceNorm2d(4), nn.Softmax(3), nn.LayerNorm([4, 8, 8])]
)
def test_normalisation_over_the_image_covers_it(layer: nn.Module) -> None:
    model = nn.Sequential(nn.Conv2d(1, 4, 3, 1, 1), layer)
    last = trace(model, 1, (8, 8)).layers[-1]
    assert any(last.whole) and last.axes[0] is not None and last.axes[0].size == 3


def _with_data_of(x: Tensor) -> Tensor:
    other = torch.empty_like(x)
    other.data = x
    return other


def _view_of_written(x: Tensor) -> Tensor:
    """A view of the first channel, written into together with the others after it was made."""
    first = x[:, :1]
    x += F.avg_pool2d(x, 3, 1, 1)
    return first + 1


def _caught(x: Tensor) -> Tensor:
    try:
        return x.roll(1, 2)
    except Exception:
        return x


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.roll(1, 2),
        lambda x: x[:, :, torch.tensor([2, 1])],
        lambda x: torch.fft.fft(x).abs(),
        lambda x: F.pad(x, (1, 1, 1, 1), mode="circular"),
        lambda x: torch.cat([x, x], 3),
        lambda x: torch.cat(torch.chunk(x, 2, axis=2), 1),  # type: ignore[call-arg]
        lambda x: x[:, :1].add_(F.avg_pool2d(x, 3, 1, 1)[:, :1]),
        lambda x: torch.add(x, x, out=torch.empty(1)),
        lambda x: x * float(x.sum()),
        lambda x: x.view(1, 2, 4, 2, 4, 2),
        lambda x: F.pixel_shuffle(F.pixel_unshuffle(x, 4), 2),
        lambda x: F.pixel_unshuffle(x, 4)[:, :4],
        lambda x: F.unfold(x, 3, padding=1).view(1, 2, 9, 8, 8)[:, :, 4],
        lambda x: torch.einsum("nchw,nchv->nchv", x, x),
        lambda x: torch.vmap(lambda one: 2 * one)(x),
        lambda x: x.permute(0, 2, 3, 1).reshape(8, 8, 2) @ x.permute(0, 2, 1, 3).reshape(8, 2, 8),
        lambda x: F.scaled_dot_product_attention(*[x.permute(0, 2, 3, 1)] * 3),
        lambda x: x + x.data_ptr(),
        _with_data_of,
        _view_of_written,
        _caught,
    ],
)
def test_operation_without_a_rule_is_refused(function: Callable[[Tensor], Tensor]) -> None:
    class Net(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return function(F.conv2d(x, x.new_ones(2, 2, 1, 1)))

    with pytest.raises(Untraceable):
        trace(Net(), 2, (8, 8))


@pytest.mark.parametrize("same", [
    torch.autograd.Variable, copy.copy, torch.Tensor, lambda x: torch.empty(0).set_(x),
    lambda x: nn.Parameter(x, requires_grad=False), lambda x: x.as_subclass(Subclass),
])  # fmt: skip
def test_other_objects_with_the_memory_of_a_tensor_are_followed(
    same: Callable[[Tensor], Tensor],
) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.near, self.far = nn.Conv2d(1, 2, 3, 1, 1), nn.Conv2d(1, 2, 9, 1, 4)
            self.last = nn.Conv2d(2, 2, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.last(self.near(x) + self.far(same(x)))  # type: ignore[no-any-return]

    found = trace(Net(), 1, (32, 32))
    assert found.method == "traced" and size_stride_start(found) == (9, 1, -4)


def test_network_that_branches_on_values_is_measured() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1, self.conv2 = nn.Conv2d(1, 2, 3, 1, 1), nn.Conv2d(2, 2, 5, 2, 2)

        def forward(self, x: Tensor) -> Tensor:
            y = self.conv1(x)
            return self.conv2(y if y.mean() > -1e9 else -y)  # type: ignore[no-any-return]

    with pytest.raises(Untraceable, match="`bool` has no rule"):
        trace(Net(), 1, (32, 32))
    found = measure(Net, 1, (32, 32))
    assert [layer.axes[0] and layer.axes[0].size for layer in found.layers] == [3, 7]
    assert [layer.axes[0] and layer.axes[0].stride for layer in found.layers] == [1, 2]
    assert [layer.axes[0] and layer.axes[0].start for layer in found.layers] == [-1, -3]


def test_tracing_leaves_the_network_unchanged() -> None:
    model = resolve("residual", Shape(3, 32, 10)).build(0).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    state = torch.get_rng_state()
    trace(model, 3, (32, 32))
    assert all(torch.equal(before[name], t) for name, t in model.state_dict().items())
    assert all(module.training for module in model.modules())
    assert not any(module._forward_hooks for module in model.modules())
    assert torch.equal(state, torch.get_rng_state())
