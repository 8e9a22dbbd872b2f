"""One step of a training, on a device and on the CPU, and how far the two are from each other."""

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
"""The most that a loss, and the gradient of all weights by its L2 norm, may differ, relatively."""
ROUNDING, TIMES = 1e-6, 10
"""A deep network without shortcuts carries a rounding of its weights, relatively so large, further
than that: then it may differ by so many times what the rounding makes on the CPU."""
TOLERANCE = (("loss", LOSS), ("gradient", GRADIENT))


def trainer(
    spec: str, config: TrainConfig, dataset: Dataset, device: torch.device, dropout: bool = True
) -> Trainer:
    """A trainer at its beginning, without dropout if its draws would differ between devices."""
    model = resolve(spec, shape_of(dataset, config)).build(0)
    for module in () if dropout else model.modules():
        if "Dropout" in type(module).__name__ and hasattr(module, "p"):
            module.p = 0.0
    train, test = (Batches(split, dataset, device) for split in (dataset.train, dataset.test))
    return Trainer(model, train, test, config, 0, dataset.augmentation)


def step(
    spec: str, config: TrainConfig, dataset: Dataset, device: torch.device, rounding: float = 0.0
) -> Found:
    """Loss and gradient of one step on four images, from weights that are moved a little or not."""
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
    """Within it the CPU is used as a device that nothing is known of."""
    known = devices.TRAITS["cpu"]
    devices.TRAITS["cpu"] = dataclasses.replace(known, channels_last=False, fused=False)
    try:
        yield
    finally:
        devices.TRAITS["cpu"] = known


def far(here: Tensor, there: Tensor) -> float:
    """The L2 norm of a difference beside that of the first; infinite where one is not finite."""
    distance = (torch.linalg.vector_norm(here - there) / torch.linalg.vector_norm(here)).item()
    return distance if math.isfinite(distance) else math.inf


def differences(here: Found, there: Found) -> dict[str, float]:
    """How far two steps are from each other, relatively."""
    return {
        "loss": abs(there["loss"] - here["loss"]) / max(1.0, abs(here["loss"])),
        "gradient": far(here["gradient"], there["gradient"]),
    }
