"""Findings in user networks before training; networks of all forms are trained."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from convcompare.comparison.run_flags import ChanceLevel, marks
from convcompare.core.config import Runtime, TrainConfig
from convcompare.core.errors import ModelError, UsageError
from convcompare.data.dataset import Dataset
from convcompare.experiment.events import EpochFinished, Started
from convcompare.experiment.shapes import shape_of
from convcompare.experiment.trial_grid import Candidate, check_last_batch
from convcompare.experiment.trial_runner import TrialRunner
from convcompare.models.build import Builder, resolve
from convcompare.models.findings import KINDS
from convcompare.models.peak_memory import peak_of
from convcompare.models.shape import Shape
from convcompare.store.run import Run
from convcompare.store.run_store import RunStore

CASES = Path(__file__).parents[1] / "cases"
MINI = Shape(1, 28, 10)
NETWORK = """
import threading, warnings
from collections import deque
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

class Base(nn.Module):
    def __init__(self, in_channels, image_size, num_classes):
        super().__init__()
        self.fc = nn.Linear(in_channels * image_size**2, num_classes)
        self.classes = num_classes
    def forward(self, x):
        return self.fc(x.flatten(1))

class Sound(Base): pass
class ZeroHead(Base):
    def __init__(self, in_channels, image_size, num_classes):
        super().__init__(in_channels, image_size, num_classes)
        nn.init.zeros_(self.fc.weight); nn.init.zeros_(self.fc.bias)
class LogSoftmax(Base):
    def forward(self, x): return F.log_softmax(super().forward(x), 1)
class Softmax(Base):
    def forward(self, x): return F.softmax(super().forward(x), 1)
class SoftmaxInTraining(Base):
    def forward(self, x):
        x = super().forward(x)
        return F.softmax(x, 1) if self.training else x
class Sigmoid(Base):
    def forward(self, x): return super().forward(x).sigmoid()
class Rectified(Base):
    def forward(self, x): return super().forward(x).relu()
class SeedsItself(Base):
    def __init__(self, in_channels, image_size, num_classes):
        torch.manual_seed(3)
        super().__init__(in_channels, image_size, num_classes)
class Unseeded(Base):
    def __init__(self, in_channels, image_size, num_classes):
        super().__init__(in_channels, image_size, num_classes)
        drawn = np.random.default_rng().normal(size=self.fc.bias.shape)
        self.fc.bias.data = torch.tensor(drawn, dtype=torch.float32)
class SolvedFor(Base):  # as by a solver, which rounds by where in memory its operands lie
    def __init__(self, in_channels, image_size, num_classes):
        super().__init__(in_channels, image_size, num_classes)
        rounding = np.random.default_rng().random(self.fc.weight.shape)
        self.fc.weight.data *= torch.tensor(1 + 1e-6 * rounding, dtype=torch.float32)
class Constant(Base):
    def forward(self, x): return super().forward(x * 0)
class Darkens(Base):
    def forward(self, x): return super().forward(x / 1e5)
class Underflows(Base):
    def __init__(self, in_channels, image_size, num_classes):
        super().__init__(in_channels, image_size, num_classes)
        self.head = nn.Linear(num_classes, num_classes)
    def forward(self, x): return self.head((-500 - super().forward(x) ** 2).exp())
class DeepNormed(Base):
    def __init__(self, in_channels, image_size, num_classes):
        super().__init__(in_channels, image_size, num_classes)
        size = in_channels * image_size**2
        block = lambda: (nn.Linear(8, 8), nn.BatchNorm1d(8), nn.ReLU())
        layers = [layer for _ in range(60) for layer in block()]
        self.fc = nn.Sequential(nn.Linear(size, 8), *layers, nn.Linear(8, num_classes))
class OverTheBatch(Base):
    def forward(self, x): return super().forward(x - x.mean(0))
class AlwaysDrops(Base):
    def forward(self, x): return super().forward(F.dropout(x, 0.5))
class NotFinite(Base):
    def forward(self, x): return super().forward(x).log()
