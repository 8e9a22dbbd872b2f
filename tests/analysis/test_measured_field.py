"""Measured fields against manual results, double-precision gradients, and traced fields."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from importlib import util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import prune
from torch.overrides import TorchFunctionMode

from convcompare.analysis.receptive_field import measured
from convcompare.analysis.receptive_field.measured import measure
from convcompare.analysis.receptive_field.reach import NotKnown
from convcompare.analysis.receptive_field.tensor_field import Untraceable
from convcompare.analysis.receptive_field.traced import ReceptiveField, trace
from convcompare.models.build import resolve
from convcompare.models.interface import copied
from convcompare.models.shape import Shape
from tests.support.cli import Result

Run = Callable[..., Result]
CASES = Path(__file__).parents[1] / "cases"
INPLACE, UNSHUFFLE = CASES / "21-inplace-add-measured", CASES / "29-pixel-unshuffle-field"


def load(path: Path) -> ModuleType:
    spec = util.spec_from_file_location(f"case_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def networks(path: Path) -> dict[str, type[nn.Module]]:
    module = load(path)
    kinds = vars(module).items()
    return {
        n: k
        for n, k in kinds
        if isinstance(k, type) and k.__module__ == module.__name__ and n[0] != "_"
    }


FIELDS, MORE = networks(INPLACE / "fields.py"), networks(INPLACE / "more_fields.py")
BY_HAND: dict[str, tuple[int, int]] = {
    "Residual": (9, 9), "Asym": (5, 8), "Shuffle": (5, 5), "Same": (10, 10), "Trans": (5, 5),
    "Focus": (6, 6), "Circular": (5, 5), "Ceil": (9, 9), "Shift": (4, 3), "Roll": (3, 7),
    "Unfold": (5, 5),
}  # fmt: skip
SLOW = ("Rows",)


def size_of(found: ReceptiveField) -> tuple[int | None, int | None]:
    assert found.features is not None, found.not_known
    sides = zip(found.features.axes, found.features.whole, strict=True)
    height, width = [None if whole or axis is None else axis.size for axis, whole in sides]
    return height, width


def measured_field(kind: type[nn.Module]) -> ReceptiveField:
    return measure(lambda: kind(1, 10), 1, (28, 28))


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("name", BY_HAND)
def test_measured_and_traced_fields_equal_manual_results(name: str) -> None:
    found = measured_field(FIELDS[name])
    assert size_of(found) == BY_HAND[name]
    try:
        traced = trace(FIELDS[name](1, 10), 1, (28, 28))
    except Untraceable:
        return
    assert size_of(traced) == BY_HAND[name]
    assert traced.features is not None and found.features is not None
    assert traced.features.axes == found.features.axes


@pytest.mark.parametrize(
    "name",
    [
        *(n for n in MORE if n not in SLOW),
        *(pytest.param(n, marks=pytest.mark.torture) for n in SLOW),
    ],
)
def test_measured_fields_equal_manual_results(name: str) -> None:
    text = MORE[name].__doc__ or ""
    by_hand = re.search(r"(\d+)x(\d+)", text)
    assert by_hand is not None
    height, width = int(by_hand[1]), int(by_hand[2])
    whole = (None if height == 28 else height, None if width == 28 else width)
    assert size_of(measured_field(MORE[name])) == whole


def test_in_place_writes_have_the_manual_field() -> None:
    kinds = networks(INPLACE / "inplace_add.py")
    for name in ("Traced", "Measured"):
        found = measured_field(kinds[name])
        sizes = {layer.name: layer.axes[0].size for layer in found.layers if layer.axes[0]}
        assert sizes == {"a": 3, "b": 9, "last": 9}
        assert size_of(found) == (9, 9)
    assert size_of(trace(kinds["Traced"](1, 10), 1, (28, 28))) == (9, 9)
    assert size_of(measured_field(kinds["ShiftClone"])) == (4, 3)


def test_field_of_a_unit_covers_all_its_channels() -> None:
    kind = networks(UNSHUFFLE / "unshuffle_net.py")["Net"]
    found = measure(lambda: kind(3, 4), 3, (64, 64))
    sizes = {layer.name: layer.axes[0] for layer in found.layers if layer.axes[0]}
    assert {name: (a.size, a.stride, a.start) for name, a in sizes.items()} == {
        "unshuffle": (4, 4, 0), "conv": (12, 4, -4),
    }  # fmt: skip


class Splines(nn.Module):
    """Spline bases of each value before a product."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.fc = nn.Conv2d(1, 5, 3), nn.Linear(4 * 5 * 6 * 6, 10)

    def forward(self, x: Tensor) -> Tensor:
        maps = self.conv(x).relu()
        out = torch.zeros_like(maps)
        out[:, :] = maps  # no rule traces this, so that it is measured
        flat = nn.functional.max_pool2d(out, 4).flatten(1)
        return self.fc((flat.unsqueeze(2) - torch.arange(4)).flatten(1))


