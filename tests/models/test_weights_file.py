"""Library networks that start with the weights of a file."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import huggingface_hub
import pytest
import safetensors.torch
import torch

from convcompare.core.errors import DataError, ModelError
from convcompare.models.build import Builder, resolve
from convcompare.models.shape import Shape
from tests.support.cli import Result

GREY, COLOUR = Shape(1, 32, 10), Shape(3, 32, 10)
NAME = "timm:test_resnet"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of timm's smallest ResNet for three channels and 7 classes."""
    path = tmp_path_factory.mktemp("weights") / "w.safetensors"
    torch.manual_seed(3)
    state = resolve(NAME, Shape(3, 32, 7)).build(5).state_dict()
    safetensors.torch.save_file({n: t + 0.01 * torch.randn(t.shape) if t.is_floating_point() else t
                                 for n, t in state.items()}, path)  # fmt: skip
    return path


def weights(path: Path) -> dict[str, torch.Tensor]:
    return safetensors.torch.load_file(path)


def refusal(spec: str, shape: Shape = COLOUR) -> str:
    with pytest.raises(ModelError) as caught:
        resolve(spec, shape).description  # noqa: B018
    text = f"{caught.value.message} | {caught.value.hint}"
    assert "\n" not in text
    return text


def test_all_weights_but_the_head_are_those_of_the_file(file: Path) -> None:
    builder = resolve(f"{NAME}:weights={file}", COLOUR)
    given, fresh = weights(file), resolve(NAME, COLOUR).build(1).state_dict()
    for name, tensor in builder.build(1).state_dict().items():
        of = fresh if name.startswith("fc.") else given
        assert torch.equal(tensor, of[name]), name
    found = builder.description.initial_weights
    assert found is not None
    assert found.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert (found.left_out, found.adapted, found.unused) == (("fc.weight", "fc.bias"), (), ())
    assert not torch.equal(*(builder.build(seed).fc.weight for seed in (0, 1))), "drawn by the seed"


def test_head_for_the_same_number_of_classes_is_kept(file: Path) -> None:
    builder = resolve(f"{NAME}:weights={file}", Shape(3, 32, 7))
    assert builder.description.initial_weights and not builder.description.initial_weights.left_out
    assert torch.equal(builder.build(1).fc.weight, weights(file)["fc.weight"])


def test_grey_images_give_the_logits_of_three_equal_channels(file: Path) -> None:
    classes = 7
    grey, colour = (
        resolve(f"{NAME}:weights={file}", Shape(channels, 32, classes)).build(0).eval()
        for channels in (1, 3)
    )
    images = torch.randn(4, 1, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(
            grey(images), colour(images.expand(4, 3, 32, 32)), rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda w: w,
        lambda w: {"state_dict": {f"module.{n}": t for n, t in w.items()}, "epoch": 3},
        lambda w: {"model": w, "optimizer": {"state": {}, "param_groups": [{"lr": 0.1}]}},
        lambda w: {f"_orig_mod.module.{n}": t for n, t in w.items()},
        lambda w: {"model_state_dict": {n: t.half() for n, t in w.items()}},
        lambda w: {n: t for n, t in w.items() if "num_batches" not in n and "fc." not in n},
        lambda w: {**w, "aux.weight": torch.ones(3)},
    ],
)
def test_common_forms_of_checkpoints_are_read(
    wrapped: Callable[..., object], file: Path, tmp_path: Path
) -> None:
    path = tmp_path / "w.pth"
    torch.save(wrapped(weights(file)), path)
    model = resolve(f"{NAME}:weights={path}", COLOUR).build(0)
    name = "layer4.0.conv2.weight"
    torch.testing.assert_close(model.state_dict()[name], weights(file)[name], rtol=0, atol=1e-3)


def test_weights_that_do_not_fit_are_refused_in_one_line(file: Path, tmp_path: Path) -> None:
    assert "there are no weights" in refusal(f"{NAME}:weights=gone.pth")
    assert "they lack `conv1.weight`" in refusal(f"torchvision:resnet18:weights={file}")
    less = {n: t for n, t in weights(file).items() if n != "layer2.0.bn1.weight"}
    safetensors.torch.save_file(less, tmp_path / "less.safetensors")
    assert "they lack `layer2.0.bn1.weight`" in refusal(
        f"{NAME}:weights={tmp_path}/less.safetensors"
    )
    other = weights(file) | {"layer4.0.conv2.weight": torch.ones(2, 3)}
    safetensors.torch.save_file(other, tmp_path / "other.safetensors")
    message = refusal(f"{NAME}:weights={tmp_path}/other.safetensors")
    assert "`layer4.0.conv2.weight` is 2×3 in the file" in message
    torch.save(resolve(NAME, COLOUR).build(0), tmp_path / "whole.pt")
    assert "nothing in it is executed" in refusal(f"{NAME}:weights={tmp_path}/whole.pt")
    (tmp_path / "text.pth").write_text("no weights")
    (tmp_path / "text.safetensors").write_text("no weights")
    for name in ("text.pth", "text.safetensors"):
        assert f"{name}` " in refusal(f"{NAME}:weights={tmp_path}/{name}")
    torch.save([1, 2], tmp_path / "list.pt")
    assert "has no tensors by name" in refusal(f"{NAME}:weights={tmp_path}/list.pt")
    assert "two sets" in refusal(f"{NAME}:pretrained=true,weights={file}")