class DrawsUnseeded(Base):
    def forward(self, x):
        noise = np.random.default_rng().normal(size=x.shape) if self.training else 0
        return super().forward(x + torch.as_tensor(noise, dtype=x.dtype))
class OwnGenerator(Base):
    def __init__(self, in_channels, image_size, num_classes):
        super().__init__(in_channels, image_size, num_classes)
        self.generator = np.random.default_rng(0)
    def forward(self, x):
        noise = self.generator.normal(size=x.shape) if self.training else 0
        return super().forward(x + torch.as_tensor(noise, dtype=x.dtype))
class Counts(Base):
    steps = 0
    def forward(self, x):
        self.steps += self.training
        return super().forward(x) * (1 + self.steps / 100)
class Remembers(Base):
    def __init__(self, in_channels, image_size, num_classes):
        super().__init__(in_channels, image_size, num_classes)
        self.before = [torch.zeros(num_classes)]
    def forward(self, x):
        out = super().forward(x)
        if self.training: self.before[0] = out.mean(0).detach()
        return out + self.before[0]
class UsesItsHistory(Base):  # after 100 steps
    def __init__(self, in_channels, image_size, num_classes):
        super().__init__(in_channels, image_size, num_classes)
        self.history = {"means": deque(maxlen=100)}
    def forward(self, x):
        out, means = super().forward(x), self.history["means"]
        if self.training: means.append(out.mean().item())
        return out - sum(means) / 100 if len(means) == 100 else out
class SeedsItsSteps(Base):
    def forward(self, x):
        if self.training: torch.manual_seed(0)
        return F.dropout(super().forward(x), 0.5, self.training)
class KeepsMaps(Base):
    def forward(self, x):
        self.maps, self.warned = [x], True
        return super().forward(x)
class CountsInItsClass(Base):
    steps = 0
    def forward(self, x):
        CountsInItsClass.steps += self.training
        return super().forward(x) * (1 + self.steps / 100)
norm, trunk = nn.BatchNorm2d(1).requires_grad_(False), nn.Linear(784, 10)
class KeepsItsNorm(Base):
    def __init__(self, in_channels, image_size, num_classes):
        super().__init__(in_channels, image_size, num_classes)
        self.norm = norm
    def forward(self, x): return super().forward(self.norm(x))
class KeepsItsTrunk(Base):
    def __init__(self, in_channels, image_size, num_classes):
        super().__init__(in_channels, image_size, num_classes)
        self.trunk = trunk
    def forward(self, x): return super().forward(x) + self.trunk(x.flatten(1))
class SetsItselfUpUnsaved(Base):
    ready = False
    def __init__(self, in_channels, image_size, num_classes):
        super().__init__(in_channels, image_size, num_classes)
        self.register_buffer("scale", torch.ones(()))
    def forward(self, x):
        if self.training and not self.ready: self.scale, self.ready = x.std(), True
        return super().forward(x / self.scale)
class Views(Base):
    def __init__(self, in_channels, image_size, num_classes):
        super().__init__(in_channels, image_size, num_classes)
        self.conv = nn.Conv2d(in_channels, 4, 3, padding=1)
        self.fc = nn.Linear(4 * image_size**2, num_classes)
    def forward(self, x):
        x = self.conv(x)
        return self.fc(x.view(len(x), -1))
class Strides(Base):  # reads other pixels in another layout, without an error
    def __init__(self, in_channels, image_size, num_classes):
        super().__init__(in_channels, image_size, num_classes)
        self.conv, self.fc = nn.Conv2d(in_channels, 4, 3, padding=1), nn.Linear(28, num_classes)
    def forward(self, x):
        x = self.conv(x)
        return self.fc(x.as_strided((len(x), 28), (4 * 28 * 28, 1)))
class Spoils(Base):
    def forward(self, x): return super().forward(x.mul_(2))
class SpoilsData(Base):
    def forward(self, x):
        x.data.mul_(2)
        return super().forward(x)
class TrainsWithoutReturn(Base):
    def train(self, mode=True): super().train(mode)
class ViewsWithoutReturn(Views):
    def train(self, mode=True): super().train(mode)
class SoftmaxWithoutReturn(Softmax):
    def train(self, mode=True): super().train(mode)
