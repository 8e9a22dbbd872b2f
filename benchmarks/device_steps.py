"""One training step on a device and on the CPU, and the difference of the two."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from convcompare.core.config import TrainConfig
from convcompare.data.dataset import Dataset
from convcompare.experiment.shapes import shape_of
from convcompare.models import devices
from convcompare.models.build import resolve
from convcompare.training.batches import Batches
from convcompare.training.trainer import Trainer

Found = dict[str, Any]
LOSS, GRADIENT = 1e-3, 2e-2
"""Maximum relative differences of the loss and of the gradient by its L2 norm."""
ROUNDING, TIMES = 1e-6, 10
"""Size of a relative rounding of weights, and the permitted multiple of its effect.

A deep network without shortcuts amplifies rounding beyond the tolerances above: its difference may
then be TIMES as large as the effect of ROUNDING on the CPU.
"""
TOLERANCE = (("loss", LOSS), ("gradient", GRADIENT))


def trainer(
    spec: str, config: TrainConfig, dataset: Dataset, device: torch.device, dropout: bool = True
) -> Trainer:
    """Return a new trainer, without dropout if its draws differ between devices."""
    model = resolve(spec, shape_of(dataset, config)).build(0)
    for module in () if dropout else model.modules():
        if "Dropout" in type(module).__name__ and hasattr(module, "p"):
            module.p = 0.0
    train, test = (Batches(split, dataset, device) for split in (dataset.train, dataset.test))
    return Trainer(model, train, test, config, 0, dataset.augmentation)


def step(
    spec: str, config: TrainConfig, dataset: Dataset, device: torch.device, rounding: float = 0.0
) -> Found:
    """Return loss and gradient of a step on four images; weights have relative noise `rounding`."""
    made = trainer(spec, config, dataset, device, dropout=False)
    made.model.train()
    generator = torch.Generator().manual_seed(0)
    for weight in made.model.parameters() if rounding else ():
        noise = torch.randn(weight.shape, generator=generator)
        weight.data.mul_(1 + rounding * noise)
    images, labels = next(made.batches(0))
    loss, _ = made.step(made.optimizer, images, labels)
    gradients = [p.grad.flatten().float().cpu() for p in made.model.parameters() if _has_grad(p)]
    return {"loss": loss.item(), "gradient": torch.cat(gradients)}


def _has_grad(parameter: nn.Parameter) -> bool:
    return parameter.grad is not None


@contextmanager
def plain() -> Iterator[None]:
    """Use the CPU like a device without known features."""
    known = devices.TRAITS["cpu"]
    devices.TRAITS["cpu"] = dataclasses.replace(known, channels_last=False, fused=False)
    try:
        yield
    finally:
        devices.TRAITS["cpu"] = known


def far(first: Tensor, second: Tensor) -> float:
    """Return the relative L2 distance to `here`; infinite if it is not finite."""
    distance = (torch.linalg.vector_norm(first - second) / torch.linalg.vector_norm(first)).item()
    return distance if math.isfinite(distance) else math.inf


def differences(first: Found, second: Found) -> dict[str, float]:
    """Return the relative differences of two steps."""
    return {
        "loss": abs(second["loss"] - first["loss"]) / max(1.0, abs(first["loss"])),
        "gradient": far(first["gradient"], second["gradient"]),
    }
