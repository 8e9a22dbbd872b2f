"""The effective field, and the options and files of the command ``receptive-field``."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.cells import cell_len
from torch import nn

from convcompare.analysis.receptive_field.effective import (
    MASS,
    effective_field,
    gaussian_size,
    mass_size,
    pick_layer,
)
from convcompare.analysis.receptive_field.of_network import field_of_network
from convcompare.analysis.receptive_field.traced import ReceptiveField, trace
from convcompare.core.errors import UsageError
from convcompare.models.build import resolve
from convcompare.models.shape import Shape
from convcompare.output.tables.receptive_field_table import csv_table, field_table, to_json
from convcompare.output.tables.table import plain_console, print_table


def gaussian(sigma: float, side: int = 129) -> Any:
    places = np.arange(side) - side // 2
    line = np.exp(-(places**2) / (2 * sigma**2))
    return np.outer(line, line)


@pytest.mark.parametrize("sigma", [4.0, 9.0])
def test_mass_and_gaussian_size_agree_on_a_gaussian(sigma: float) -> None:
    side = math.sqrt(-2 * math.log(1 - MASS) * math.pi) * sigma
    assert mass_size(gaussian(sigma)) == pytest.approx(side, rel=0.01)
    assert gaussian_size(gaussian(sigma)) == pytest.approx(side, rel=0.01)


def test_mass_size_of_a_flat_square() -> None:
    density = np.zeros((32, 32))
    density[4:24, 6:26] = 1
    assert mass_size(density) == pytest.approx(20 * math.sqrt(MASS), rel=0.01)


def test_chain_of_flat_convolutions_has_the_published_variance() -> None:
    """n flat 3×3 convolutions: variance 2n/3 per side of the gradient (arXiv:1701.04128, 2.1)."""
    layers = 12
    model = nn.Sequential(*(nn.Conv2d(1, 1, 3, 1, 1, bias=False) for _ in range(layers)))
    for parameter in model.parameters():
        nn.init.ones_(parameter)
    images = torch.randn(1, 1, 64, 64)
    layer = pick_layer(trace(model, 1, (64, 64)), None)
    found = effective_field(model.double(), images.double(), layer, "absolute")
    assert (found.rows, found.theoretical_size, found.cut) == ((20, 44), 25, False)
    expected = math.sqrt(-2 * math.log(1 - MASS) * math.pi * (2 * layers / 3 + 1 / 12))
    assert found.gaussian_size == pytest.approx(expected, rel=1e-6)
    assert 0.3 < found.share < 1


def test_gradient_is_zero_outside_the_theoretical_field() -> None:
    builder = resolve("residual", Shape(3, 48, 10))
    found = field_of_network(builder)
    model = builder.build(0).train()
    layer = pick_layer(found, "block2")
    images = torch.randn(3, 3, 48, 48)
    result = effective_field(model, images, layer)
    (top, bottom), (left, right) = result.rows, result.columns
    outside = result.gradient.copy()
    assert outside[top : bottom + 1, left : right + 1].sum() == pytest.approx(1)
    outside[top : bottom + 1, left : right + 1] = 0
    assert outside.sum() == 0
    assert model.training and all(p.grad is None for p in model.parameters())
    assert result.layer == "block2" and result.theoretical_size == 13


def test_layers_are_found_by_name() -> None:
    found = field_of_network(resolve("residual", Shape(3, 32, 10)))
    assert pick_layer(found, None).name == "block3"
    with pytest.raises(UsageError) as error:
        pick_layer(found, "blok2")
    assert error.value.hint == "did you mean `block2`?"
    with pytest.raises(UsageError, match="feature maps"):
        pick_layer(field_of_network(resolve("fcn", Shape(3, 32, 10))), None)


# The command line


def test_table_lists_the_fields_of_layers(run: Callable[..., Any]) -> None:
    result = run("receptive-field", "cnn:depth=6", "residual")
    assert result.code == 0
    lines = [line.split() for line in result.out.splitlines()]
    assert ["cnn:depth=6", "conv1", "3×3", "1", "−1", "9", "%"] in lines
    assert ["conv6", "38×38", "4", "−17", "100", "%", "covers", "the", "image"] in lines
    assert ["fc1", "whole", "image", "–", "–", "–"] in lines
    assert "32×32" in result.out


def test_json_has_size_stride_and_start_of_layers(run: Callable[..., Any]) -> None:
    result = run("receptive-field", "cnn:depth=6", "fcn", "cnn:attention=se", "--format", "json")
    cnn, fcn, gated = result.json()["models"]
    assert (cnn["model"], cnn["size"], cnn["stride"], cnn["start"]) == ("cnn:depth=6", 38, 4, -17)
    assert cnn["after_pooling"]["size"] == 42 and cnn["method"] == "traced"
    first, *_, last = cnn["layers"]
    assert {k: first[k] for k in ("name", "size", "stride", "start")} == {
        "name": "conv1", "size": 3, "stride": 1, "start": -1,
    }  # fmt: skip
    assert last["name"] == "fc2" and last["size"] is last["start"] is None
    assert fcn["size"] is None and fcn["layers"][0]["size"] is None
    assert gated["size"] is None and gated["local"]["size"] == 10
    assert gated["whole_from"] == "attention1"


def test_json_has_both_sides_if_they_differ() -> None:
    model = nn.Sequential(nn.Conv2d(1, 1, (1, 3), (1, 2)))
    record = to_json("net", trace(model, 1, (8, 8)))
    assert record["size"] == [1, 3] and record["stride"] == [1, 2] and record["start"] == 0
    assert record["width"] == {"size": 3, "stride": 2, "start": 0}
    json.dumps(record)


def test_csv_has_every_layer(run: Callable[..., Any]) -> None:
    result = run("receptive-field", "cnn:depth=2", "--format", "csv")
    rows = list(csv.DictReader(result.out.splitlines()))
    assert [row["layer"] for row in rows] == ["conv1", "pool1", "conv2", "pool2", "fc1", "fc2"]
    assert [row["height"] for row in rows] == ["3", "4", "8", "10", "", ""]


def test_large_networks_are_summarised_by_default(run: Callable[..., Any]) -> None:
    short = run("receptive-field", "resnet-56", "plain-56")
    assert len(short.out.splitlines()) < 12 and "249×249" in short.out and "--layers" in short.out
    assert len(run("receptive-field", "resnet-56", "--layers").out.splitlines()) > 40
    assert "| plain-56" in run("receptive-field", "plain-56", "--format", "markdown").out


@pytest.fixture(scope="module")
def fields() -> dict[str, ReceptiveField]:
    """Receptive fields of networks with long names and many layers."""
    specs = ("torchvision:regnet_x_400mf", "torchvision:efficientnet_b0", "cnn:attention=se")
    return {spec: field_of_network(resolve(spec, Shape(3, 64, 10))) for spec in specs}


@pytest.mark.parametrize("layers", [True, False])
def test_tables_fit_80_columns(fields: dict[str, ReceptiveField], layers: bool) -> None:
    table = field_table(fields, layers, "64×64")
    file = io.StringIO()
    print_table(plain_console(file), replace(table, notes=()), 80)
    lines = file.getvalue().splitlines()
    assert max(map(cell_len, lines)) <= 80
    rule, foot = (i for i, line in enumerate(lines) if line.startswith("──"))
    assert rule <= 2, "a heading of one line or two"
    assert foot == len(table.rows) + rule + 1 or not layers, "no cell wraps"
    assert len(csv_table(fields).rows) > 100


@pytest.mark.usefixtures("own_code_here")
def test_invalid_input_is_refused(run: Callable[..., Any]) -> None:
    small = run("receptive-field", "torchvision:alexnet", "--image-size", "32")
    assert small.code == 2 and "224×224 pixels" in small.err
    wrong = run("receptive-field", "residul")
    assert wrong.code == 2 and "did you mean `residual`?" in wrong.err
    assert run("receptive-field").code == 2
    assert run("receptive-field", "cnn", "--layer", "conv1").code == 2
    assert run("receptive-field", "cnn", "--effective", "--layer", "conf1").code == 2
    assert run("receptive-field", "cnn", "--effective", "--measure", "cubed").code == 2
    assert run("receptive-field", "cnn", "--effective", "--run", "abc").code == 2
    for result in (small, wrong):
        assert len(result.err.splitlines()) == 2


NETWORKS = """
import torch
from torch import nn

