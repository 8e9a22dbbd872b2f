"""One of two processes in the tests of several devices: python device_process.py FOLDER.

It writes its results to FOLDER, which `test_devices.py` compares with those of one device.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from convcompare.core.config import TrainConfig
from convcompare.training.batches import Batches
from convcompare.training.device_group import ALONE, SingleDevice, join_devices
from convcompare.training.trainer import Diverged, Trainer
from tests.support.data import make_tiny

SIZES = range(1, 18)
SETTINGS: dict[str, dict[str, Any]] = {
    "sgd": {"optimizer": "sgd", "lr": 0.05, "batch_size": 50, "label_smoothing": 0.1},
    "adamw": {"optimizer": "adamw", "weight_decay": 0.05, "batch_size": 64, "augment": "true"},
    "muon": {"optimizer": "muon", "lr": 0.1, "other_lr": 0.01, "augment": "alternating"},
    "best": {"val_fraction": 0.25, "select": "best", "batch_size": 50},
}
"""With 203 images the last batch of 50 has 3, which are not split, that of 64 has 11."""


class Doubled(torch.autograd.Function):
    """A layer with a hand-written backward pass."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return 2 * x

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return 2 * gradient


class Plain(nn.Module):
    """No BatchNorm, no dropout: several devices must compute the same as one."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(1, 8, 3, padding=1)
        self.head = nn.Linear(128, 4)

    def forward(self, images: Tensor) -> Tensor:
        x = Doubled.apply(self.convolution(images)).relu()
        return self.head(nn.functional.max_pool2d(x, 2).flatten(1))


class Irregular(nn.Module):
    """BatchNorm, dropout, a boolean buffer, and weights that are used in some steps only."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(1, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.side = nn.Linear(128, 4)
        self.head = nn.Linear(128, 4)
        self.never = nn.Linear(2, 2)
        self.register_buffer("mask", torch.ones(128, dtype=torch.bool))
        self.register_buffer("seen", torch.zeros(()))

    def begin_epoch(self, epoch: int) -> None:
        self.convolution.weight.requires_grad_(epoch == 0)

    def forward(self, images: Tensor) -> Tensor:
        x = nn.functional.max_pool2d(self.norm(self.convolution(images)).relu(), 2).flatten(1)
        x = nn.functional.dropout(x * self.mask, 0.3, self.training)
        if self.training:
            self.seen += images.sum()
            if torch.rand(()) < 0.3:
                return self.side(x)
        return self.head(x)


def trainer(
    model: type[nn.Module], devices: SingleDevice = ALONE, test: int = 57, **settings: Any
) -> Trainer:
    """Return a trainer over the same small data set in both processes."""
    dataset = make_tiny(test=test)
    given = {"epochs": "2", **{name: str(value) for name, value in settings.items()}}
    cpu = torch.device("cpu")
    batches = [Batches(split, dataset, cpu, devices) for split in (dataset.train, dataset.test)]
    torch.manual_seed(0)
    config = TrainConfig().replace(given)
    return Trainer(model(), *batches, config, seed=5, augmentation="flip-crop")


def gradients(devices: SingleDevice, size: int) -> dict[str, Tensor]:
    """Return the gradients of one step with a batch of `size` images, by parameter."""
    job = trainer(Plain, devices, batch_size=size)
    job.averaging = devices.averaging(job.model)
    images, labels = next(job.batches(0))
    job.step(job.optimizer, images, labels, devices.shard(size).share)
    return {
        f"{size}.{name}": p.grad for name, p in job.model.named_parameters() if p.grad is not None
    }


def logits(devices: SingleDevice, size: int) -> Tensor:
    """Return the logits of a test split of `size` images."""
    job = trainer(Plain, devices, test=size)
    return job.evaluate(job.test_batches)


def trained(
    model: type[nn.Module], devices: SingleDevice, **settings: Any
) -> tuple[Trainer, list[Any]]:
    job = trainer(model, devices, **settings)
    history = [[e.train_loss, e.train_accuracy, e.test_loss, e.test_accuracy] for e in job]
    job.finish()
    return job, history


def diverged(devices: SingleDevice) -> str:
    try:
        trained(Plain, devices, lr=1e30, optimizer="sgd")
    except Diverged as error:
        return error.message
    return ""


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    devices = join_devices(str(folder), "cpu", unused=True)
    found: dict[str, Tensor] = {}
    histories: dict[str, Any] = {}
    for size in SIZES:
        found |= {f"gradient.{k}": v for k, v in gradients(devices, size).items()}
        found[f"logits.{size}"] = logits(devices, size)
    for name, settings in SETTINGS.items():
        job, histories[name] = trained(Plain, devices, **settings)
        found |= {f"{name}.{key}": tensor for key, tensor in job.state().items()}
    job, histories["whimsical"] = trained(Irregular, devices, batch_size=50)
    found |= {f"whimsical.{key}": tensor for key, tensor in job.state().items()}
    histories["diverged"] = diverged(devices)
    rank = os.environ["RANK"]
    torch.save(found, folder / f"{rank}.pt")
    (folder / f"{rank}.json").write_text(json.dumps(histories))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
