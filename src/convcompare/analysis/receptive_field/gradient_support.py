"""Fields measured and not derived: where the gradient of one unit reaches the image.

The second way, which shares no rule with the first: the network is run with positive weights and
without maxima (`linear`) on a real image, and one unit is differentiated by autograd.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from .linear_copy import linear_copy
from .linearised import Linearised, thin

Span = tuple[int, int]


@dataclass(frozen=True)
class Support:
    """The first and the last row and column of the image that a unit of a layer depends on.

    ``unit`` and ``units`` are (row, column) and the numbers of rows and columns of the output.
    """

    name: str
    unit: tuple[int, int]
    units: tuple[int, int]
    rows: Span
    columns: Span


def supports(
    model: nn.Module,
    channels: int,
    image: tuple[int, int],
    names: set[str] | None = None,
    gates: bool = False,
) -> dict[str, Support]:
    """The support of the central unit of each module's output that is (n, c, h, w), by its name.

    `model` is changed: pass a copy, or one built for this. It may lie on ``meta``, as only the
    shapes of its weights count. `names` picks modules; `gates` as in `Linearised`.
    """
    images, outputs = run_linear(model, channels, image, gates, names)
    found = (_support(name, output, images) for name, output in outputs.items() if output.ndim == 4)
    return {support.name: support for support in found}


def run_linear(
    model: nn.Module,
    channels: int,
    image: tuple[int, int],
    gates: bool,
    names: set[str] | None = None,
) -> tuple[Tensor, dict[str, Tensor]]:
    """The image, and what each module gives for it, ready to be differentiated."""
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
    """The rows and the columns from the first to the last that a unit of `output` depends on."""
    (gradient,) = torch.autograd.grad(output[unit].sum(), images, retain_graph=True)
    seen = gradient[0].ne(0).any(0)
    return _span(seen.any(1)), _span(seen.any(0))


def _support(name: str, output: Tensor, images: Tensor) -> Support:
    rows, columns = output.shape[2:]
    unit, one = (rows // 2, columns // 2), thin(output)
    seen = seen_pixels(output if one is None else one, (0, slice(None), *unit), images)
    return Support(name, unit, (rows, columns), *seen)


def _span(seen: Tensor) -> Span:
    places = seen.nonzero()
    return (int(places[0]), int(places[-1])) if len(places) else (0, -1)
