"""Floating-point formats of layers with a hand-written backward pass."""

from __future__ import annotations

import torch
from torch import Tensor

from ..devices import autocast_dtype


def compute_dtype(x: Tensor) -> torch.dtype:
    """Return the dtype in which ``nn.Conv2d`` would compute with `x`.

    Autocast converts the inputs of torch's operators, but not those inside an
    ``autograd.Function``: a layer built on one would compute in float32 without this.
    """
    return x.dtype if x.dtype == torch.float64 else autocast_dtype(x) or x.dtype


def widened(x: Tensor) -> Tensor:
    """Return `x` in float32 if it has a 16-bit format, for sums and powers, else unchanged."""
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