def test_flattened_channels_are_not_taken_for_rows() -> None:
    """The rows of one channel do not lie below those of another."""
    found = measure(Splines, 1, (28, 28))
    assert found.features is not None and found.features.axes[0] is not None
    rows, columns = found.features.axes
    assert rows == columns and (rows.size, rows.stride, rows.start) == (6, 4, 0)


def test_moves_of_channels_are_not_those_of_places() -> None:
    """A shuffle within blocks, whose channels are rows and whose rows are also columns."""

    class Net(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            y = F.pixel_shuffle(F.pixel_unshuffle(x, 4), 2)
            return y.mean((2, 3))

    assert size_of(measure(Net, 1, (28, 28))) == (4, 1)


def test_rows_before_channels_are_positions() -> None:
    """As in recurrence over rows: (n, rows, channels, columns)."""

    class Rows(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.fc = (
                nn.Conv2d(1, 4, 3, padding=1, padding_mode="circular"),
                nn.Linear(4, 10),
            )

        def forward(self, x: Tensor) -> Tensor:
            rows = self.a(x).transpose(1, 2).contiguous()
            return self.fc(rows.mean((1, 3)))  # type: ignore[no-any-return]

    assert size_of(measure(Rows, 1, (28, 28))) == (3, 3)


def of_volume(layer: nn.Module, x: Tensor) -> Tensor:
    """Take the channels, which all have one field, as the depth of a volume."""
    maps: Tensor = layer(x[:, None])
    return maps[:, 0, -1:]


def of_row_means(layer: nn.Module, x: Tensor) -> Tensor:
    maps: Tensor = layer(x.mean(3, keepdim=True).expand_as(x))
    return maps


@pytest.mark.parametrize(
    ("layer", "work", "sizes"),
    [
        (nn.Conv3d(1, 1, (3, 5, 5), padding=(1, 2, 2)), of_volume, (7, 7)),
        (nn.ConvTranspose3d(1, 1, (3, 5, 5), padding=(1, 2, 2)), of_volume, (7, 7)),
        (nn.Conv2d(4, 1, 3, padding=1), of_row_means, (5, None)),
        (nn.ConvTranspose2d(4, 1, 3, padding=1), of_row_means, (5, None)),
    ],
)
def test_convolution_over_places_with_one_field_has_the_manual_field(
    layer: nn.Module, work: Callable[[nn.Module, Tensor], Tensor], sizes: tuple[int | None, ...]
) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.layer = nn.Conv2d(1, 4, 3, padding=1), layer
            self.out = nn.Identity()

        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = self.out(work(self.layer, self.a(x)))
            return y

    axes = measure(Net, 1, (28, 28)).modules["out"].axes
    assert tuple(axis and axis.size for axis in axes) == sizes


HEADS: dict[str, tuple[Callable[[Tensor], Tensor], int]] = {
    "the mean": (lambda x: x.mean((2, 3)), 4),
    "one side at a time": (lambda x: x.mean(3).amax(2), 4),
    "the average of all": (lambda x: nn.functional.avg_pool2d(x, 14).relu(), 4),
    "the average of a row": (lambda x: nn.functional.avg_pool1d(x.flatten(2), 196), 4),
    "a grid": (lambda x: nn.functional.adaptive_avg_pool2d(x, 7), 4 * 49),
    "the maximum": (lambda x: nn.functional.adaptive_max_pool2d(x, 1), 4),
    "a linear layer": (lambda x: x, 4 * 14 * 14),
}


@pytest.mark.parametrize("kernel", [3, 17])
@pytest.mark.parametrize("name", HEADS)
def test_features_are_the_maps_before_a_pooling_head(name: str, kernel: int) -> None:
    """As for traced fields; the kernel of 17 extends beyond the border of the image."""
    head, size = HEADS[name]

    class Net(nn.Module):
        def __init__(self, copies: bool) -> None:
            super().__init__()
            self.a, self.b = nn.Conv2d(1, 4, kernel, 2, kernel // 2), nn.Conv2d(4, 4, 3, padding=1)
            self.fc, self.copies = nn.Linear(size, 10), copies

        def forward(self, x: Tensor) -> Tensor:
            y = self.b(self.a(x))
            if self.copies:  # no rule traces this, so that it is measured
                out = torch.zeros_like(y)
                out[:, :] = y
                y = out
            return self.fc(head(y).flatten(1))  # type: ignore[no-any-return]

    found = measure(lambda: Net(True), 1, (28, 28))
    assert found.features is not None and found.whole_from is not None
    assert found.features.axes[0] == found.features.axes[1]
    axis = found.features.axes[0]
    assert axis is not None and (axis.size, axis.stride) == (kernel + 4, 2)
    if name != "the average of a row":  # it has no rule
        traced = trace(Net(False), 1, (28, 28))
        assert traced.features is not None and traced.features.axes == found.features.axes
        if found.after_pooling is not None:
            assert traced.after_pooling is not None
            assert traced.after_pooling.axes == found.after_pooling.axes
    assert (found.after_pooling is not None) == (name == "a grid" and kernel == 3)


class LastMean(TorchFunctionMode):
    """Keeps the feature maps that the last mean over positions receives."""

    def __init__(self) -> None:
        super().__init__()
        self.maps = torch.empty(0)

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if getattr(function, "__name__", "") == "mean" and args[1:] == ((2, 3),):
            self.maps = args[0]
        return function(*args, **(kwargs or {}))


def gradient_span(model: nn.Module, side: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Rows and columns that the middle unit's gradient reaches, with positive float64 weights."""
    model = copied(model).double().eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.copy_(weight.abs() / weight.abs().max().clamp(min=1e-9) + 0.1)
            if name.endswith("bias"):
                weight.zero_()
    image = torch.rand(1, 1, side, side, dtype=torch.float64).requires_grad_()
    with LastMean() as kept:
        model(image)
    maps = kept.maps
    unit = maps[0, :, maps.shape[2] // 2, maps.shape[3] // 2].sum()
    seen = torch.autograd.grad(unit, image)[0][0, 0] != 0
    rows, columns = seen.any(1).nonzero().flatten(), seen.any(0).nonzero().flatten()
    return (int(rows[0]), int(rows[-1])), (int(columns[0]), int(columns[-1]))


HIDING = ("Asym", "Ceil")  # their max pooling hides a part of the field from the gradient
OTHERS = (
    "Overflow", "Dead", "Slices", "InPlaceProduct", "Lists", "Einsum", "Involution", "Dilated",
    "Up", "Masked", "Branching", "Spectrum",
)  # fmt: skip
BY_GRADIENT = {
    **{name: kind for name, kind in FIELDS.items() if name not in HIDING},
    **{name: MORE[name] for name in OTHERS},
}


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("name", BY_GRADIENT)
def test_field_of_the_middle_unit_equals_its_gradient(name: str) -> None:
    torch.manual_seed(0)
    spans = gradient_span(BY_GRADIENT[name](1, 10), 28)
    features = measured_field(BY_GRADIENT[name]).features
    assert features is not None
    for axis, units, pixels in zip(features.axes, features.units, spans, strict=True):
        assert axis is not None
        first, last = axis.span(units // 2)
        assert pixels == (max(first, 0), min(last, 27))


@pytest.mark.parametrize("spec", ["residual", "plain-20", "cnn:depth=6", "simple", "lenet-5"])
def test_measured_layers_equal_traced_layers(spec: str) -> None:
    builder = resolve(spec, Shape(3, 32, 10))
    found = measure(lambda: builder.build(0), 3, (32, 32))
    traced = {layer.name: layer for layer in reversed(trace(builder.build(0), 3, (32, 32)).layers)}
    shared = [layer for layer in found.layers if layer.name in traced]
    assert len(shared) > 2
    for layer in shared:
        assert (layer.axes, layer.whole) == (traced[layer.name].axes, traced[layer.name].whole)


class Given(nn.Module):
    """A function between a convolution with circular padding and a mean over all places."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.a = nn.Conv2d(1, 4, 3, padding=1, padding_mode="circular")
        self.f, self.function = nn.Linear(4, 10), function

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.f(self.function(self.a(x)).mean((2, 3)))
        return y


def test_nearest_entries_of_a_codebook_keep_the_field() -> None:
    codes = torch.cat([torch.zeros(1, 4), torch.eye(4)])

    def nearest(x: Tensor) -> Tensor:
        places = x.permute(0, 2, 3, 1)
        index = torch.cdist(places.flatten(0, 2), codes).argmin(1)
        return nn.functional.embedding(index, codes).view(places.shape).permute(0, 3, 1, 2)

    assert size_of(measure(lambda: Given(nearest), 1, (28, 28))) == (3, 3)


NOT_KNOWN: dict[str, tuple[Callable[[Tensor], Tensor], str]] = {
    "a number of the image": (lambda x: x * float(x.sum()), "values that depend on the image"),
    "numpy": (lambda x: x * float(x.numpy().sum()), "values that depend on the image"),
    "a transform": (
        torch.vmap(lambda one: one.relu()), "within `torch.vmap`"
    ),
    "a transform of weights": (
        lambda x: torch.vmap(lambda w: x * w)(torch.ones(3)).sum(0),
        "within `torch.vmap`",
    ),
    "a sparse matrix": (
        lambda x: torch.sparse.mm(torch.eye(28).to_sparse(), x[0, 0]).expand(1, 4, 28, 28),
        "has no rule for sparse tensors",
    ),
    "an index of the image": (lambda x: x[:, x.mean((0, 2, 3)).argsort()], "selects positions"),
    "bits of numbers": (lambda x: x.view(torch.int16).float(), "numbers as those of another type"),
    "resampling by a grid": (
        lambda x: nn.functional.grid_sample(x, torch.zeros(1, 28, 28, 2), align_corners=False),
        "has no rule",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NOT_KNOWN)
def test_operation_without_a_rule_is_reported(name: str) -> None:
    function, why = NOT_KNOWN[name]
    with pytest.raises(NotKnown, match=why):
        measure(lambda: Given(function), 1, (28, 28))


def test_field_larger_than_a_fixed_image_is_not_known() -> None:
    model = nn.Sequential(
        nn.Conv2d(1, 4, 25, padding=12, padding_mode="circular"),
        nn.Conv2d(4, 4, 9, padding=4, padding_mode="circular"),
        nn.Flatten(),
        nn.Linear(4 * 28 * 28, 10),
    )
    found = measure(lambda: model, 1, (28, 28))
    assert found.features is not None and size_of(found) == (33, 33)  # from 56 and 84 pixels
    sized = nn.Sequential(*model[:2], nn.AdaptiveAvgPool2d(28), nn.Conv2d(4, 4, 1), *model[2:])
    assert measure(lambda: sized, 1, (28, 28)).not_known  # its window follows the image

    class Fixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.all, self.place = model, nn.Parameter(torch.ones(28, 28))

        def forward(self, x: Tensor) -> Tensor:
            return self.all(x * self.place)  # type: ignore[no-any-return]

    found = measure(Fixed, 1, (28, 28))
    assert found.features is None and "too small" in found.not_known


def test_field_is_the_union_over_channels() -> None:
    """A pruned layer, and branches with different crops, against manual results and gradients."""

    class Pruned(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.f = nn.Conv2d(1, 4, 3), nn.Linear(4, 10)
            mask = torch.zeros(4, 1, 3, 3)
            mask[0, 0, 0, 0] = mask[1, 0, 2, 1] = mask[2, 0, 1, 2] = 1
            prune.custom_from_mask(self.a, "weight", mask)

        def forward(self, x: Tensor) -> Tensor:
            return self.f(self.a(x).relu().mean((2, 3)))  # type: ignore[no-any-return]

    class Branches(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.f = nn.Conv2d(1, 2, 3), nn.Conv2d(1, 2, 5), nn.Linear(4, 10)

        def forward(self, x: Tensor) -> Tensor:
            both = torch.cat([self.a(x)[:, :, :24, :24], self.b(x)], 1)
            return self.f(both.mean((2, 3)))  # type: ignore[no-any-return]

    for kind, size in ((Pruned, 3), (Branches, 5)):
        found = measure(kind, 1, (28, 28))
        assert size_of(found) == (size, size) and found.whole_from == "mean"
        rows, columns = gradient_span(kind(), 28)
        assert rows[1] - rows[0] == columns[1] - columns[0] == size - 1


def test_measured_branches_are_those_of_an_image() -> None:
    class Iterates(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.f = nn.Conv2d(1, 1, 3, padding=1), nn.Linear(1, 10)

        def forward(self, x: Tensor) -> Tensor:
            for _ in range(3):
                before, x = x, self.a(x).tanh()
                if (x - before).norm() < 0.01 or torch.equal(x, before):
                    break
            return self.f(x.mean((2, 3)))  # type: ignore[no-any-return]

    assert size_of(measure(Iterates, 1, (28, 28))) == (7, 7)


def test_recurrent_cell_depends_on_previous_rows() -> None:
    class Cells(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell, self.f = nn.LSTMCell(8, 4), nn.Linear(4, 10)

        def forward(self, x: Tensor) -> Tensor:
            state = torch.zeros(len(x), 4), torch.zeros(len(x), 4)
            for row in x[:, 0].unbind(1):
                state = self.cell(row, state)
            return self.f(state[0])  # type: ignore[no-any-return]

    found = measure(Cells, 1, (8, 8))
    assert found.whole_from == "cell.addmm" and found.features is None and not found.not_known


def test_cumulative_sum_has_no_single_field() -> None:
    class Running(nn.Module):
        def __init__(self, dim: int) -> None:
            super().__init__()
            self.a, self.f, self.dim = nn.Conv2d(1, 4, 3), nn.Linear(4, 10), dim

        def forward(self, x: Tensor) -> Tensor:
            return self.f(self.a(x).cumsum(self.dim).mean((2, 3)))  # type: ignore[no-any-return]

    assert size_of(trace(Running(1), 1, (28, 28))) == (3, 3)
    with pytest.raises(Untraceable, match="sees all before it"):
        trace(Running(2), 1, (28, 28))
    assert measure(lambda: Running(2), 1, (28, 28)).not_known


def test_masked_attention_has_the_field_of_its_mask() -> None:
    class Causal(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Conv2d(1, 8, (1, 28))
            self.m, self.f = nn.MultiheadAttention(8, 2, batch_first=True), nn.Linear(8, 10)

        def forward(self, x: Tensor) -> Tensor:
            x = self.a(x).flatten(2).mT
            rows = torch.arange(28)
            far = (rows - rows[:, None]).abs() > 2
            mask = torch.zeros(28, 28).masked_fill(far, -torch.inf)
            return self.f(self.m(x, x, x, attn_mask=mask)[0].mean(1))  # type: ignore[no-any-return]

    found = measure(Causal, 1, (28, 28))
    assert found.features is not None
    rows = found.features.axes[0]
    assert rows is not None and (rows.size, rows.stride) == (5, 1)


def test_measurement_has_a_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measured, "SECONDS", 0.0)
    with pytest.raises(NotKnown, match="longer than 10 s"):
        measured_field(FIELDS["Circular"])


@pytest.mark.usefixtures("own_code_here")
def test_command_reports_an_unknown_field(tmp_path: Path, run: Run) -> None:
    (tmp_path / "net.py").write_text(
        "from torch import nn\n"
        "class Net(nn.Module):\n"
        "    def __init__(self, in_channels, num_classes):\n"
        "        super().__init__()\n"
        "        self.a = nn.Conv2d(in_channels, 4, 3, padding=1, padding_mode='circular')\n"
        "        self.f = nn.Linear(4, num_classes)\n"
        "    def forward(self, x):\n"
        "        x = self.a(x)\n"
        "        return self.f((x * float(x.sum())).mean((2, 3)))\n"
    )
    spec = f"{tmp_path / 'net.py'}:Net"
    shown = run("receptive-field", spec, "--dataset", "mnist-mini")
    assert shown.code == 0 and "not known" in shown.out
    record = run("receptive-field", spec, "--dataset", "mnist-mini", "--format", "json").json()[
        "models"
    ][0]
    assert record["size"] is None and "values that depend" in record["not_known"]


@pytest.mark.usefixtures("own_code_here")
def test_unknown_field_leaves_the_rest_of_the_table(tmp_path: Path, run: Run) -> None:
    (tmp_path / "net.py").write_text(
        "import torch, warnings\n"
        "from torch import nn\n"
        "def convolve(x, weight): return torch.conv2d(x, weight)\n"
        "with warnings.catch_warnings(action='ignore'):\n"
        "    example = torch.ones(1, 1, 9, 9), torch.ones(4, 1, 3, 3)\n"
        "    convolve = torch.jit.trace(convolve, example)\n"
        "class Net(nn.Module):\n"
        "    def __init__(self, in_channels, num_classes):\n"
        "        super().__init__()\n"
        "        self.a = nn.Conv2d(in_channels, 4, 3)\n"
        "        self.f = nn.Linear(4, num_classes)\n"
        "    def forward(self, x):\n"
        "        return self.f(convolve(x, self.a.weight).mean((2, 3)))\n"
    )
    spec = f"{tmp_path / 'net.py'}:Net"
    record = run("models", spec, "--dataset", "mnist-mini", "--format", "json").json()
    assert record["parameters"] == 4 * 9 + 4 + 4 * 10 + 10 and record["macs"] == 36 * 26**2 + 40
    shown = run("receptive-field", spec, "--dataset", "mnist-mini", "--format", "json").json()
    assert shown["models"][0]["size"] is None and shown["models"][0]["not_known"]


@pytest.mark.usefixtures("own_code_here")
@pytest.mark.skipif(sys.platform == "win32", reason="paths of the cases")
def test_command_measures_in_place_operations(run: Run) -> None:
    specs = [f"{INPLACE / 'inplace_add.py'}:{name}" for name in ("Measured", "Traced")]
    shown = run("receptive-field", *specs, "--dataset", "mnist-mini", "--format", "json")
    for record in shown.json()["models"]:
        sizes = {layer["name"]: layer["size"] for layer in record["layers"]}
        assert record["size"] == sizes["last"] == 9 and sizes["a"] == 3
