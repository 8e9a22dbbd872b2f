"""A network layer by layer: what each is, what shape it gives, what it costs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from convcompare.models.build import resolve
from convcompare.models.inspection import evaluating
from convcompare.models.layers import activation, attention, convolution, pooling
from convcompare.models.shape import Shape

_OWN = frozenset(module.__name__ for module in (activation, attention, convolution, pooling))


@dataclass(frozen=True)
class Layer:
    """One call of one layer: parameters are trainable elements, MACs those for one image.

    ``shape`` is that of the output without the batch, None where it is no tensor. A layer that is
    called again has its parameters in its first row.
    """

    name: str
    kind: str
    shape: tuple[int, ...] | None
    parameters: int
    macs: int


def layer_table(model: nn.Module, images: Tensor) -> tuple[Layer, ...]:
    """The layers in the order of their calls; their parameters and MACs add up to the network's.

    images: (n, c, h, w), on the device of the network; on ``meta`` nothing is computed. A layer is
    a module without children, or one of this tool's; a module around others has a row only where it
    holds parameters or counted arithmetic of its own. The network is left as it was found.
    """
    rows: list[Layer] = []
    counter = FlopCounterMode(display=False)
    with evaluating(model), ExitStack() as stack, torch.no_grad():
        _watch(model, counter, rows, stack, len(images))
        stack.enter_context(counter)
        model(images)
    return tuple(rows)


def layers_of_spec(text: str, shape: Shape) -> tuple[Layer, ...]:
    """The layers of the network of a spec; a registered one takes no memory and no arithmetic."""
    builder = resolve(text, shape)
    device = "meta" if builder.origin == "registry" else "cpu"
    size = (2, shape.in_channels, shape.image_size, shape.image_size)
    return layer_table(builder.build(0, device), torch.zeros(size, device=device))


def _watch(
    model: nn.Module, counter: FlopCounterMode, rows: list[Layer], stack: ExitStack, images: int
) -> None:
    """Hook every module that can have a row; `stack` takes the hooks away again."""
    seen: set[int] = set()
    inside: tuple[str, ...] = ()
    for name, module in model.named_modules():
        if any(name.startswith(outer) for outer in inside):
            continue
        whole = not any(module.children()) or type(module).__module__ in _OWN
        if whole and name:
            inside = (*inside, f"{name}.")
        before, after = _hooks(name, module, whole, counter, rows, seen, images)
        stack.callback(module.register_forward_pre_hook(before).remove)
        stack.callback(module.register_forward_hook(after).remove)


def _hooks(
    name: str,
    module: nn.Module,
    whole: bool,
    counter: FlopCounterMode,
    rows: list[Layer],
    seen: set[int],
    images: int,
) -> tuple[Callable[..., None], Callable[..., None]]:
    started: list[tuple[int, int]] = []

    def before(*_: Any) -> None:
        started.append((counter.get_total_flops(), len(rows)))

    def after(_module: nn.Module, _inputs: Any, output: Any) -> None:
        flops, first = started.pop()
        macs = (counter.get_total_flops() - flops) // (2 * images)
        macs -= sum(row.macs for row in rows[first:])
        own = {id(p): p.numel() for p in module.parameters(recurse=whole) if p.requires_grad}
        parameters = sum(number for key, number in own.items() if key not in seen)
        seen.update(own)
        if whole or parameters or macs:
            shape = tuple(output.shape[1:]) if isinstance(output, Tensor) else None
            rows.append(Layer(name, type(module).__name__, shape, parameters, macs))

    return before, after