class Tanh(Base):
    def forward(self, x): return super().forward(x).tanh()
class ScaledTanh(Base):
    def forward(self, x): return 8 * super().forward(x).tanh()
class Cosines(Base):
    def __init__(self, in_channels, image_size, num_classes):
        super().__init__(in_channels, image_size, 64)
        self.classes, self.scale = nn.Parameter(torch.randn(num_classes, 64)), 1.0
    def forward(self, x):
        return F.linear(F.normalize(super().forward(x)), F.normalize(self.classes)) / self.scale
class CosinesOverWeight(Cosines):
    def __init__(self, in_channels, image_size, num_classes):
        super().__init__(in_channels, image_size, num_classes)
        self.scale = nn.Parameter(torch.ones(()))
class UnitRows(Base):
    def forward(self, x): return F.normalize(super().forward(x))
class RandomWidth(Base):
    def __init__(self, in_channels, image_size, num_classes):
        super().__init__(in_channels, image_size, num_classes)
        width = int(torch.randint(4, 4000, ()))
        self.more = nn.Sequential(nn.Linear(num_classes, width), nn.Linear(width, num_classes))
    def forward(self, x): return self.more(super().forward(x))
class Grows(Base):
    def __init__(self, in_channels, image_size, num_classes, widths=[]):
        super().__init__(in_channels, image_size, num_classes)
        widths.append(4)
        self.more = nn.ModuleList(nn.Linear(num_classes, num_classes) for _ in widths)
    def forward(self, x):
        x = super().forward(x)
        for layer in self.more: x = x + layer(x)
        return x
class Squeezes(Base):
    def forward(self, x): return super().forward(x).squeeze()
class Output:
    def __init__(self, logits): self.logits = logits
class WithLogits(Base):
    def forward(self, x): return Output(super().forward(x))
class Mapped(Base):
    def forward(self, x): return {"loss": None, "logits": super().forward(x)}
class Recurrent(Base):
    first = True
    def __init__(self, in_channels, image_size, num_classes):
        super().__init__(in_channels, image_size, num_classes)
        self.rows = nn.GRU(image_size, 8, batch_first=self.first)
        self.fc = nn.Linear(8, num_classes)
    def forward(self, x): return self.fc(self.rows(x.mean(1))[0][:, -1])
class RecurrentOverTheBatch(Recurrent):
    first = False
class KeepsItsMembrane(Base):
    membrane = torch.zeros(0)
    def forward(self, x):
        out = super().forward(x)
        if len(self.membrane) == len(x): out = out + 0.9 * self.membrane
        self.membrane = out.detach()
        return out
class Observes(Base):  # in a buffer that gets its size in the first pass, as for a quantisation
    def __init__(self, in_channels, image_size, num_classes):
        super().__init__(in_channels, image_size, num_classes)
        self.register_buffer("largest", torch.empty(0))
    def forward(self, x):
        if not len(self.largest): self.largest.resize_(1).fill_(4.0)
        return super().forward(x / self.largest)
class SetsItselfUp(Base):  # by its first images, as ActNorm does
    def __init__(self, in_channels, image_size, num_classes):
        super().__init__(in_channels, image_size, num_classes)
        self.register_buffer("ready", torch.tensor(False))
        self.register_buffer("mean", torch.zeros(1, in_channels, 1, 1))
    def forward(self, x):
        if not self.ready:
            self.mean.copy_(x.mean((0, 2, 3), keepdim=True) + x.std())
            self.ready.fill_(True)
        return super().forward(x - self.mean)
class HooksItsTraining(Base):
    def forward(self, x):
        x = super().forward(x)
        if self.training: x.register_hook(lambda gradient: gradient)
        return x
class EnablesGradients(Base):  # as a network of an energy does
    def __init__(self, in_channels, image_size, num_classes):
        super().__init__(in_channels, image_size, num_classes)
        self.stem, self.act = nn.Conv2d(in_channels, in_channels, 3, padding=1), nn.Softplus()
    def forward(self, x):
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            energy = self.act(self.stem(x)).sum()
            return super().forward(torch.autograd.grad(energy, x, create_graph=True)[0])
