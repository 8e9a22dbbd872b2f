"""Whether a network draws random numbers when it initialises itself from training images."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from convcompare.models.build import resolve
from convcompare.models.shape import Shape

SHAPE = Shape(1, 8, 4)
NET = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(64, 4)
        self.drop = nn.Dropout()
        self.register_buffer("mean", torch.rand(1, 8, 8))

    def initialise_from(self, images):
        {body}

    def forward(self, x):
        return self.fc((x - self.mean).flatten(1))
"""
FIXED = (
    "self.mean.copy_(images.mean(0))",
    "images.zero_(); self.mean.copy_(images[0])",
    "self.mean.copy_(torch.rand(1, 8, 8, generator=torch.Generator().manual_seed(3)))",
    "assert not torch.is_grad_enabled(); self.eval(); self.drop(self(images))",
)
RANDOM = (
    "self.mean.copy_(torch.rand(1, 8, 8))",
    "self.mean.copy_(images[torch.randperm(len(images))].mean(0))",
    "self.drop(self(images))",
    "self.mean.fill_(torch.initial_seed() % 97)",
    "import random; self.mean.fill_(random.random())",
    "import numpy; self.mean.fill_(numpy.random.default_rng().random())",
    "assert len(images) > 4000; self.mean.copy_(images.mean(0))",
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("body", [*FIXED, *RANDOM])
def test_random_setup_is_found_by_a_trial_call(folder: Path, body: str) -> None:
    """A network whose trial call fails counts as random: its trial id is then new."""
    (folder / "net.py").write_text(NET.replace("{body}", body))
    before = torch.get_rng_state()
    assert resolve("net.py:Net", SHAPE).random_setup == (body in RANDOM)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("spec", ["fcn", "speedrun:widths=8x8"])
def test_no_network_of_the_zoo_has_a_random_setup(spec: str) -> None:
    builder = resolve(spec, SHAPE)
    assert builder.description.image_setup == spec.startswith("speedrun")
    assert not builder.random_setup
