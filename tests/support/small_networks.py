"""Networks that consist of one piece of work, for what is counted and found in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


class Doing(nn.Module):
    """A network that does `work` with its parts and parameters."""

    def __init__(self, work: Callable[..., Tensor], *parts: nn.Module, **parameters: Tensor):
        super().__init__()
        self.work, self.parts = work, nn.ModuleList(parts)
        for name, value in parameters.items():
            setattr(self, name, nn.Parameter(value))

    def forward(self, x: Tensor) -> Any:
        return self.work(self, x)


def weight(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def tokens(x: Tensor) -> Tensor:
    """The places of images as tokens: (n, h·w, c)."""
    return x.flatten(2).transpose(1, 2)