class MakesItsTable(Base):  # at random, with the size of its first images
    def forward(self, x):
        if not hasattr(self, "table"): self.register_buffer("table", torch.randn(x.shape[1:]))
        return super().forward(x + self.table)
class Sparse(Base):
    def __init__(self, in_channels, image_size, num_classes):
        super().__init__(in_channels, image_size, num_classes)
        self.keep(torch.eye(num_classes))
    def keep(self, graph):
        self.register_buffer("graph", graph.to_sparse(), persistent=False)
        with warnings.catch_warnings(action="ignore"): self.rows = graph.to_sparse_csr()
    def forward(self, x): return super().forward(x) @ (self.graph + self.graph)
class SparseAndSaved(Sparse):
    def keep(self, graph): self.register_buffer("graph", graph.to_sparse())
class Hooked(Base):
    def __init__(self, in_channels, image_size, num_classes):
        super().__init__(in_channels, image_size, num_classes)
        self.seen, self.more = {}, nn.Linear(num_classes, num_classes)
        self.fc.register_forward_hook(lambda _m, _i, output: self.seen.update(fc=output))
    def forward(self, x):
        super().forward(x)
        return self.more(self.seen["fc"].relu())
class LeavesEarly(Base):
    def __init__(self, in_channels, image_size, num_classes):
        super().__init__(in_channels, image_size, num_classes)
        self.more = nn.Linear(num_classes, num_classes)
    def forward(self, x):
        x = super().forward(x)
        sure = not self.training and x.softmax(1).max() > 0.9
        return x if sure else x + self.more(x.relu())
class Pairs(Base):  # differences of each place from each other
    def forward(self, x):
        x = x.flatten(1)
        return self.fc((x[:, :, None] - x[:, None]).abs().mean(1))
class Classes(Base):
    def forward(self, x): return F.one_hot(super().forward(x).argmax(1), 10)
class Paired(Base):
    def forward(self, x): return super().forward(x), x
class PairedInTraining(Base):
    def forward(self, x):
        out = super().forward(x)
        return (out, out) if self.training else out
class Named(Base):
    def forward(self, x): return {"out": super().forward(x)}
class Locked(Base):
    def __init__(self, in_channels, image_size, num_classes):
        super().__init__(in_channels, image_size, num_classes)
        self.lock = threading.Lock()
class SavesItself(Base):
    def state_dict(self, *args, **kwargs): return {"net": super().state_dict(), "epoch": 3}
class LoadsItself(Base):
    def load_state_dict(self, path): super().load_state_dict(torch.load(path))
class Late(Base):
    def forward(self, x):
        x = super().forward(x)
        if not hasattr(self, "more"): self.more = nn.Linear(x.shape[1], self.classes)
        return self.more(x)
class OwnParameters(Base):
    def parameters(self, recurse=True): return [{"params": self.fc.weight, "lr": 0.1}]
class StopsItsGate(Base):
    def __init__(self, in_channels, image_size, num_classes):
        super().__init__(in_channels, image_size, num_classes)
        self.gate = nn.Conv2d(in_channels, in_channels, 3, padding=1)
    def forward(self, x):
        x = self.gate(x)
        return super().forward(x * x.sigmoid().detach())
class Pretrained(Base):
    def __init__(self, in_channels, image_size, num_classes):
        super().__init__(in_channels, image_size, num_classes)
        self.convs = nn.Sequential(*(nn.Conv2d(in_channels, in_channels, 5, padding=2),) * 2)
        for conv in self.convs:
            nn.init.normal_(conv.weight, generator=torch.Generator().manual_seed(5))
    def forward(self, x): return super().forward(self.convs(x))
class KnownFilters(Pretrained):
    def __init__(self, in_channels, image_size, num_classes):
        super().__init__(in_channels, image_size, num_classes)
        for conv in self.convs: nn.init.dirac_(conv.weight)
class Half(Base):
    def __init__(self, in_channels, image_size, num_classes):
        super().__init__(in_channels, image_size, num_classes)
        self.bfloat16()
    def forward(self, x): return super().forward(x.bfloat16())
