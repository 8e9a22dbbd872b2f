"""Hints for failing user networks; each mistake occurs in many repositories."""

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
from dataclasses import dataclass
from urllib.error import URLError

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
class NormsItsChannels(Base):
    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 8, 3), nn.LayerNorm(8)
    def forward(self, x): return self.norm(self.conv(x)).mean((2, 3))
class WithoutHead(nn.Module):
    def __init__(self, num_classes, width=32):
        super().__init__()
        self.fc = nn.Linear(784, width)
    def forward(self, x): return self.fc(x.flatten(1))
class Downloads(Base):
    built = 0
    def __init__(self, pretrained=True):
        super().__init__()
        type(self).built += 1
        if pretrained: raise URLError("Name or service not known")
class StateOf80OnTheCpu(Base):
    def forward(self, x): return super().forward(x + torch.zeros(80, 1, 28, 28, device="cpu"))
class For64PixelsOnTheCpu(Base):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(64 * 64, 10)
    def forward(self, x):
        return self.fc(x.flatten(1) * torch.ones(64 * 64, device="cpu"))
class For64PixelsOf1000Classes(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(64 * 64, 1000)
    def forward(self, x): return self.fc(x.flatten(1))
class Init(nn.Module):
    def init(self):
        super().__init__()
        self.fc = nn.Linear(784, 10)
    def forward(self, x): return self.fc(x.flatten(1))
class SetBelow(Base):
    def forward(self, x): return super().forward(x * SCALE)
class SetByMain(Base):
    def forward(self, x): return super().forward(x * scale)
class NotSetYet(Base):
    def forward(self, x): return super().forward(x * arguments.scale)
class WithoutAlias(Base):
    def forward(self, x): return super().forward(F.relu(x))
class WithoutImport(Base):
    def forward(self, x): return super().forward(x * math.pi)
class ImportsLate(Base):
    def __init__(self):
        super().__init__()
        import no_such_thing
class Unknown(Base):
    def forward(self, x): return super().forward(x * what_is_this)
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
class Wide(Base):
    def __init__(self, widths, depth, *, rate): super().__init__()
class TwoInputs(Base):
    def forward(self, x, lengths): return super().forward(x)
class TrainsItself(Base):
    def train(self, images, labels): pass
class LoopsOver(Base):
    def train(self, loader, epochs=1):
        for images, labels in loader: pass
class Misspelt(nn.Module):
    def foward(self, x): return x
class Detached(Base):
    def forward(self, x): return super().forward(x).detach()
class OfOtherImages(Base):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(700, 10)
class OtherChannels(Base):
    def forward(self, x): return nn.functional.conv2d(x, torch.zeros(8, 4, 3, 3))
class Called(Base):
    def __call__(self, x): return {"logits": self.forward(x)}
class Broken(Base):
    def forward(self, x): return self.fc1(x)
class HalfAsWide(Base):
    def __init__(self): super().__init__(); nn.Conv2d(8, 8 / 2, 1)
class HalfAsLong(Base):
    def forward(self, x): return super().forward(x).view(-1, 20 / 2)
class HalfAsOften(Base):
    def forward(self, x): return sum(super(HalfAsOften, self).forward(x) for _ in range(4 / 2))
class Reads64(Base):  # fails on numbers, and on any number of images
    def forward(self, x):
        if not x.is_meta: torch.zeros(64).item()
        return super().forward(x)
class FromOptions(Base):
    def __init__(self, options=None): super().__init__(options["width"])
class WithoutSuper(nn.Module):
    def __init__(self): self.fc = nn.Linear(784, 10)
class InPlace(Base):
    def forward(self, x):
        x = super().forward(x).exp()
        x += 1
        return x
class KeepsItsMembrane(Base):
    membrane = 0
    def forward(self, x):
        self.membrane = 0.5 * self.membrane + super().forward(x)
        return self.membrane
class Sign(torch.autograd.Function):
    def forward(self, x): return x.sign()
    def backward(self, gradient): return gradient
class OldFunction(Base):
    def forward(self, x): return super().forward(Sign()(x))
class AllFrozen(Base):
    def __init__(self):
        super().__init__()
        self.requires_grad_(False)
class OnePlace(Base):
    def forward(self, x): return super().forward(x)[:, :, None, None]
class EachPlace(Base):
    def forward(self, x): return super().forward(x)[:, :, None, None].expand(-1, -1, 4, 4)
class RowsOfPlaces(Base):
    def forward(self, x): return super().forward(x).repeat(4, 1)
class ManyClasses(nn.Module):
    def __init__(self, n_classes=1000):
        super().__init__()
        self.fc = nn.Linear(784, n_classes)
    def forward(self, x): return self.fc(x.flatten(1))
class OtherName(Base):
    def __init__(self, n_classes): super().__init__()
def calls_without(): return OtherName()
class WithoutTheBase(OtherName):
    def __init__(self): super().__init__()
class InheritsItAll(OtherName): pass
class Predicts(Base):
    def forward(self, x): return super().forward(x).argmax(1)
@dataclass
class WithoutHash(nn.Module):
    width: int = 10
    def __post_init__(self):
        super().__init__()
        self.fc = nn.Linear(784, self.width)
    def forward(self, x): return self.fc(x.flatten(1))
class WithFeatures(Base):
    def forward(self, x): return super().forward(x), x
class Capsules(Base):
    def forward(self, x): return x, super().forward(x)
class WithBothHeads(Base):
    def forward(self, x): return super().forward(x), super().forward(x)
class Differentiates(Base):
    def forward(self, x):
        x = x.requires_grad_()
        return super().forward(torch.autograd.grad(x.square().sum(), x)[0])
class Hooks(Base):
    def forward(self, x):
        x = super().forward(x)
        x.register_hook(lambda gradient: gradient / 2)
        return x
class OneLogit(Base):
    def forward(self, x): return super().forward(x)[:, :1]
class Exported(Base):  # as torch.export makes it
    def eval(self): raise NotImplementedError("Calling eval() is not supported yet.")
class Named(Base):
    def forward(self, x): return {"features": x, "scores": super().forward(x)}
arguments = None
def main():
    global scale, arguments
    scale, arguments = 2, object()
if __name__ == "__main__":
    SCALE = 2
    main()
"""
DEVICE = "take `.cuda()` and `device=` out of it: `--device` moves the network"
HINTS = {
    "ViewOf64": "it takes batches of 64 images alone: `len(x)` in place of 64, or `.flatten(1)`",
    "ReshapedTo48": "it takes batches of 48 images alone",
    "StateOf32": "it takes batches of 32 images alone",
    "NoiseFor100": "it takes batches of 100 images alone",
    "StateOf80OnTheCpu": "it takes batches of 80 images alone",
    "For64PixelsOnTheCpu": "it takes images of 64×64 pixels: `--image-size 64`",
    "For64PixelsOf1000Classes": "it takes images of 64×64 pixels: `--image-size 64`",
    "Init": "`Init` has a `init`, which nothing calls: name it `__init__`",
    "SetBelow": (
        f"line {NETWORKS[: NETWORKS.index('SCALE = 2')].count(chr(10)) + 1} sets `SCALE` below "
        '`if __name__ == "__main__":` alone'
    ),
    "SetByMain": "`main()` sets `scale`, and is not run where a file is imported",
    "NotSetYet": "`main()` sets `arguments`, and is not run where a file is imported",
    "WithoutAlias": "`import torch.nn.functional as F` at the top of the file is missing",
    "WithoutImport": "`import math` at the top of the file is missing",
    "ImportsLate": "install the package of `no_such_thing`",
    **dict.fromkeys(("HalfAsWide", "HalfAsLong", "HalfAsOften"), "sizes are whole numbers: `//`"),
    "InDouble": "images are float32: leave `.double()` and `.half()` out",
    "Configured": "`:config=VALUE` after its name, or a function without required parameters",
    "Wide": "`:widths=VALUE,depth=VALUE` after its name, or a function without required",
    "calls_without": "`OtherName.__init__()` is called without 'n_classes': hand a value on to it",
    "WithoutTheBase": "`OtherName.__init__()` is called without 'n_classes'",
    "InheritsItAll": "`num_classes` in place of `n_classes` is filled in; or `:n_classes=VALUE`",
    "TwoInputs": "it is called with the images alone: give what else `forward` takes a default",
    "TrainsItself": "`train(mode)` and `eval()` set the mode of a network",
    "LoopsOver": "`train(mode)` and `eval()` set the mode of a network",
    "Misspelt": "define `forward(self, x)`",
    "Detached": "its output depends on no parameter that trains: look for `detach`",
    "Called": "name it `forward`",
    "OfOtherImages": "a linear layer takes 700 numbers and gets 784: `nn.LazyLinear(10)`",
    "OtherChannels": "declare `in_channels`, `image_size` in its constructor",
    "FromOptions": "parameters named in_channels, image_size and num_classes are filled in, others",
    "Downloads": "what it downloads, probably weights, is not available: `:pretrained=no`",
    "NormsItsChannels": "`nn.LayerNorm` takes the channels last",
    "WithoutHead": "`nn.Linear(32, num_classes)` at its end gives one number per class",
    "InPlace": "write `x = x + y` in place of `x += y`",
    "KeepsItsMembrane": "it keeps activations from pass to pass: clear them in each `forward`",
    "OldFunction": "make `forward` and `backward` of that function static methods",
    "AllFrozen": "all of its 7,850 are frozen: leave `requires_grad` as it is",
    "OnePlace": "`.flatten(1)` at the end of `forward`",
    "EachPlace": "`.mean((2, 3))` at the end of `forward`",
    "RowsOfPlaces": "one row per image: `.flatten(1)` in place of `.view(-1, …)`",
    "ManyClasses": "`:n_classes=10` after its name",
    "OtherName": "`num_classes` in place of `n_classes` is filled in; or `:n_classes=VALUE`",
    "WithoutSuper": "call `super().__init__()` first in its `__init__`",
    "Predicts": "one number per class and image: the logits, not their `argmax`",
    "WithoutHash": "modules need a hash: `@dataclass(eq=False)`",
    "WithFeatures": "return the logits alone: its first part, or",
    "Capsules": "return the logits alone: its second part, or",
    "Named": "return the logits alone: `scores`, or",
    "Exported": "give the network itself, not what `torch.export` makes of it",
    "Differentiates": "evaluation records no gradients: `with torch.enable_grad():` around what",
    "Hooks": "evaluation records no gradients: register the hook under `if x.requires_grad`",
    "OneLogit": "`num_classes` numbers per image at its end, without a sigmoid",
    "WithBothHeads": "return the logits alone, or",
}
NOT_OF_ARGUMENTS = ("Broken", "Reads64", "Unknown")
WITHOUT_GPU = ("OnCuda", "MadeOnCuda", "ToCuda")


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Builder]:
    path = tmp_path_factory.mktemp("networks") / "failing_networks.py"
    path.write_text(NETWORKS)
    return lambda name: resolve(f"{path}:{name}", Shape(1, 28, 10))


@pytest.mark.parametrize("name", HINTS)
def test_hint_names_the_change_to_make(network: Callable[[str], Builder], name: str) -> None:
    with pytest.raises(ModelError) as error:
        _ = network(name).description
    assert error.value.hint is not None and error.value.hint.startswith(HINTS[name])


def test_download_that_fails_is_not_tried_with_other_image_sizes(
    network: Callable[[str], Builder],
) -> None:
    builder = network("Downloads")
    before = builder.function.built
    with pytest.raises(ModelError):
        _ = builder.description
    assert builder.function.built == before + 1


@pytest.mark.parametrize("name", NOT_OF_ARGUMENTS)
def test_no_hint_if_none_fits(network: Callable[[str], Builder], name: str) -> None:
    with pytest.raises(ModelError) as error:
        _ = network(name).description
    assert error.value.hint is None


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is present")
@pytest.mark.parametrize("name", WITHOUT_GPU)
def test_missing_gpu_gets_a_hint(network: Callable[[str], Builder], name: str) -> None:
    with pytest.raises(ModelError) as error:
        _ = network(name).description
    assert error.value.hint is not None and error.value.hint.startswith(DEVICE)


@pytest.mark.skipif(torch.backends.mps.is_available(), reason="an MPS device is present")
def test_missing_mps_device_gets_a_hint(network: Callable[[str], Builder]) -> None:
    with pytest.raises(ModelError) as error:
        _ = network("OnMps").description
    assert error.value.hint is not None and error.value.hint.startswith(DEVICE)


def test_file_that_needs_a_gpu_on_import_gets_a_hint(tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("a GPU is present")
    path = tmp_path / "moves_at_import.py"
    path.write_text(f"{NETWORKS}\nnet = Base().cuda()\n")
    with pytest.raises(ModelError) as error:
        resolve(f"{path}:Base", Shape(1, 28, 10))
    assert error.value.hint is not None and error.value.hint.startswith(DEVICE)


@pytest.mark.parametrize("imports", ["from .blocks import WIDTH", "from tools_of_repo import *"])
def test_import_from_a_parent_folder_gets_a_hint(
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
