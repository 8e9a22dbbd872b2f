"""Which weights the loss of a network reaches: of its parameters, and beside them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor, nn

from .findings import Found
from .randomness import seeded

NAMED = 3
"""Names that a finding lists."""


def of_weights(model: nn.Module, images: Tensor) -> Iterator[Found]:
    """Parameters without a gradient, and weights that are computed with and are no parameters.

    `model` is passed forward and back with `images` (n, c, h, w), once in training mode and once in
    evaluation mode, which uses the layers that training may leave out at random. A network whose
    backward pass fails has no findings: its training says why.
    """
    passes = []
    with suppress(Exception):
        for training in (True, False):
            passes.append(_leaves_after_backward(model.train(training), images))
    if len(passes) < 2:
        return
    parameters = dict(model.named_parameters())
    others = [
        leaf  # what each pass makes anew is no weight
        for key, leaf in passes[0].items()
        if key in passes[1] and not any(leaf is one for one in parameters.values())
    ]
    if others:
        yield Found("unregistered weights", _places(model, others))
    unreached = [name for name, one in parameters.items() if one.requires_grad and one.grad is None]
    if unreached:
        yield Found("untrained weights", _listed([f"`{name}`" for name in unreached]))


def _leaves_after_backward(model: nn.Module, images: Tensor) -> Mapping[int, Tensor]:
    """The tensors that a pass sums gradients for, by identity; all of them have got theirs."""
    with torch.enable_grad(), seeded(0):
        output: Tensor = model(images.clone())
    if output.grad_fn is None:
        return {}
    found = {id(leaf): leaf for leaf in _leaves(output.grad_fn)}
    output.double().square().sum().backward()  # type: ignore[no-untyped-call]
    return found


def _leaves(root: Any) -> Iterator[Tensor]:
    waiting, seen = [root], {root}
    while waiting:
        node = waiting.pop()
        variable = getattr(node, "variable", None)
        if variable is not None:
            yield variable
        for following, _ in node.next_functions:
            if following is not None and following not in seen:
                seen.add(following)
                waiting.append(following)


def _places(model: nn.Module, weights: Collection[Tensor]) -> str:
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
    return f"{many} in {_listed([f'`{name}`' for name in names])}" if names else many


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


def _listed(names: list[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")