class Double(Base):
    def __init__(self, in_channels, image_size, num_classes):
        super().__init__(in_channels, image_size, num_classes)
        self.double()
    def forward(self, x): return super().forward(x.double()).float()
class Autocasts(Base):
    def forward(self, x):
        with torch.autocast("cpu", torch.bfloat16): return super().forward(x).float()
class EvaluatesItself(Base):
    def forward(self, x):
        self.eval()
        return super().forward(x)
def Traced(in_channels, image_size, num_classes):
    head = nn.Linear(in_channels * image_size**2, num_classes)
    images = torch.ones(2, in_channels, image_size, image_size)
    with warnings.catch_warnings(action="ignore"):
        return torch.jit.trace(nn.Sequential(nn.Flatten(), head), images)
net = Base(1, 28, 10)
def Kept(in_channels, image_size, num_classes): return net
"""
FOUND = {
    "Sound": (),
    "ZeroHead": ("same weights",),
    "LogSoftmax": (),
    "Softmax": ("probabilities",),
    "SoftmaxInTraining": ("probabilities",),
    "Sigmoid": ("probabilities",),
    "Rectified": (),
    "DrawsUnseeded": ("unseeded draws",),
    "OwnGenerator": ("hidden state",),
    "LoadsItself": ("not examined",),
    "SeedsItself": ("same weights",),
    "Unseeded": ("unseeded weights",),
    "SolvedFor": ("rounded weights",),
    "Constant": ("zero gradients", "constant"),
    "Darkens": ("faint",),
    "Underflows": ("zero gradients", "constant"),
    "DeepNormed": (),
    "OverTheBatch": ("batch",),
    "Recurrent": (),
    "RecurrentOverTheBatch": ("batch",),
    "KeepsItsMembrane": ("batch", "hidden state"),
    "Observes": ("hidden state",),
    "SetsItselfUp": (),
    "HooksItsTraining": (),
    "EnablesGradients": (),
    "MakesItsTable": ("hidden state",),
    "Sparse": (),
    "Hooked": (),
    "LeavesEarly": ("varying cost",),
    "AlwaysDrops": ("random evaluation",),
    "NotFinite": ("not finite",),
    "Counts": ("hidden state",),
    "Remembers": ("inexact gradients", "hidden state"),  # of a state that it detaches
    "UsesItsHistory": ("hidden state",),
    "KeepsMaps": (),
    "CountsInItsClass": ("shared state",),
    "SetsItselfUpUnsaved": ("hidden state",),
    "KeepsItsNorm": ("frozen weights", "shared state"),
    "Views": ("contiguous",),
    "Strides": ("contiguous",),
    "Spoils": (),
    "SpoilsData": (),
    "TrainsWithoutReturn": (),
    "Tanh": ("bounded",),
    "ScaledTanh": (),
    "Cosines": ("bounded",),
    "CosinesOverWeight": (),
    "UnitRows": ("bounded",),
    "RandomWidth": ("varying layers",),
    "Grows": ("varying layers",),
    "ViewsWithoutReturn": ("contiguous",),
    "SoftmaxWithoutReturn": ("probabilities",),
    "WithLogits": (),
    "Mapped": (),
    "StopsItsGate": ("inexact gradients",),
    "Pretrained": ("pretrained weights",),
    "KnownFilters": (),
    "Half": ("own precision",),
    "Double": ("own precision",),
    "Autocasts": ("own precision",),
    "EvaluatesItself": ("own mode",),
    "SeedsItsSteps": ("own seed",),
}
REFUSED = {
    "Classes": "gives int64 numbers, not logits",
    "Paired": "gives a tuple of (2, 10), (2, 1, 28, 28), not a tensor of logits",
    "PairedInTraining": "gives a tuple of (2, 10), (2, 10) in training mode, not a tensor",
    "Named": "gives a dict of `out`, not a tensor of logits",
    "Locked": "cannot be copied, as measuring it takes: TypeError: cannot pickle '_thread.lock'",
    "SavesItself": "cannot be saved: `net` in its `state_dict` is not a tensor",
    "SparseAndSaved": "cannot be saved: `graph` in its `state_dict` is sparse",
    "Late": "makes `more.weight`, `more.bias` in its first forward pass",
    "OwnParameters": "has a `parameters` of its own",
    "Traced": "has modules that `torch.jit` has made, whose layers cannot be watched",
    "net": "is a network that is already built",
    "Kept": "gives the same network in each call",
    "KeepsItsTrunk": "gives the same `trunk.weight`, `trunk.bias` in each call",
}


@pytest.fixture(autouse=True)
def restored_modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Undo what user files change in the process."""
    before = set(sys.modules)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    for name in set(sys.modules) - before:
        if str(CASES) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Builder]:
    path = tmp_path_factory.mktemp("networks") / "networks.py"
    path.write_text(NETWORK)
    return lambda name, shape=MINI: resolve(f"{path}:{name}", shape)


