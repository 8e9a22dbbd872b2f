"""Networks matched in size: every family with a width, and refusals for those without."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from convcompare.core.errors import ModelError
from convcompare.models.build import resolve
from convcompare.models.notation import parse, widened
from convcompare.models.shape import Shape
from convcompare.models.width_matching import TOLERANCE, Cost, match

CIFAR = Shape(3, 32, 10)
FIXED = ("densenet-bc", "lenet-5", "mobilenet-v2")
SMALL = (
    *("cnn", "fcn", "simple", "residual", "vgg-11"),
    *(pytest.param(name, marks=pytest.mark.torture)
      for name in ("speedrun", "resnet-20", "wrn-16-4", "plain-20", "preact-resnet-20",
                   "resnet-18")),
)  # fmt: skip
"""The shallowest network of each family that has a width."""


@pytest.mark.parametrize("cost", ["parameters", "macs"])
@pytest.mark.parametrize("name", [*SMALL, "cnn:depth=6"])
def test_matched_network_has_the_target_cost(name: str, cost: Cost) -> None:
    if name == "fcn" and cost == "macs":
        pytest.skip("a fully connected network of as many MACs would fill gigabytes")
    target = 2 * getattr(resolve("residual", CIFAR).description, cost)
    found = match(name, CIFAR, cost, target)
    assert getattr(resolve(found.spec, CIFAR).description, cost) == found.cost
    assert abs(found.cost / target - 1) <= TOLERANCE


@pytest.mark.parametrize("name", [*SMALL, "cnn:depth=4", "cnn:layers=8-MP-P-16-MP-P"])
def test_network_matched_to_itself_keeps_its_size(name: str) -> None:
    own = resolve(name, CIFAR).description.parameters
    assert match(name, CIFAR, "parameters", own).cost == pytest.approx(own, rel=TOLERANCE)


@pytest.mark.parametrize("name", FIXED)
def test_network_without_a_width_is_refused(name: str) -> None:
    with pytest.raises(ModelError, match="no width"):
        match(name, CIFAR, "parameters", 100_000)


def test_unreachable_cost_is_refused_with_the_nearest() -> None:
    with pytest.raises(ModelError, match="the nearest has"):
        match("fcn", CIFAR, "parameters", 1_000)


def test_widened_layout_changes_only_channels() -> None:
    assert widened("D0.2-3x64@5/2-MP-P-32", 1.5) == "D0.2-3x96@5/2-MP-P-48"
    assert widened("1-2", 0.01) == "1-1"
    assert [p.kind for p in parse(widened("8-MP-P", 2))] == ["channels", "pool", "pair"]


NET = """
from torch import nn

def net(in_channels: int, num_classes: int, width: int = 8) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(in_channels, width, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten(),
        nn.Linear(16 * width, num_classes),
    )
"""


@pytest.mark.usefixtures("own_code_here")
def test_command_matches_a_user_network(run: Callable[..., Any]) -> None:
    Path("net.py").write_text(NET)
    options = ("--dataset", "mnist-mini", "--epochs", "1", "--match", "parameters", "--dry-run")
    plan = run("compare", "fcn:hidden=8", "net.py:net", *options, "--format", "json").json()[
        "models"
    ]
    sizes = {row["model"]: row["parameters"] for row in plan}
    (label,) = (name for name in sizes if name.startswith("net.py:net ×"))
    assert abs(sizes[label] / sizes["fcn:hidden=8"] - 1) <= TOLERANCE


def test_table_shows_the_chosen_width(run: Callable[..., Any]) -> None:
    done = run(
        "compare", "fcn:hidden=16", "simple:width=8x8,hidden=32", "--dataset", "mnist-mini",
        "--epochs", "1", "--match", "parameters",
    )  # fmt: skip
    assert done.code == 0
    assert "is simple:width=" in done.out and "% of fcn:hidden=16's 12,730" in done.out
    assert "confounded" not in done.err
    again = run("runs", "latest")
    assert "is simple:width=" in again.out


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--match", "parametres"), "did you mean `parameters`"),
        (("--match", "macs", "--baseline", "fcm"), "did you mean `fcn`"),
        (("--baseline", "residual"), "is not among the networks"),
    ],
)
def test_invalid_match_options_are_refused(
    run: Callable[..., Any], options: tuple[str, ...], expected: str
) -> None:
    done = run("compare", "fcn", "simple", "--dataset", "mnist-mini", *options)
    assert done.code == 2 and expected in done.err
    assert not Path("runs").exists()
