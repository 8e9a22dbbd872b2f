"""Networks of torchvision and timm by name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from convcompare.core.errors import ModelError, UsageError
from convcompare.models import torchvision_import
from convcompare.models.build import options, resolve
from convcompare.models.shape import Shape

CIFAR, IMAGENET = Shape(3, 32, 10), Shape(3, 224, 1000)


def refusal(spec: str, shape: Shape = CIFAR) -> str:
    with pytest.raises(UsageError) as caught:
        resolve(spec, shape).description  # noqa: B018
    text = f"{caught.value.message} | {caught.value.hint}"
    assert "\n" not in text
    return text


def test_resnet18_of_torchvision_has_the_published_costs() -> None:
    description = resolve("torchvision:resnet18", IMAGENET).description
    assert description.parameters == 11_689_512
    assert description.macs == 1_814_073_344


@pytest.mark.parametrize(
    "spec",
    ["torchvision:resnet18:weights=none", "torchvision:squeezenet1_1",
     "torchvision:regnet_y_400mf",
     *(pytest.param(f"torchvision:{name}", marks=pytest.mark.torture) for name in (
         "resnet18", "googlenet", "vit_b_16:dropout=0.1", "mobilenet_v2:width_mult=0.5"))],
)  # fmt: skip
def test_torchvision_networks_take_small_images(spec: str) -> None:
    builder = resolve(spec, CIFAR)
    assert builder.description.parameters > 0
    assert builder.spec == spec
    assert builder.origin == "library" and builder.code is not None


def test_torchvision_network_gets_a_gradient_everywhere() -> None:
    model = resolve("torchvision:squeezenet1_1", CIFAR).build(0)
    model(torch.randn(2, 3, 32, 32)).sum().backward()
    assert all(p.grad is not None for p in model.parameters())


@pytest.mark.torture
def test_mobilenet_v2_has_the_parameters_of_torchvision() -> None:
    ours = resolve("mobilenet-v2", CIFAR).description
    theirs = resolve("torchvision:mobilenet_v2", CIFAR).description
    assert ours.parameters == theirs.parameters == 2_236_682


@pytest.mark.parametrize(
    "name",
    ["resnet18", *(pytest.param(n, marks=pytest.mark.torture) for n in ("resnet34", "resnet50"))],
)
def test_resnets_differ_from_torchvision_only_in_the_stem(name: str) -> None:
    ours = resolve(name.replace("t", "t-"), CIFAR).description.parameters
    theirs = resolve(f"torchvision:{name}", CIFAR).description.parameters
    assert theirs - ours == (49 - 9) * 3 * 64


@pytest.mark.parametrize("depth", [11, 13, 16, 19])
@pytest.mark.parametrize("bn", ["", "_bn"])
def test_vgg_convolutions_equal_those_of_torchvision(depth: int, bn: str) -> None:
    ours = resolve(f"vgg-{depth}:bn={'true' if bn else 'false'}", CIFAR).build(0, "meta")
    theirs = resolve(f"torchvision:vgg{depth}{bn}", CIFAR).build(0, "meta")
    kinds = (nn.Conv2d, nn.BatchNorm2d)
    found = [
        [p.shape for m in model.modules() if isinstance(m, kinds) for p in m.parameters()]
        for model in (ours, theirs)
    ]
    assert found[0] == found[1]


def test_options_of_a_torchvision_network_are_listed() -> None:
    known = options("torchvision:resnet18")
    assert "weights" in known and "zero_init_residual" in known
    assert "num_classes" not in known and "progress" not in known


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("torchvision:resnt18", ("`resnt18`", "`resnet18`")),
        ("torchvision:", ("no network",)),
        ("torchvision:resnet18:weights=MINE", ("weights `MINE`", "IMAGENET1K_V1")),
        ("torchvision:resnet18:zero_init=true", ("`zero_init`",)),
        ("torchvision:resnet18:groups=many", ("`groups`", "`many`", "whole number")),
        ("torchvision:resnet18:groups=2", ("groups=1",)),
        ("torchvision:alexnet", ("3×32×32", "224×224 pixels")),
        pytest.param(
            *("torchvision:inception_v3", ("3×32×32", "299×299 pixels")), marks=pytest.mark.torture
        ),
    ],
)
def test_invalid_library_specs_are_refused_in_one_line(spec: str, words: tuple[str, ...]) -> None:
    text = refusal(spec)
    for word in words:
        assert word in text, text


def test_wrong_image_size_or_channels_are_refused_with_the_option() -> None:
    assert "224×224 pixels" in refusal("torchvision:vit_b_16", Shape(3, 28, 10))
    assert "--channels 3" in refusal("torchvision:resnet18", Shape(1, 28, 10))


@pytest.mark.torture
def test_hint_names_multiples_of_an_image_size() -> None:
    assert "or a multiple of 224" in refusal("torchvision:maxvit_t", Shape(3, 32, 10))


def test_hint_offers_three_channels(tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text(
        "from torch import nn\n"
        "def Net(num_classes):\n"
        "    head = nn.Linear(4, num_classes)\n"
        "    return nn.Sequential(nn.Conv2d(3, 4, 28), nn.Flatten(), head)\n",
        encoding="utf-8",
    )
    assert "`--channels 3` repeats grey images" in refusal(f"{file}:Net", Shape(1, 28, 10))
    assert "--channels" not in refusal(f"{file}:Net", Shape(3, 32, 10))


def test_hint_names_the_image_size_of_a_user_network(tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text(
        "from torch import nn\n"
        "def Net(num_classes):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(784, num_classes))\n",
        encoding="utf-8",
    )
    assert resolve(f"{file}:Net", Shape(1, 28, 10)).description.parameters == 7_850
    assert "28×28 pixels" in refusal(f"{file}:Net", Shape(1, 32, 10))


def test_missing_timm_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    text = refusal("timm:resnet18")
    assert "timm" in text and "pip install timm" in text


def test_timm_network_takes_options() -> None:
    pytest.importorskip("timm", reason="timm is an extra")
    builder = resolve("timm:test_resnet:drop_rate=0.5", Shape(1, 28, 10))
    model = builder.build(0)
    assert builder.description.parameters == sum(p.numel() for p in model.parameters())
    assert model.drop_rate == 0.5
    assert model.conv1[0].in_channels == 1
    model(torch.randn(2, 1, 28, 28)).sum().backward()
    assert "`resnet18`" in refusal("timm:resnet18x")
    assert "`drop_rat`" in refusal("timm:test_resnet:drop_rat=0.5")


def test_resnet18_of_timm_has_the_published_costs() -> None:
    pytest.importorskip("timm", reason="timm is an extra")
    description = resolve("timm:resnet18", IMAGENET).description
    assert description.parameters == 11_689_512
    assert description.macs == 1_814_073_344


def test_transforms_and_data_sets_can_be_imported() -> None:
    assert torchvision_import.import_torchvision("torchvision.transforms.v2").RandomCrop
    assert torchvision_import.import_torchvision("torchvision.datasets").CIFAR10


def test_import_declares_missing_operators_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two operators are missing in turn; an operator that stays missing is an error."""
    missing = ["first", "second"]
    declared: list[str] = []

    def importing(module: str) -> str:
        if missing:
            raise RuntimeError(f"operator torchvision::{missing[0]} does not exist")
        return module

    def declare(operator: str) -> None:
        declared.append(operator)
        torchvision_import._declared.add(operator)
        missing.remove(operator)

    monkeypatch.setattr(torchvision_import, "_declared", set())
    monkeypatch.setattr(torchvision_import.importlib, "import_module", importing)
    monkeypatch.setattr(torchvision_import, "_declare", declare)
    monkeypatch.setattr(torchvision_import, "_forget", lambda: None)
    assert torchvision_import.import_torchvision() == "torchvision"
    assert declared == ["first", "second"]
    missing.append("first")
    with pytest.raises(RuntimeError, match="first"):
        torchvision_import.import_torchvision()


