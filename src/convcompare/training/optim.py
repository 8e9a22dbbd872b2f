"""Optimizers and learning-rate schedules."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import nn

from convcompare.core.config import TrainConfig
from convcompare.models.compiler_import import spare_methods, without_compiler
from convcompare.models.devices import traits

from .muon import Muon

spare_methods(torch.optim.Optimizer)
SGD = without_compiler(torch.optim.SGD)
Adam = without_compiler(torch.optim.Adam)
AdamW = without_compiler(torch.optim.AdamW)

WARM_UP = 0.3
"""Share of the steps in which ``one-cycle`` raises the learning rate."""
START, PEAK = 0.2, 0.1
"""``triangle``: initial rate as a share of the highest one, and share of the steps until the
peak."""


def make_optimizer(
    config: TrainConfig, parameters: Iterable[nn.Parameter]
) -> torch.optim.Optimizer:
    """Return the optimizer of a configuration, fused if torch supports it: one kernel for all.

    Weight decay applies to weights of matrices and convolutions only, not to biases and norms.
    """
    trained = [p for p in parameters if p.requires_grad]
    if config.optimizer == "muon":
        return _muon(config, trained)
    groups = _groups(config, trained)
    fused = all(traits(p.device).fused and p.is_floating_point() for p in trained) or None
    if config.optimizer == "sgd":
        nesterov = config.momentum > 0
        return SGD(groups, lr=config.lr, momentum=config.momentum, nesterov=nesterov, fused=fused)
    kind = AdamW if config.optimizer == "adamw" else Adam
    return kind(groups, lr=config.lr, fused=fused)


def _muon(config: TrainConfig, parameters: list[nn.Parameter]) -> Muon:
    """Return Muon: convolutions are orthogonalised, other groups have their share of `lr`."""
    turned = [p for p in parameters if p.ndim == 4]
    adapted = _groups(config, [p for p in parameters if p.ndim != 4])
    share = (config.other_lr or config.lr) / config.lr
    groups: list[dict[str, object]] = [{"params": turned, "orthogonal": True}]
    groups += [{**group, "share": share, "lr": share * config.lr} for group in adapted]
    return Muon([group for group in groups if group["params"]], config.lr, config.momentum)


def set_rate(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Set the learning rate of each group of parameters to its share of `lr`."""
    for group in optimizer.param_groups:
        group["lr"] = lr * group.get("share", 1.0)


def _groups(config: TrainConfig, parameters: list[nn.Parameter]) -> list[dict[str, object]]:
    if not config.weight_decay:
        return [{"params": parameters, "weight_decay": 0.0}]
    decayed = [p for p in parameters if p.ndim > 1]
    kept = [p for p in parameters if p.ndim <= 1]
    groups: list[dict[str, object]] = [{"params": decayed, "weight_decay": config.weight_decay}]
    return [*groups, {"params": kept, "weight_decay": 0.0}] if kept else groups


def learning_rate(config: TrainConfig, step: int, steps: int) -> float:
    """Return the learning rate at `step` (from 0) of `steps` in the whole run."""
    progress = step / max(1, steps)
    if config.schedule == "cosine":
        return config.lr * (1 + math.cos(math.pi * progress)) / 2
    if config.schedule == "one-cycle":
        rising = (step + 1) / max(1.0, WARM_UP * steps)
        return config.lr * min(rising, (1 - progress) / (1 - WARM_UP), 1.0)
    if config.schedule == "triangle":
        rising = START + (1 - START) * progress / PEAK
        return config.lr * min(rising, (1 - progress) / (1 - PEAK))
    return config.lr
