"""Optimizers, and learning rates as functions of the step."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import nn

from .config import TrainConfig

WARM_UP = 0.3
"""The share of the steps over which ``one-cycle`` raises the learning rate."""


def make_optimizer(
    config: TrainConfig, parameters: Iterable[nn.Parameter]
) -> torch.optim.Optimizer:
    """The optimizer of `config`, fused: one kernel for all parameters.

    With weight decay, only weights of matrices and convolutions decay, not biases and norms.
    """
    groups = _groups(config, [p for p in parameters if p.requires_grad])
    if config.optimizer == "sgd":
        nesterov = config.momentum > 0
        return torch.optim.SGD(
            groups, lr=config.lr, momentum=config.momentum, nesterov=nesterov, fused=True
        )
    kind = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.Adam
    return kind(groups, lr=config.lr, fused=True)


def _groups(config: TrainConfig, parameters: list[nn.Parameter]) -> list[dict[str, object]]:
    if not config.weight_decay:
        return [{"params": parameters, "weight_decay": 0.0}]
    decayed = [p for p in parameters if p.ndim > 1]
    kept = [p for p in parameters if p.ndim <= 1]
    groups: list[dict[str, object]] = [{"params": decayed, "weight_decay": config.weight_decay}]
    return [*groups, {"params": kept, "weight_decay": 0.0}] if kept else groups


def learning_rate(config: TrainConfig, step: int, steps: int) -> float:
    """The learning rate at `step` (from 0) of `steps` in the whole run."""
    progress = step / max(1, steps)
    if config.schedule == "cosine":
        return config.lr * (1 + math.cos(math.pi * progress)) / 2
    if config.schedule == "one-cycle":
        rising = (step + 1) / max(1.0, WARM_UP * steps)
        return config.lr * min(rising, (1 - progress) / (1 - WARM_UP), 1.0)
    return config.lr
