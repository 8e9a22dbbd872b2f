"""Weights that are used but not trained: layers in a list, weights behind a detach."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from convcompare.models.build import Builder, resolve
from convcompare.models.shape import Shape

MINI = Shape(1, 28, 10)
NETWORKS = """
import random
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

OUTSIDE = nn.Linear(8, 8)

class Base(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 8, 3)
        self.last = nn.Linear(8, 10)
    def features(self, x): return F.relu(self.first(x)).mean((2, 3))
    def middle(self, x): return x
    def forward(self, x): return self.last(self.middle(self.features(x)))

class WithLayer(Base):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(8, 8)

class Listed(Base):
    def __init__(self):
        super().__init__()
        self.layers = [nn.Linear(8, 8), nn.Linear(8, 8)]
    def middle(self, x):
        for layer in self.layers: x = layer(x)
        return x
class Nested(Base):
    def __init__(self):
        super().__init__()
        self.stages = {"deep": [(nn.Linear(8, 8),)]}
    def middle(self, x): return self.stages["deep"][0][0](x)
class Plain(Base):
    def __init__(self):
        super().__init__()
        self.scale = torch.ones(8, requires_grad=True)
    def middle(self, x): return x * self.scale
class Inner(Base):
    def __init__(self):
        super().__init__()
        self.block = Listed()
    def forward(self, x): return self.last(self.block.middle(self.features(x)))
class Global(Base):
    def middle(self, x): return OUTSIDE(x)

class Unused(WithLayer): pass
class Detached(Base):
    def features(self, x): return super().features(x).detach()
class ThroughNumpy(WithLayer):
    def middle(self, x): return self.layer(torch.from_numpy(x.detach().numpy()))
class WithoutGradient(WithLayer):
    def middle(self, x):
        with torch.no_grad(): return self.layer(x)
class ByData(WithLayer):
    def middle(self, x): return F.linear(x, self.layer.weight.data, self.layer.bias)

class Registered(Base):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(8, 8)])
    def middle(self, x): return self.layers[0](x)
class Shared(WithLayer):
    def middle(self, x):
        self.again = [self.layer]
        return self.again[0](self.layer(x))
class Constants(Base):
    def __init__(self):
        super().__init__()
        self.mean = torch.zeros(8)
    def middle(self, x): return x - self.mean
class RandomDepth(WithLayer):
    def middle(self, x): return x if self.training and random.random() < 0.5 else self.layer(x)
class Experts(Base):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(8, 8) for _ in range(4))
        self.gate = nn.Linear(8, 4)
    def middle(self, x):
        weights, chosen = self.gate(x).softmax(1).max(1)
        y = torch.zeros_like(x)
        for number, layer in enumerate(self.layers):
            y[chosen == number] = layer(x[chosen == number])
        return y * weights[:, None]
class ChosenExperts(Experts):  # one that no image goes to does not run
    def middle(self, x):
        weights, chosen = self.gate(x).softmax(1).max(1)
        y = torch.zeros_like(x)
        for number in chosen.unique():
            y[chosen == number] = self.layers[number](x[chosen == number])
        return y * weights[:, None]
class OtherHead(WithLayer):
    def middle(self, x): return x if self.training else self.layer(x)
class OnlyTrained(WithLayer):
    def middle(self, x): return x + 0 * self.layer(x) if self.training else x
class OfTheInput(Base):
    def features(self, x): return super().features(x.requires_grad_())
class Checkpointed(WithLayer):
    def middle(self, x): return checkpoint(self.layer, x, use_reentrant=False)
class Reentrant(WithLayer):
    def middle(self, x): return checkpoint(self.layer, x, use_reentrant=True)
class ReentrantFirst(Base):
    def features(self, x): return checkpoint(super().features, x, use_reentrant=True)
class Frozen(WithLayer):
    def __init__(self):
        super().__init__()
        self.layer.requires_grad_(False)
    def middle(self, x): return self.layer(x)
class Normed(Base):
    def __init__(self):
        super().__init__()
        self.layer = nn.utils.parametrizations.weight_norm(nn.Linear(8, 8))
    def middle(self, x): return self.layer(x)
class Recurrent(Base):
    def __init__(self):
        super().__init__()
        self.layer = nn.LSTM(8, 8, batch_first=True)
    def middle(self, x): return self.layer(x[:, None])[0][:, -1]