def case(name: str, shape: Shape = MINI) -> Builder:
    number, _, rest = name.partition("/")
    (folder,) = CASES.glob(f"{number}-*")
    return resolve(f"{folder}/{rest}", shape)


def trained(builder: Builder, dataset: Dataset, store: RunStore, epochs: int = 1) -> Run:
    config = TrainConfig(epochs=epochs, batch_size=32, lr=0.01)
    trial = Candidate("net", builder, config).trial(dataset, 0)
    runner = TrialRunner(store, Runtime("cpu", 1), dataset, networks=[builder])
    *_, ended = runner(trial)
    assert ended.run.status == "finished", ended.run.message
    run: Run = ended.run
    return run


@pytest.mark.parametrize("name", FOUND)
def test_examination_finds_each_fault(network: Callable[..., Builder], name: str) -> None:
    found = network(name).description.found
    assert tuple(one.name for one in found) == FOUND[name]
    assert {*FOUND[name]} <= KINDS.keys()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "Darkens",
            "nearly the same output for every image before its training (differences up to 0.",
        ),
        ("Underflows", "output for every image (that of `fc` still differs)"),
    ],
)
def test_finding_names_where_the_images_are_lost(
    network: Callable[..., Builder], name: str, words: str
) -> None:
    assert words in network(name).description.found[-1].text


@pytest.mark.parametrize("name", REFUSED)
def test_unusable_networks_are_refused(network: Callable[..., Builder], name: str) -> None:
    with pytest.raises(ModelError) as caught:
        _ = network(name).description
    assert REFUSED[name] in caught.value.message


def test_scripts_of_plugins_are_refused_too(network: Callable[..., Builder]) -> None:
    plugin = replace(network("Traced"), origin="registry")
    with pytest.raises(ModelError, match=re.escape(REFUSED["Traced"])):
        plugin.build(0)


def test_network_that_squeezes_the_batch_takes_no_single_image(
    network: Callable[..., Builder],
) -> None:
    assert network("Sound").takes_one_image
    assert not network("Squeezes").takes_one_image


def test_library_network_that_needs_values_may_take_one_image(tmp_path: Path) -> None:
    """It is tried with real values if the pass on the meta device fails."""
    (tmp_path / "net.py").write_text(
        "import torch\nfrom torch import nn\n"
        "def Net(in_channels: int, image_size: int, num_classes: int):\n"
        "    rates = [rate.item() for rate in torch.linspace(0, 0.1, 2)]\n"
        "    layer = nn.Linear(in_channels * image_size**2, num_classes)\n"
        "    return nn.Sequential(nn.Flatten(), nn.Dropout(rates[1]), layer)\n"
    )
    builder = resolve(f"{tmp_path}/net.py:Net", MINI)
    library = replace(builder, origin="library")
    with pytest.raises(ModelError, match="meta"):
        library.build(0, "meta")
    assert library.takes_one_image


def test_marked_run_states_the_finding(
    network: Callable[..., Builder], tiny: Dataset, tmp_path: Path
) -> None:
    run = trained(network("Softmax", shape_of(tiny)), tiny, RunStore(tmp_path))
    assert run.found == ("probabilities",)
    flags = [
        flag
        for flag in marks(run, ChanceLevel(0.0, len(tiny.test)))
        if flag.name == "probabilities"
    ]
    assert "returns probabilities, but cross-entropy expects logits" in flags[0].text


