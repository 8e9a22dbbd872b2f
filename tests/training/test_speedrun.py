"""The speed record's network and recipe: each ingredient against its definition."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convcompare.core.config import RECIPES, TrainConfig
from convcompare.data.dataset import Dataset, Split
from convcompare.models.build import resolve
from convcompare.models.layers.whitening import EPS, PatchWhitening, patch_covariance
from convcompare.models.shape import Shape
from convcompare.training import augmentation
from convcompare.training.batches import Batches
from convcompare.training.model_hooks import IMAGES
from convcompare.training.muon import BETAS, Muon, orthogonal
from convcompare.training.optim import learning_rate, make_optimizer
from convcompare.training.trainer import Trainer
from tests.support.cli import Result
from tests.support.data import make_tiny

CIFAR, MNIST = Shape(3, 32, 10), Shape(1, 28, 10)
TINY = {"optimizer": "muon", "lr": "0.2", "other_lr": "0.02", "momentum": "0.6"}


def count(shape: Shape, widths: tuple[int, ...]) -> int:
    """A bias per filter, two 3×3 convolutions and two biases per block, a linear layer without."""
    channels = first = 8 * shape.in_channels
    total = first
    for width in widths:
        total += 9 * width * (channels + width) + 2 * width
        channels = width
    return total + channels * shape.num_classes


@pytest.mark.parametrize("shape", [CIFAR, MNIST, Shape(3, 64, 7)], ids=str)
@pytest.mark.parametrize("widths", [(64, 256, 256), (8, 16), (5,)], ids=str)
def test_parameters_by_formula(shape: Shape, widths: tuple[int, ...]) -> None:
    spec = f"speedrun:widths={'x'.join(map(str, widths))}"
    assert resolve(spec, shape).description.parameters == count(shape, widths)


def test_the_network_of_the_paper() -> None:
    model = resolve("speedrun", CIFAR).build(0)
    assert count(CIFAR, (64, 256, 256)) == 1_971_352
    assert not model.conv1.weight.requires_grad and not model.conv1.bias.any()
    images = torch.rand(2, 24, 9, 9)
    convolution = model.blocks.block1.conv1
    assert torch.equal(convolution(images)[:, :24], images), "dirac: the first filters hand on"
    for norm in (m for m in model.modules() if isinstance(m, nn.BatchNorm2d)):
        assert (norm.eps, norm.momentum, norm.weight.requires_grad) == (1e-12, 0.4, False)
        assert norm.bias.requires_grad
    sides: list[int] = []
    for block in model.blocks:
        block.register_forward_hook(lambda m, i, output: sides.append(output.shape[-1]))
    features = torch.zeros(2, 256)
    model.pool.register_forward_hook(lambda m, i, output: features.copy_(output.flatten(1)))
    with torch.no_grad():
        logits = model(torch.randn(2, 3, 32, 32))
    assert sides == [15, 7, 3]
    torch.testing.assert_close(logits, features @ model.fc.weight.T / 9)


@pytest.mark.parametrize("channels", [1, 3])
def test_whitened_patches_have_the_identity_as_covariance(channels: int) -> None:
    torch.manual_seed(0)
    images = F.avg_pool2d(torch.randn(60, channels, 21, 21), 3, 1) + torch.randn(channels, 1, 1)
    layer = PatchWhitening(channels)
    layer.whiten(images)
    size = 4 * channels
    assert layer.weight.shape == (2 * size, channels, 2, 2)
    assert torch.equal(layer.weight[size:], -layer.weight[:size])
    answers = layer(images).detach().transpose(0, 1).flatten(1).double()
    found = torch.cov(answers[:size], correction=0)
    patches = F.unfold(images, 2).transpose(0, 1).flatten(1).double()
    covariance = torch.cov(patches, correction=0)
    torch.testing.assert_close(patch_covariance(images), covariance, rtol=1e-6, atol=1e-6)
    values = torch.linalg.eigvalsh(covariance).flip(0)
    expected = torch.diag(values / (values + EPS))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_orthogonalised_by_newton_schulz() -> None:
    torch.manual_seed(0)
    for shape in ((16, 144), (144, 16), (32, 32)):
        left, right = (torch.linalg.qr(torch.randn(n, min(shape))).Q for n in shape)
        values = torch.linspace(0.1, 3, min(shape))
        found = orthogonal(left * values @ right.T)
        singular = torch.linalg.svdvals(found)
        assert singular.min() > 0.65 and singular.max() < 1.25, (shape, singular)
        aligned = (left.T @ found @ right).diagonal()
        assert (aligned > 0.6).all(), "each direction stays what it was"
    assert not orthogonal(torch.zeros(3, 4)).any()


def plain_muon(weights: list[Tensor], gradients: list[list[Tensor]]) -> list[Tensor]:
    """Update convolutions by three lines of algebra and other weights by torch's AdamW."""
    kernel, *rest = [w.clone() for w in weights]
    others = [nn.Parameter(w) for w in rest]
    adam = torch.optim.AdamW(
        [{"params": others[:1], "weight_decay": 0.1}, {"params": others[1:], "weight_decay": 0}],
        lr=0.02,
        betas=BETAS,
        eps=1e-10,
    )
    average, norm = torch.zeros_like(kernel), kernel.norm()
    for gradient, *more in gradients:
        average = 0.6 * average + gradient
        step = orthogonal((gradient + 0.6 * average).reshape(len(kernel), -1)).reshape(kernel.shape)
        moved = kernel - 0.2 * norm / len(kernel) ** 0.5 * step
        kernel = moved / moved.norm() * norm
        for parameter, own in zip(others, more, strict=True):
            parameter.grad = own.clone()
        adam.step()
    return [kernel, *(p.detach() for p in others)]


