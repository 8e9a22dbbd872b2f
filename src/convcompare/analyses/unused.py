"""Weights that training would never change."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from convcompare.build import Shape


def parameters_without_gradient(model: nn.Module, shape: Shape) -> list[str]:
    """Names of the trainable parameters that no gradient of the logits reaches.

    Two images are pushed forward and backward through a copy in training mode, on the device of the
    network; on ``meta`` nothing is computed. A gradient that is zero has reached its parameter.
    """
    replica = copy.deepcopy(model).train()
    named = [(name, p) for name, p in replica.named_parameters() if p.requires_grad]
    if not named:
        return []
    device = named[0][1].device
    size = (2, shape.in_channels, shape.image_size, shape.image_size)
    with torch.random.fork_rng([device] if device.type == "cuda" else []), torch.enable_grad():
        logits = replica(torch.rand(size, device=device))
        found = torch.autograd.grad(logits.sum(), [p for _, p in named], allow_unused=True)
    return [name for (name, _), gradient in zip(named, found, strict=True) if gradient is None]