class Transforms(Base):  # as a spatial transformer, whose last weights begin at 0
    def __init__(self):
        super().__init__()
        hidden = [one for _ in range(6) for one in (nn.Linear(100, 100), nn.ReLU())]
        first = (nn.Flatten(), nn.Linear(784, 100), nn.ReLU())
        self.where = nn.Sequential(*first, *hidden, nn.Linear(100, 6))
        nn.init.zeros_(self.where[-1].weight)
        self.where[-1].bias.data = torch.tensor([1.0, 0, 0, 0, 1, 0])
    def features(self, x):
        grid = F.affine_grid(self.where(x).view(-1, 2, 3), x.shape, align_corners=False)
        return super().features(F.grid_sample(x, grid, align_corners=False))
class Straight(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x): return x.sign()
    @staticmethod
    def backward(ctx, gradient): return gradient
class Cut(Straight):
    @staticmethod
    def backward(ctx, gradient): return 0 * gradient
class Signs(WithLayer):
    def features(self, x): return self.first(x).sign().mean((2, 3))
    def middle(self, x): return self.layer(x)
class SignsStraight(Signs):
    def features(self, x): return Straight.apply(self.first(x)).mean((2, 3))
class SignsCut(Signs):
    def features(self, x): return Cut.apply(self.first(x)).mean((2, 3))
class BeginsAtZero(WithLayer):
    def __init__(self):
        super().__init__()
        nn.init.zeros_(self.last.weight); nn.init.zeros_(self.layer.weight)
    def middle(self, x): return self.layer(x)
class NormedLast(Base):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(10, affine=False)
    def forward(self, x): return self.norm(super().forward(x))
"""
UNREGISTERED = {
    "Listed": "144 in `layers`",
    "Nested": "72 in `stages`",
    "Plain": "8 in `scale`",
    "Inner": "144 in `block.layers`",
    "Global": "72",
}
UNTRAINED = {
    "Unused": "`layer.weight`, `layer.bias`",
    "Detached": "`first.weight`, `first.bias`",
    "ThroughNumpy": "`first.weight`, `first.bias`",
    "WithoutGradient": "`first.weight`, `first.bias`, `layer.weight` and 1 more",
    "ByData": "`layer.weight`",
    "OtherHead": "`layer.weight`, `layer.bias`",
    "ReentrantFirst": "`first.weight`, `first.bias`",
    "Inner": "`block.first.weight`, `block.first.bias`, `block.last.weight` and 1 more",
}
ZERO = {
    "Signs": "`first.weight`",
    "SignsCut": "`first.weight`",
    "OnlyTrained": "`layer.weight`",
    "Recurrent": "`layer.weight_hh_l0`",  # with one step only
}
SOUND = ("Base", "Registered", "Shared", "Constants", "RandomDepth", "OfTheInput", "Checkpointed",
         "Reentrant", "Experts", "ChosenExperts", "Frozen", "Normed", "SignsStraight",
         "BeginsAtZero", "NormedLast", "Transforms")  # fmt: skip


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Builder]:
    path = tmp_path_factory.mktemp("networks") / "weights_of_networks.py"
    path.write_text(NETWORKS)
    return lambda name: resolve(f"{path}:{name}", MINI)


@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")
@pytest.mark.parametrize("name", sorted({*UNREGISTERED, *UNTRAINED, *ZERO, *SOUND}))
def test_untrained_weights_are_found(network: Callable[[str], Builder], name: str) -> None:
    found = {one.name: one.detail for one in network(name).description.found}
    assert found.get("unregistered weights") == UNREGISTERED.get(name)
    assert found.get("untrained weights") == UNTRAINED.get(name)
    assert found.get("zero gradients") == ZERO.get(name)
    assert found.get("frozen weights") == ("72" if name == "Frozen" else None)


def test_unregistered_weights_are_those_that_an_optimizer_leaves(
    network: Callable[[str], Builder],
) -> None:
    """Compares with the weights that an optimizer step does not change."""
    model = network("Listed").build(0)
    optimizer = torch.optim.SGD(model.parameters(), 1.0)
    layers = [weight for layer in model.layers for weight in layer.parameters()]  # type: ignore[union-attr]
    before = [weight.clone() for weight in (*model.parameters(), *layers)]
    model(torch.randn(4, 1, 28, 28)).square().sum().backward()
    optimizer.step()
    pairs = zip(before, (*model.parameters(), *layers), strict=True)
    moved = [not torch.equal(old, new) for old, new in pairs]
    assert moved == [True] * 4 + [False] * 4
    assert sum(one.numel() for one in layers) == 144
