"""Weights that a network computes with and that are not among its parameters."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor, nn

from convcompare.core.errors import listed

from .randomness import seeded


def weights_beside_parameters(model: nn.Module, images: Tensor) -> str:
    """How many weights need gradients and are no parameters, and where; empty if there are none.

    They are the leaves of the autograd graph of a pass of `images` (n, c, h, w) that belong to no
    registered parameter: layers in a list, a tensor in an attribute. `model` is passed in training
    and in evaluation mode, and only what both have in common counts: a pass may make leaves of its
    own. A network that cannot be passed has none.
    """
    passes = []
    with suppress(Exception):
        for training in (True, False):
            with torch.enable_grad(), seeded(0):
                output: Tensor = model.train(training)(images.clone())
            passes.append({id(leaf): leaf for leaf in _leaves(output.grad_fn)})
    if len(passes) < 2:
        return ""
    parameters = {id(one) for one in model.parameters()}
    found = [passes[0][key] for key in passes[0] if key in passes[1] and key not in parameters]
    return _place(model, found) if found else ""


def _leaves(root: Any) -> Iterator[Tensor]:
    waiting, seen = [root] if root is not None else [], {root}
    while waiting:
        node = waiting.pop()
        variable = getattr(node, "variable", None)
        if variable is not None:
            yield variable
        for following, _ in node.next_functions:
            if following is not None and following not in seen:
                seen.add(following)
                waiting.append(following)


def _place(model: nn.Module, weights: Collection[Tensor]) -> str:
    """How many weights they are, and the attributes that hold them."""
    wanted = {id(one) for one in weights}
    names = [
        f"{place}.{name}".lstrip(".")
        for place, module in model.named_modules()
        for name, value in vars(module).items()
        if name not in ("_parameters", "_modules", "_buffers")
        and any(id(one) in wanted for one in _held(value))
    ]
    many = f"{sum(one.numel() for one in weights):,}"
    return f"{many} in {listed(names)}" if names else many


def _held(value: object) -> Iterator[Tensor]:
    """The tensors of an attribute: of a module, or of a list, tuple or mapping of these."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, nn.Module):
        yield from value.parameters()
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _held(one)
    elif isinstance(value, Mapping):
        yield from _held(list(value.values()))
