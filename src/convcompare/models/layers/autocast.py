"""Which number format a layer with its own arithmetic computes in."""

from __future__ import annotations

import torch
from torch import Tensor


def compute_dtype(x: Tensor) -> torch.dtype:
    """The format that the library's own convolution would use for `x`.

    Autocast rewrites the library's operators but not what is inside an ``autograd.Function``: a
    layer that runs below it must ask, or it would quietly compute in float32.
    """
    kind = x.device.type
    if kind in ("cpu", "cuda") and torch.is_autocast_enabled(kind) and x.dtype != torch.float64:
        return torch.get_autocast_dtype(kind)
    return x.dtype


def widened(x: Tensor) -> Tensor:
    """`x` in float32 where it is in a 16-bit format, for sums and powers; else as it is."""
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