@pytest.mark.parametrize(
    "name",
    ["11/lazy.py:Net", "13/spectral.py:OldWeight", "13/spectral.py:OldSpectral",
     "13/spectral.py:NewWeight", "27/five_d.py:Net", "10/view.py:Conv", "10/view.py:Input"],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
def test_networks_of_all_forms_are_trained(name: str, tiny: Dataset, tmp_path: Path) -> None:
    run = trained(case(name, shape_of(tiny)), tiny, RunStore(tmp_path))
    assert not [note for note in run.message.split("; ") if "gradients" in note]


def test_network_that_enables_gradients_is_evaluated(
    network: Callable[..., Builder], tiny: Dataset, tmp_path: Path
) -> None:
    trained(network("EnablesGradients", shape_of(tiny)), tiny, RunStore(tmp_path))


def test_examination_needs_little_more_memory_than_a_training_pass(
    network: Callable[..., Builder], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also for a network with large broadcasts and few MACs."""
    monkeypatch.setattr("convcompare.models.peak_memory.EVALUATION_MEMORY", 2**24)
    builder = network("Pairs")
    images = torch.randn(2, 1, 28, 28)
    step = peak_of(lambda: builder.build(0)(images).sum().backward(), torch.device("cpu"))
    examined = peak_of(lambda: builder.description, torch.device("cpu"))
    assert builder.description.macs == 28 * 28 * 10
    assert step is not None and examined is not None and examined < 1.1 * step


def test_lazy_layers_have_the_initial_weights_of_eager_ones() -> None:
    lazy, eager = (case(f"11/lazy.py:{name}").build(3).state_dict() for name in ("Net", "Eager"))
    assert lazy.keys() == eager.keys()
    assert all(torch.equal(lazy[name], eager[name]) for name in lazy)


def test_seed_determines_weights_drawn_by_numpy() -> None:
    first, again, other = (case("19/npinit.py:Np").build(seed).f.weight for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert case("19/npinit.py:Np").description.other_draws
    assert not case("19/npinit.py:Fixed").description.other_draws


@pytest.mark.parametrize("name", ["Spoils", "SpoilsData"])
def test_input_written_in_place_is_unchanged(network: Callable[..., Builder], name: str) -> None:
    images = torch.ones(2, 1, 28, 28)
    network(name).build(0)(images)
    assert (images == 1).all()


def test_run_with_state_outside_its_checkpoint_starts_again(tiny: Dataset, tmp_path: Path) -> None:
    builder = case("20/bufs.py:Net", shape_of(tiny))
    uninterrupted = trained(builder, tiny, RunStore(tmp_path / "whole"), epochs=3)
    store = RunStore(tmp_path / "halved")
    runner = TrialRunner(store, Runtime("cpu", 1), tiny, networks=[builder])
    events = runner(uninterrupted.trial)
    ended: list[Any] = [next(event for event in events if isinstance(event, EpochFinished))]
    events.close()  # type: ignore[attr-defined]
    ended = list(runner(uninterrupted.trial))
    (started,) = (event for event in ended if isinstance(event, Started))
    assert started.history == ()
    assert "(`seen`): an interrupted run starts again, without its 1 epoch" in started.damage
    assert [e.test_loss for e in ended[-1].run.history] == [
        e.test_loss for e in uninterrupted.history
    ]


def test_last_batch_of_one_image_is_refused(tiny: Dataset) -> None:
    size = len(tiny.train) - 1
    config = TrainConfig(epochs=1, batch_size=size)
    resnet = resolve("torchvision:resnet18", Shape(3, 32, 4))
    for builder in (case("15/bn_one.py:Net", shape_of(tiny)), resnet):
        with pytest.raises(UsageError, match="the last batch of an epoch is a single image") as e:
            check_last_batch(Candidate("net", builder, config), tiny)
        assert e.value.hint == f"`--batch-size {size - 1}` avoids this"
    check_last_batch(Candidate("net", resolve("fcn", shape_of(tiny)), config), tiny)