def test_muon_equals_a_plain_reference() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(2, 4, 3), nn.Linear(5, 3))
    config = TrainConfig().replace({**TINY, "weight_decay": "0.1"})
    optimizer = make_optimizer(config, model.parameters())
    assert isinstance(optimizer, Muon)
    order = [model[0].weight, model[1].weight, model[0].bias, model[1].bias]
    gradients = [[torch.randn_like(p) for p in order] for _ in range(4)]
    expected = plain_muon([p.detach() for p in order], gradients)
    for some in gradients:
        for parameter, gradient in zip(order, some, strict=True):
            parameter.grad = gradient
        optimizer.step()
    for parameter, reference in zip(order, expected, strict=True):
        torch.testing.assert_close(parameter.detach(), reference, rtol=1e-4, atol=1e-5)


def test_triangular_schedule() -> None:
    config = TrainConfig().replace({"schedule": "triangle", "lr": "2"})
    rates = [learning_rate(config, step, 1000) for step in range(1000)]
    assert rates[0] == pytest.approx(0.4) and rates[100] == pytest.approx(2) == max(rates)
    assert rates[50] == pytest.approx(1.2) and rates[550] == pytest.approx(1)
    assert 0 < rates[-1] < 0.003


def test_each_image_is_mirrored_every_other_epoch() -> None:
    epochs = [augmentation.mirrored(101, seed=3, epoch=epoch) for epoch in range(4)]
    assert {int(epochs[0].sum()), int(epochs[1].sum())} == {50, 51}
    for before, after in itertools.pairwise(epochs):
        assert torch.equal(before, ~after)
    assert torch.equal(epochs[2], augmentation.mirrored(101, seed=3, epoch=2))
    assert not torch.equal(epochs[0], augmentation.mirrored(101, seed=4, epoch=0))


def test_shifts_reflect_the_edge() -> None:
    n, side = 300, 32
    images = torch.randint(0, 255, (n, side, side, 1), dtype=torch.uint8)
    flip = torch.arange(n) % 2 == 1
    moves = augmentation.draw_reflected_moves(n, side, torch.Generator().manual_seed(0))
    moved = augmentation.shifted_with_reflection(images, moves, flip)
    padded = F.pad(images.permute(0, 3, 1, 2).float(), (2, 2, 2, 2), "reflect")[:, 0]
    seen = set()
    for one, whole, mirror in zip(moved[..., 0].float(), padded, flip, strict=True):
        upright = one.flip(1) if mirror else one
        windows = whole.unfold(0, side, 1).unfold(1, side, 1)
        places = (windows == upright).all(-1).all(-1).nonzero().tolist()
        assert len(places) == 1
        seen.add(tuple(places[0]))
    assert len(seen) == 25


def photographs(train: int = 96) -> Dataset:
    tiny = make_tiny(train=train, test=40, size=16)
    splits = [
        Split(split.images.repeat(3, axis=1), split.labels) for split in (tiny.train, tiny.test)
    ]
    return dataclasses.replace(
        tiny, train=splits[0], test=splits[1], mean=(0.2,) * 3, std=(0.3,) * 3,
        augmentation="flip-crop",
    )  # fmt: skip


