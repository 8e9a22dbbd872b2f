"""Table of a network's layers: type, output shape, parameters and MACs."""

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


@dataclass(frozen=True)
class Layer:
    """One layer: its trainable parameters, and the MACs of all its calls in one pass.

    ``shape`` is the output shape of the last call without the batch dimension, or None if the
    output is no tensor. ``macs`` is None if some operators were not counted; ``uncounted`` names
    them.
    """

    name: str
    kind: str
    shape: tuple[int, ...] | None
    parameters: int
    macs: int | None
    calls: int = 1
    uncounted: tuple[str, ...] = ()


def layer_table(model: nn.Module, images: Tensor) -> tuple[Layer, ...]:
    """Return the layers in the order of their first calls.

    Their parameters and MACs add up to those of the network. A layer is a module without children,
    ``nn.MultiheadAttention``, or a layer of this package; a container has a row only if it has
    parameters or arithmetic of its own. A layer with parameters that is never called has zero
    calls.

    Args:
        model: The network; its mode is unchanged afterwards.
        images: Images (n, c, h, w) on the network's device; nothing is computed on ``meta``. MACs
            are those of one image, as in `inspection.count_macs`.
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
    """Return the layers of a spec's network, on ``meta`` unless it is defined in a user's file.

    A library network that cannot be built on ``meta`` is built with real weights.
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
    """Number of calls of a module in a pass, and the output shape of the last one."""

    number: int = 0
    shape: tuple[int, ...] | None = None


def _layers(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Iterate over every module that can have a row; children of a whole layer cannot."""
    inside: tuple[str, ...] = ()
    for name, module in model.named_modules():
        if any(name.startswith(outer) for outer in inside):
            continue
        if _is_whole(module) and name:
            inside = (*inside, f"{name}.")
        yield name, module


def _is_whole(module: nn.Module) -> bool:
    """Return whether a module is one layer, together with its parametrisations and children."""
    parts = [name for name, _ in module.named_children() if name != "parametrizations"]
    its_own = type(module).__module__ in _OWN or isinstance(module, nn.MultiheadAttention)
    return not parts or its_own


def _rows(
    layers: Mapping[nn.Module, str], calls: Mapping[nn.Module, _Calls], tallies: Tallies
) -> Iterator[Layer]:
    """Iterate over the called layers, then over the others; the first holder counts a parameter."""
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
