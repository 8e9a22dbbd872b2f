"""A network layer by layer: what each is, what shape it gives, what it costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from convcompare.models.build import resolve
from convcompare.models.inspection import evaluating
from convcompare.models.layers import activation, attention, convolution, pooling
from convcompare.models.mac_counter import Tallies, Tally, tallies_of
from convcompare.models.shape import Shape

_OWN = frozenset(module.__name__ for module in (activation, attention, convolution, pooling))
_WITHOUT_PARTS = (nn.MultiheadAttention, torch.jit.ScriptModule)
"""Modules that use what they hold without calling it, as far as Python sees."""


@dataclass(frozen=True)
class Layer:
    """One layer: parameters are trainable elements, MACs those of all its calls in a pass.

    ``shape`` is that of the output of its last call without the batch, None where that is no
    tensor. ``macs`` is None where some were not counted, and ``uncounted`` names the operators.
    """

    name: str
    kind: str
    shape: tuple[int, ...] | None
    parameters: int
    macs: int | None
    calls: int = 1
    uncounted: tuple[str, ...] = ()


def layer_table(model: nn.Module, images: Tensor) -> tuple[Layer, ...]:
    """The layers in the order of their first calls; they add up to the parameters and MACs.

    images: (n, c, h, w), on the device of the network; on ``meta`` nothing is computed. A layer is
    a module without children, ``nn.MultiheadAttention``, or one of this tool's; a module around
    others has a row only where it holds parameters or arithmetic of its own. A layer with
    parameters that is not called itself has zero calls. MACs are those of a pass of one image, as
    `inspection.count_macs` has them. The network is left as it was found.
    """
    layers = {module: name for name, module in _layers(model)}
    calls: dict[nn.Module, _Calls] = {}

    def note(module: nn.Module, output: Any) -> None:
        of_module = calls.setdefault(module, _Calls())
        of_module.number += 1
        of_module.shape = tuple(output.shape[1:]) if isinstance(output, Tensor) else None

    with evaluating(model):
        tallies = tallies_of(model, images, layers, calls.clear, note)
    return tuple(_rows(layers, calls, tallies))


def layers_of_spec(text: str, shape: Shape) -> tuple[Layer, ...]:
    """The layers of the network of a spec; without memory and arithmetic, but for one's own file.

    A network of a library that needs numbers to be built gets them.
    """
    builder = resolve(text, shape)
    if builder.origin != "file":
        try:
            return layer_table(builder.build(0, "meta"), torch.zeros(shape.size(2), device="meta"))
        except Exception:
            if builder.origin == "registry":
                raise
    return layer_table(builder.build(0), torch.zeros(shape.size(2)))


@dataclass
class _Calls:
    """Of one module in a pass: how often it was called, and what it gave at last."""

    number: int = 0
    shape: tuple[int, ...] | None = None


def _layers(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Every module that can have a row: none within one that counts as a whole."""
    inside: tuple[str, ...] = ()
    for name, module in model.named_modules():
        if any(name.startswith(outer) for outer in inside):
            continue
        if _is_whole(module) and name:
            inside = (*inside, f"{name}.")
        yield name, module


def _is_whole(module: nn.Module) -> bool:
    """Whether a module is one layer, with its parametrisations and all else that it holds."""
    parts = [name for name, _ in module.named_children() if name != "parametrizations"]
    its_own = type(module).__module__ in _OWN or isinstance(module, _WITHOUT_PARTS)
    return not parts or its_own


def _rows(
    layers: Mapping[nn.Module, str], calls: Mapping[nn.Module, _Calls], tallies: Tallies
) -> Iterator[Layer]:
    """Called layers first, each parameter in the first that holds it; then those not called."""
    seen: set[int] = set()
    for module in [*calls, *(one for one in layers if one not in calls)]:
        name, whole, of_module = layers[module], _is_whole(module), calls.get(module, _Calls())
        own = {id(p): p.numel() for p in module.parameters(recurse=whole) if p.requires_grad}
        parameters = sum(number for key, number in own.items() if key not in seen)
        seen.update(own)
        tally = tallies.get(name, Tally())
        if parameters or tally.macs != 0 or (whole and of_module.number):
            kind = type(module).__name__
            yield Layer(name, kind, of_module.shape, parameters, tally.macs, of_module.number,
                        tally.uncounted)  # fmt: skip