def test_missing_torchvision_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def importing(module: str) -> str:
        raise ModuleNotFoundError("No module named 'torchvision'", name="torchvision")

    monkeypatch.setattr(torchvision_import.importlib, "import_module", importing)
    with pytest.raises(ModelError, match="not installed"):
        torchvision_import.import_torchvision()


def test_only_one_module_imports_torchvision() -> None:
    package = Path(torchvision_import.__file__).parent
    for file in package.rglob("*.py"):
        lines = [line.split() for line in file.read_text(encoding="utf-8").splitlines()]
        assert ["import", "torchvision"] not in [line[:2] for line in lines]
        assert not any(line[:1] == ["from"] and line[1].startswith("torchvision") for line in lines
                       if len(line) > 1), file  # fmt: skip


@pytest.mark.torture  # test_packaging.py and others also import it in processes of their own
def test_torchvision_imports_in_a_new_process() -> None:
    code = (
        "import warnings; warnings.simplefilter('error')\n"
        "from convcompare.models.torchvision_import import import_torchvision\n"
        "print(import_torchvision().models.resnet18.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "resnet18"


@pytest.mark.parametrize("within", [False, True])
def test_user_code_runs_again_after_a_missing_torchvision_operator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, within: bool
) -> None:
    """As `import torchvision` fails beside some builds of torch."""
    monkeypatch.chdir(tmp_path)
    call = "" if within else "use()"
    (tmp_path / f"stopped_{within}.py").write_text(
        "from pathlib import Path\n"
        "from torch import nn\n"
        "def use():\n"
        "    if not Path('stopped').exists():\n"
        "        Path('stopped').touch()\n"
        "        raise RuntimeError('operator torchvision::nms does not exist')\n"
        f"{call}\n"
        "def net():\n"
        "    use()\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))\n"
    )
    assert resolve(f"stopped_{within}.py:net", Shape(1, 28, 10)).build(0)
    assert (tmp_path / "stopped").exists()