def trainer(dataset: Dataset, seed: int = 5, **settings: Any) -> Trainer:
    given = {"epochs": "4", "batch_size": "40", **{k: str(v) for k, v in settings.items()}}
    config = RECIPES["speedrun"].replace(given)
    batches = [Batches(s, dataset, torch.device("cpu")) for s in (dataset.train, dataset.test)]
    shape = Shape(dataset.channels, dataset.image_size, len(dataset.classes))
    model = resolve("speedrun:widths=8x16x16,bias_epochs=2", shape).build(seed)
    return Trainer(model, *batches, config, seed=5, augmentation=dataset.augmentation)


def test_the_first_layer_is_whitened_by_training_images_not_held_out() -> None:
    data = photographs()
    job = trainer(data, val_fraction=0.25)
    alone = PatchWhitening(3)
    alone.whiten(torch.cat([images for images, _ in job.train_batches.in_order(50)]))
    torch.testing.assert_close(job.model.conv1.weight, alone.weight)
    again = trainer(data, seed=6, val_fraction=0.25)
    assert torch.equal(job.model.conv1.weight, again.model.conv1.weight)
    assert len(job.train_batches) == 72 < IMAGES


def test_resumed_after_any_epoch_is_bit_identical() -> None:
    data = photographs()
    whole = trainer(data)
    whitened = whole.model.conv1.weight.clone()
    states, losses, biases = [], [], []
    for epoch in whole:
        losses.append(epoch.train_loss)
        states.append({name: t.clone() for name, t in whole.state().items()})
        biases.append(whole.model.conv1.bias.detach().clone())
    assert torch.equal(whole.model.conv1.weight, whitened)
    assert biases[0].any() and not torch.equal(biases[0], biases[1])
    assert torch.equal(biases[1], biases[3]), "the bias stays after two epochs"
    for done in (1, 2, 3):
        resumed = trainer(data, seed=done)
        resumed.restore(done, states[done - 1])
        assert [epoch.train_loss for epoch in resumed] == losses[done:]
        for name, tensor in resumed.state().items():
            assert torch.equal(tensor, states[-1][name]), name
        assert torch.equal(resumed.test_logits, whole.test_logits)
        assert resumed.tta_accuracy() == whole.tta_accuracy()


@pytest.mark.parametrize("allowed", ["flip-crop", "crop", "none"])
def test_views_equal_a_plain_reference(allowed: Any) -> None:
    data = dataclasses.replace(photographs(), augmentation=allowed)
    job = trainer(data, epochs=1)
    list(job)
    images = torch.cat([x for x, _ in job.test_batches.in_order(40)])
    job.model.eval()
    with torch.no_grad():
        plain = job.model(images)
        padded = F.pad(images, (1, 1, 1, 1), "reflect")
        up, down = (padded[:, :, i : i + 16, i : i + 16] for i in (0, 2))
        mean = plain / 2 + (job.model(up) + job.model(down)) / 4
        if allowed == "flip-crop":
            flipped = [job.model(x.flip(3)) for x in (images, up, down)]
            mean = mean / 2 + flipped[0] / 4 + (flipped[1] + flipped[2]) / 8
    expected = plain if allowed == "none" else mean
    found = job.evaluate(job.test_batches, averaged=True)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(job.evaluate(job.test_batches), plain, rtol=1e-4, atol=1e-5)
    assert job.tta_accuracy() == (expected.argmax(1) == job.test_batches.labels).double().mean()


def test_speedrun_settings_keep_older_ids() -> None:
    plain = TrainConfig()
    assert not {"tta", "other_lr"} & set(plain.identity())
    assert RECIPES["speedrun"].identity()["tta"] is True
    assert plain.replace({"augment": "true"}).identity()["augment"] is True


@pytest.mark.parametrize(
    "spec",
    [
        "fcn:hidden=16",
        *(
            pytest.param(spec, marks=pytest.mark.torture)
            for spec in ("lenet-5", "speedrun:widths=4x8x8")
        ),
    ],
)
def test_recipe_trains_other_networks_and_describes_its_figures(
    run: Callable[..., Result], spec: str
) -> None:
    command = ["train", spec, "-d", "mnist-mini", "--recipe", "speedrun", "-e", "1", "-b", "64"]
    command += ["--precision", "fp32", "--threads", "1", "--quiet", "--columns", "tta"]
    told = run(*command)
    assert told.code == 0, told.err
    assert "TTA" in told.out and "of the plain image" in told.out
    (listed,) = json.loads(run("runs", "--format", "json").out)["runs"]
    record = json.loads(run("runs", listed["id"], "--format", "json").out)
    accuracy = record["history"][-1]["test_accuracy"]
    assert 0.15 < accuracy < 1, "better than chance"
    assert listed["test_accuracy"] == accuracy, "the plain one"
    assert 0.15 < record["tta_accuracy"] < 1
