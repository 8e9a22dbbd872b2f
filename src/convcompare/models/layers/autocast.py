"""Which number format a layer with its own arithmetic computes in."""

from __future__ import annotations

import torch
from torch import Tensor

from ..devices import autocast_dtype


def compute_dtype(x: Tensor) -> torch.dtype:
    """The format that the library's own convolution would use for `x`.

    Autocast rewrites the library's operators but not what is inside an ``autograd.Function``: a
    layer that runs below it must ask, or it would quietly compute in float32.
    """
    return x.dtype if x.dtype == torch.float64 else autocast_dtype(x) or x.dtype


def widened(x: Tensor) -> Tensor:
    """`x` in float32 where it is in a 16-bit format, for sums and powers; else as it is."""
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
