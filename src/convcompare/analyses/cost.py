"""What a network costs: parameters and multiply-accumulates."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from .mode import evaluating


def parameters(model: nn.Module) -> int:
    """Trainable elements: BatchNorm's affine parameters count, its running statistics do not."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def count_macs(model: nn.Module, images: Tensor) -> tuple[int, Any]:
    """Multiply-accumulates for one image, and the output of the pass that counted them.

    images: (n, c, h, w). Counted are convolutions and matrix products, without bias, in eval mode;
    FLOPs are twice as many. The network is left as it was found.
    """
    with evaluating(model), torch.no_grad(), FlopCounterMode(display=False) as counter:
        output = model(images)
    return counter.get_total_flops() // (2 * len(images)), output
