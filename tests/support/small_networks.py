"""Networks of one operation, for tests of what is counted in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


class Doing(nn.Module):
    """A network that applies a function `work` to its parts and parameters."""

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
    """Return the positions of images as tokens: (n, h·w, c)."""
    return x.flatten(2).transpose(1, 2)