class Rolled(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.fc = nn.Linear(4, num_classes)
    def forward(self, x):
        return self.fc(self.conv(x).roll(1, 2).mean((2, 3)))

class Numpy(Rolled):
    def forward(self, x):
        return self.fc(self.conv(torch.from_numpy(x.detach().numpy())).mean((2, 3)))
"""


@pytest.mark.usefixtures("own_code_here")
def test_measured_field_has_an_effective_field(run: Callable[..., Any]) -> None:
    Path("net.py").write_text(NETWORKS)
    shown = run("receptive-field", "net.py:Rolled", "--effective", "--images", "2", "-f", "json")
    (row,) = shown.json()["layers"]
    assert row["layer"] == "conv" and 0 < row["share"] <= 1
    failed = run("receptive-field", "net.py:Rolled", "net.py:Numpy", "--effective")
    assert failed.code == 2 and "no layer of `net.py:Numpy` has feature maps" in failed.err


@pytest.mark.usefixtures("own_code_here")
def test_user_networks_are_measured(run: Callable[..., Any]) -> None:
    Path("net.py").write_text(NETWORKS)
    result = run("receptive-field", "net.py:Rolled", "--format", "json")
    (record,) = result.json()["models"]
    assert record["method"] == "measured" and "`roll`" in record["reason"]
    assert record["layers"][0]["size"] == 3
    table = run("receptive-field", "net.py:Rolled", "net.py:Numpy")
    assert table.code == 0 and "measured" in table.out and "not known" in table.out
    assert "depend on the image" in table.out


def test_effective_field_is_written_to_files(run: Callable[..., Any]) -> None:
    result = run(
        "receptive-field", "simple", "cnn:depth=4", "--effective", "--images", "2", "--out", "f",
    )  # fmt: skip
    assert result.code == 0 and "normal noise" in result.out and "seed 0" in result.out
    assert Path("f/effective-field.png").read_bytes()[:4] == b"\x89PNG"
    with np.load("f/effective-field.npz") as arrays:
        assert list(arrays["models"]) == ["simple", "cnn:depth=4"]
        assert arrays["gradient_0"].shape == (32, 32)
        assert arrays["gradient_1"].sum() == pytest.approx(1)
    rows = list(csv.DictReader(Path("f/effective-field.csv").read_text().splitlines()))
    assert len(rows) == 2 * 32 * 32
    again = run("receptive-field", "simple", "--effective", "--images", "2", "-f", "json")
    assert again.json()["layers"][0]["layer"] == "pool2"
    assert "gates" not in result.out
    gate = run("receptive-field", "cnn:attention=se", "--effective", "--images", "2")
    assert "10×10" in gate.out and "without gates: the features' own path" in gate.out


def test_effective_field_of_a_trained_run(run: Callable[..., Any]) -> None:
    few = "shapes:train=96,test=48"
    trained = run("train", "simple:width=4x4", "--dataset", few, "--epochs", "1", "-q")
    assert trained.code == 0
    (name,) = [path.name for path in Path("runs").iterdir() if len(path.name) == 12]
    options = ("--effective", "--run", name[:6], "--dataset", few, "--images", "4")
    result = run("receptive-field", *options, "--format", "json")
    assert result.code == 0
    assert result.json()["layers"][0]["model"] == "simple:width=4x4"
    start = run("receptive-field", "simple:width=4x4", "--effective", "-d", few,
                "--images", "4", "--format", "json")  # fmt: skip
    assert start.json()["layers"][0]["mass_size"] != result.json()["layers"][0]["mass_size"]
    wrong = run("receptive-field", "cnn", *options)
    assert wrong.code == 2 and "which do not fit" in wrong.err
    assert len(wrong.err.splitlines()) == 2
    sized = run("receptive-field", *options, "--image-size", "40")
    assert sized.code == 2
