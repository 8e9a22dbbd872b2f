"""What helps where somebody's network fails: each of these is written in many repositories."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from convcompare.core.errors import ModelError
from convcompare.models.build import Builder, resolve
from convcompare.models.shape import Shape

NETWORKS = """
import torch
from torch import nn

class Base(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(784, 10)
    def forward(self, x): return self.fc(x.flatten(1))

class ViewOf64(Base):
    def forward(self, x): return self.fc(x.view(64, -1))
class ReshapedTo48(Base):
    def forward(self, x): return self.fc(x.reshape(48, 784))
class StateOf32(Base):
    def __init__(self):
        super().__init__()
        self.rows, self.fc = nn.LSTM(28, 8, batch_first=True), nn.Linear(8, 10)
    def forward(self, x):
        state = torch.zeros(1, 32, 8)
        return self.fc(self.rows(x[:, 0], (state, state))[0][:, -1])
class NoiseFor100(Base):
    def __init__(self):
        super().__init__()
        self.noise = torch.zeros(100, 1, 28, 28)
    def forward(self, x): return super().forward(x + self.noise)
class OnCuda(Base):
    def __init__(self):
        super().__init__()
        self.fc.cuda()
class MadeOnCuda(Base):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(784, 10, device="cuda")
class ToCuda(Base):
    def forward(self, x): return super().forward(x.cuda())
class OnMps(Base):
    def __init__(self):
        super().__init__()
        self.fc.to("mps")
class InDouble(Base):
    def __init__(self):
        super().__init__()
        self.double()
class Configured(Base):
    def __init__(self, config): super().__init__()
class TwoInputs(Base):
    def forward(self, x, lengths): return super().forward(x)
"""
DEVICE = "take `.cuda()` and `device=` out of it: `--device` moves the network"
HINTS = {
    "ViewOf64": "it takes batches of 64 images alone: `len(x)` in place of 64, or `.flatten(1)`",
    "ReshapedTo48": "it takes batches of 48 images alone",
    "StateOf32": "it takes batches of 32 images alone",
    "NoiseFor100": "it takes batches of 100 images alone",
    "InDouble": "images are float32: leave `.double()` and `.half()` out",
    "Configured": "`:config=VALUE` behind its name, or a function without required parameters",
    "TwoInputs": "it is called with the images alone: give what else `forward` takes a default",
}
WITHOUT_GPU = ("OnCuda", "MadeOnCuda", "ToCuda")


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Builder]:
    path = tmp_path_factory.mktemp("networks") / "failing_networks.py"
    path.write_text(NETWORKS)
    return lambda name: resolve(f"{path}:{name}", Shape(1, 28, 10))


@pytest.mark.parametrize("name", HINTS)
def test_the_hint_says_what_to_change(network: Callable[[str], Builder], name: str) -> None:
    with pytest.raises(ModelError) as error:
        _ = network(name).description
    assert error.value.hint is not None and error.value.hint.startswith(HINTS[name])


@pytest.mark.skipif(torch.cuda.is_available(), reason="there it moves")
@pytest.mark.parametrize("name", WITHOUT_GPU)
def test_a_device_that_is_not_here(network: Callable[[str], Builder], name: str) -> None:
    with pytest.raises(ModelError) as error:
        _ = network(name).description
    assert error.value.hint is not None and error.value.hint.startswith(DEVICE)


@pytest.mark.skipif(torch.backends.mps.is_available(), reason="there it moves")
def test_a_device_of_another_maker(network: Callable[[str], Builder]) -> None:
    with pytest.raises(ModelError) as error:
        _ = network("OnMps").description
    assert error.value.hint is not None and error.value.hint.startswith(DEVICE)


def test_a_file_that_moves_things_as_it_is_imported(tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there it moves")
    path = tmp_path / "moves_at_import.py"
    path.write_text(f"{NETWORKS}\nnet = Base().cuda()\n")
    with pytest.raises(ModelError) as error:
        resolve(f"{path}:Base", Shape(1, 28, 10))
    assert error.value.hint is not None and error.value.hint.startswith(DEVICE)


@pytest.mark.parametrize("imports", ["from .blocks import WIDTH", "from tools_of_repo import *"])
def test_a_file_that_imports_from_above_is_to_be_run_from_there(
    tmp_path: Path, imports: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "networks_of_repo"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "blocks.py").write_text("WIDTH = 8")
    (folder / "net.py").write_text(f"{imports}\n{NETWORKS}")
    (tmp_path / "tools_of_repo.py").write_text("WIDTH = 8")
    with pytest.raises(ModelError) as error:
        resolve(f"{folder / 'net.py'}:Base", Shape(1, 28, 10))
    assert error.value.hint is not None
    assert error.value.hint.startswith(f"run it in `{tmp_path}` as `networks_of_repo.net:NAME`")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    assert resolve("networks_of_repo.net:Base", Shape(1, 28, 10)).build(0)
    for name in [name for name in sys.modules if name.endswith("_of_repo") or "_of_repo." in name]:
        del sys.modules[name]