def test_contents_of_the_file_are_part_of_the_code_hash(file: Path, tmp_path: Path) -> None:
    copy, fresh = tmp_path / "copy.safetensors", resolve(NAME, COLOUR).code
    shutil.copy(file, copy)

    def code(path: Path) -> str | None:
        return resolve(f"{NAME}:weights={path}", COLOUR).code

    first = code(file)
    assert code(copy) == first != fresh
    changed = weights(file)
    changed["fc.bias"] += 1
    safetensors.torch.save_file(changed, copy)
    assert code(copy) not in (first, fresh)


def test_published_weights_come_from_the_hub_cache(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = f"{_hub(NAME)}/model.safetensors"
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(DataError, match="are not available: no connection") as caught:
        resolve(f"{NAME}:pretrained=true", COLOUR)
    assert caught.value.exit_code == 3 and "weights=FILE" in (caught.value.hint or "")
    commit = "0" * 40
    folder = tmp_path / "hub" / f"models--{_hub(NAME).replace('/', '--')}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text(commit)
    (folder / "snapshots" / commit).mkdir(parents=True)
    shutil.copy(file, folder / "snapshots" / commit / "model.safetensors")
    builder: Builder = resolve(f"{NAME}:pretrained=true", COLOUR)
    found = builder.description.initial_weights
    assert found is not None and found.source == source
    assert torch.equal(builder.build(0).conv1[0].weight, weights(file)["conv1.0.weight"])


def _hub(name: str) -> str:
    import timm

    return str(timm.get_pretrained_cfg(name.partition(":")[2]).hf_hub_id)


def test_torchvision_file_is_verified_by_the_digest_in_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    spec = "torchvision:squeezenet1_1:weights=DEFAULT"
    path = tmp_path / "hub" / "checkpoints" / "squeezenet1_1-b8a52dc0.pth"
    path.parent.mkdir(parents=True)
    torch.save(resolve("torchvision:squeezenet1_1", Shape(3, 32, 1000)).build(0).state_dict(), path)
    with pytest.raises(DataError, match="SHA-256 mismatch"):
        resolve(spec, COLOUR)
    assert "IMAGENET1K_V1" in refusal("torchvision:squeezenet1_1:weights=MINE")


@pytest.mark.usefixtures("own_code_here")
def test_mixed_comparison_warns_and_records_the_source_of_weights(
    file: Path, run: Callable[..., Result]
) -> None:
    options = ("--dataset=mnist-mini", "--epochs=1", "--train-images=100", "--image-size=32")
    frozen = "--freeze=^(?!fc)"
    done = run("compare", NAME, f"{NAME}:weights={file}", *options, frozen, "--format=json")
    assert done.code == 0, done.err
    mixed = next(w for w in done.json()["warnings"] if "mixes" in w["warning"])
    assert f"{NAME}:weights={file} starts from trained weights" in mixed["warning"]
    fresh, pretrained = done.json()["models"]
    assert fresh["initial_weights"] is None
    assert pretrained["initial_weights"]["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert pretrained["initial_weights"]["adapted"] == ["conv1.0.weight"]
    head = 10 * weights(file)["fc.weight"].shape[1] + 10
    assert pretrained["parameters"] == fresh["parameters"] == head
    record = run("runs", pretrained["runs"][0]["id"], "--format=json").json()
    assert record["initial_weights"] == pretrained["initial_weights"]
    assert record["frozen"]["parameters"] == pretrained["frozen_parameters"] > 0
    assert record["trial"]["config"]["freeze"] == "^(?!fc)"
    assert "parameter tensors frozen" in done.err and "new: `fc.weight`, `fc.bias`" in done.err


OWN = """
import torch
from torch import nn

class Drawn(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv2d(1, 4, 5), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(),
                         nn.Linear(16, 10))

class Given(Drawn):
    def __init__(self):
        super().__init__()
        self[0].load_state_dict(torch.load("conv.pt"))
        self[0].requires_grad_(False)
"""


def test_weights_loaded_by_user_code_count_as_trained(
    run: Callable[..., Result], tmp_path: Path
) -> None:
    (tmp_path / "net.py").write_text(OWN)
    torch.save(torch.nn.Conv2d(1, 4, 5).state_dict(), tmp_path / "conv.pt")
    options = ("--dataset=mnist-mini", "--epochs=1", "--train-images=100", "--format=json")
    done = run("compare", "net.py:Given", "net.py:Drawn", *options)
    assert done.code == 0, done.err
    mixed = next(w for w in done.json()["warnings"] if "mixes" in w["warning"])
    assert "net.py:Given starts from trained weights, net.py:Drawn from random" in mixed["warning"]
    for messages in (done.err, run("models", "net.py:Given").err):
        assert "no seed changes, probably pretrained ones (1 of 2 weight tensors)" in messages
        assert "has frozen weights (104)" in messages
