"""Processes that compile nothing import no torch compiler, without any change of results."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from convcompare.core.config import RECIPES
from convcompare.models import compiler_import
from convcompare.training.optim import make_optimizer

NET = str(Path(__file__).parents[1] / "cases" / "10-view-behind-convolution" / "view.py:Conv")
USES = """
import sys, torch
from convcompare.cli.command_line import run
for data in ("mnist", "cifar10"):
    assert run(["models", "--dataset", data]) == 0
found = {"sympy", "torch._dynamo", "torchvision"} & sys.modules.keys()
assert not found, found

from convcompare.models.inspection import count_macs
from convcompare.models.peak_memory import peak_of
from convcompare.core.config import RECIPES
from convcompare.experiment.foreign_code import examine
from convcompare.models.build import resolve
from convcompare.models.shape import Shape
from convcompare.models import compiler_import
from convcompare.training.optim import make_optimizer
for spec in ("fcn", "fcn:hidden=10x10x10"):
    assert resolve(spec, Shape(1, 28, 10)).description.macs
assert "sympy" not in sys.modules, "half a second, for the shape of a matrix product"
attention = torch.nn.TransformerEncoderLayer(144, 2, 8)
net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Flatten(), attention)
assert count_macs(net, torch.zeros(2, 3, 8, 8))[0].macs
for spec in ("resnet-20", sys.argv[1]):
    assert examine(spec, Shape(1, 28, 10)).description.macs
for name in ("adam", "adamw", "sgd", "muon"):
    net = torch.nn.Conv2d(1, 2, 3)
    optimizer = make_optimizer(RECIPES["report"].replace({"optimizer": name}), net.parameters())
    net(torch.ones(2, 1, 4, 4)).sum().backward()
    assert peak_of(optimizer.step, torch.device("cpu")) > 0
    optimizer.zero_grad()
sys.exit("torch._dynamo" in sys.modules)
"""


def test_counting_and_training_import_no_compiler_and_no_sympy() -> None:
    done = subprocess.run([sys.executable, "-c", USES, NET], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("compiler", [False, True])
@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD])
def test_optimizer_steps_equal_those_of_torch(
    kind: type[torch.optim.Optimizer], compiler: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch._dynamo

    if not compiler:
        monkeypatch.setattr(compiler_import, "_compiler", lambda: None)
    config = RECIPES["report"].replace({"optimizer": kind.__name__.lower(), "weight_decay": "0.1"})
    nets = [nn.Linear(3, 2), nn.Linear(3, 2)]
    nets[1].load_state_dict(nets[0].state_dict())
    ours = make_optimizer(config, nets[0].parameters())
    groups = [{"params": [nets[1].weight], "weight_decay": 0.1}, {"params": [nets[1].bias]}]
    theirs: Any = kind(groups, lr=config.lr, weight_decay=0.0, fused=True)  # type: ignore[call-arg]
    for group in theirs.param_groups:
        group |= {
            name: ours.param_groups[0][name] for name in ("momentum", "nesterov") if name in group
        }
    for step in range(3):
        for net, optimizer in zip(nets, (ours, theirs), strict=True):
            optimizer.zero_grad()
            net(torch.arange(3.0) + step).square().sum().backward()
            optimizer.step()
            assert torch.is_grad_enabled()
    assert type(ours).step is not kind.step
    assert all(torch.equal(a, b) for a, b in zip(*(net.parameters() for net in nets), strict=True))
