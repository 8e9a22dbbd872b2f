"""Receptive fields by measurement: the pixels with a non-zero gradient of one unit.

This method is independent of the derivation: the network runs with positive weights and without
maxima (`linearised`) on a real image, and autograd differentiates one unit.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from .linear_copy import linear_copy
from .linearised import Linearised

Span = tuple[int, int]


def run_linear(
    model: nn.Module,
    channels: int,
    image: tuple[int, int],
    gates: bool,
    names: set[str] | None = None,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the image and the output of each module for it, ready to be differentiated."""
    model = linear_copy(model.eval().requires_grad_(False), gates)
    images = torch.ones(1, channels, *image, dtype=torch.float64, requires_grad=True)
    outputs: dict[str, Tensor] = {}
    with ExitStack() as stack:
        for name, module in model.named_modules():
            if names is None or name in names:

                def keep(_: nn.Module, __: Any, output: Any, name: str = name) -> None:
                    if isinstance(output, Tensor) and output.requires_grad:
                        outputs[name] = output

                stack.callback(module.register_forward_hook(keep).remove)
        stack.enter_context(torch.enable_grad())
        stack.enter_context(Linearised(gates))
        model(images)
    return images, outputs


def seen_pixels(output: Tensor, unit: tuple[int | slice, ...], images: Tensor) -> tuple[Span, Span]:
    """Return the first and last row and column that a unit of `output` depends on."""
    (gradient,) = torch.autograd.grad(output[unit].sum(), images, retain_graph=True)
    seen = gradient[0].ne(0).any(0)
    return _span(seen.any(1)), _span(seen.any(0))


def _span(seen: Tensor) -> Span:
    places = seen.nonzero()
    return (int(places[0]), int(places[-1])) if len(places) else (0, -1)
