"""Images with another number of channels: by numpy, by the command line and by the library."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import convcompare as cc
from convcompare.core.errors import UsageError
from convcompare.data.channels import spec_with_channels, with_channels
from convcompare.data.dataset import Dataset, Sources
from convcompare.data.load import load_dataset
from convcompare.experiment.shapes import shape_for, shape_for_network

NET = """
from torch import nn
class Net(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.c, self.r, self.f = nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Linear(4, num_classes)
    def forward(self, x):
        return self.f(self.r(self.c(x)).mean((2, 3)))
"""
FAST = ("--dataset", "mnist-mini", "--set", "batch_size=2000", "--epochs", "1", "--format", "json")


def loaded(spec: str, tmp_path: Path) -> Dataset:
    return load_dataset(spec, Sources(tmp_path, offline=True))


def test_grey_images_are_repeated(tmp_path: Path) -> None:
    grey, three = loaded("mnist-mini", tmp_path), loaded("mnist-mini:channels=3", tmp_path)
    assert three.name == "mnist-mini:channels=3" and three.channels == 3
    for channel in range(3):
        assert np.array_equal(three.train.images[:, channel], grey.train.images[:, 0])
    assert three.mean == grey.mean * 3 and three.std == grey.std * 3
    assert three.sha256 != grey.sha256
    same = loaded("mnist-mini:channels=1", tmp_path)
    assert (same.name, same.sha256) == (grey.name, grey.sha256)


def test_colours_are_averaged(tmp_path: Path) -> None:
    few = "shapes:train=96,test=48"
    colour, grey = loaded(few, tmp_path), loaded(f"{few},channels=1", tmp_path)
    assert grey.channels == 1
    exact = colour.test.images.astype(np.float64).mean(1)
    assert np.abs(grey.test.images[:, 0] - exact).max() <= 0.5 + 1e-9
    scaled = grey.train.images / 255
    assert grey.mean[0] == pytest.approx(scaled.mean(), abs=1e-4)
    assert grey.std[0] == pytest.approx(scaled.std(), abs=1e-4)


def test_conflicting_or_invalid_channels_are_refused(tmp_path: Path) -> None:
    assert spec_with_channels("folder:/a:size=64", 1) == "folder:/a:size=64,channels=1"
    with pytest.raises(UsageError, match="cannot be combined"):
        spec_with_channels("mnist:channels=1", 3)
    with pytest.raises(UsageError, match="invalid value for option `channels`"):
        loaded("mnist-mini:channels=2", tmp_path)
    colour = loaded("shapes:train=96,test=48", tmp_path)
    assert with_channels(colour, 3) is colour and with_channels(colour, None) is colour


def test_shapes_follow() -> None:
    assert shape_for("mnist", channels=3).in_channels == 3
    assert shape_for("cifar10:channels=1").in_channels == 1
    assert shape_for_network("torchvision:vit_b_16", None).image_size == 224
    assert shape_for_network("torchvision:inception_v3", None).image_size == 299
    assert shape_for_network("torchvision:vit_b_16", "cifar10").image_size == 32
    assert shape_for_network("torchvision:vit_b_16", None, 64, 1).image_size == 64
    assert shape_for_network("residual", None).image_size == 32


@pytest.mark.usefixtures("own_code_here")
def test_network_of_three_channels_on_grey_images(run: Callable[..., Any]) -> None:
    Path("net.py").write_text(NET)
    refused = run("compare", "net.py:Net", *FAST)
    assert refused.code == 2 and "--channels 3" in refused.err
    assert "--channels 3" in run("compare", "torchvision:resnet18", *FAST).err
    grey = run("compare", "simple:width=4x4,hidden=8", *FAST, "--dry-run").json()["models"]
    record = run("compare", "net.py:Net", *FAST, "--channels", "3").json()
    assert "mnist-mini:channels=3" in str(record["dataset"])
    assert "channels" not in str(grey)
    (one,) = record["models"][0]["runs"]
    assert run("runs", "verify", one["id"]).code == 0
    assert run("plot", "activations", "--out", "figures").code == 0
    again = run("compare", "net.py:Net", *FAST, "--channels", "3")
    assert again.json()["models"][0]["runs"][0]["id"] == one["id"]


def test_library_and_other_commands_accept_channels(run: Callable[..., Any]) -> None:
    small = "simple:width=4x4,hidden=8"
    result = cc.compare(
        small, dataset="mnist-mini", channels=3, epochs=1, batch_size=2000, store="s"
    )
    assert "mnist-mini:channels=3" in str(result.to_json()["dataset"])
    with pytest.raises(UsageError, match="channels"):
        cc.compare("simple", dataset="mnist-mini", channels=2)
    assert run("compare", "simple", "--channels", "2").code == 2
    shown = run("models", "simple", "--image-size", "40", "--channels", "3")
    assert "3×40×40" in shown.out
    planned = run("study", "kernel-size", "-d", "mnist-mini", "--channels", "3", "--dry-run")
    plain = run("study", "kernel-size", "-d", "mnist-mini", "--dry-run")
    assert planned.code == 0 and planned.out != plain.out, "a first layer of three channels"
    assert run("study", "kernel-size", "--channels", "2", "--dry-run").code == 2
    gradients = run("gradients", small, "--dataset", "mnist-mini", "--channels", "3")
    assert "mnist-mini:channels=3" in gradients.out
    field = run("receptive-field", "simple", "--channels", "1", "--dataset", "cifar10")
    assert field.code == 0
