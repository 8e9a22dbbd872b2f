"""Weights that training does not move: parameters without a gradient, and what is no parameter."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from convcompare.core.errors import listed

from .findings import Found
from .randomness import seeded
from .shape import Shape

PASSES = 16
"""Training passes after which a parameter that none has reached is not trained. A layer that each
leaves out with probability 1/2 is missed once in 65,536 networks."""
IMAGES = 2


def weights_left_alone(
    replica: nn.Module, shape: Shape, check: Callable[[object], None] = lambda _: None
) -> tuple[Found, ...]:
    """The weights of a network that its training does not move, as what is found of it.

    Random images are pushed forward and backward through `replica`, which is used up, in training
    mode, on its device; on ``meta`` nothing is computed. There are two passes, and more as long as
    no gradient of the logits has reached some parameter; one that is zero has. Weights that are no
    parameters are leaves of the autograd graph, such as layers in a list or a tensor in an
    attribute, that the first two passes have in common: a pass may make leaves of its own.

    `check` is called with the first output, and may raise.
    """
    parameters = {name: p for name, p in replica.named_parameters() if p.requires_grad}
    device = next(iter(parameters.values())).device
    known, leaves = {id(p) for p in replica.parameters()}, dict[int, Tensor]()
    replica.train()
    for number in range(PASSES):
        if number > 1 and all(p.grad is not None for p in parameters.values()):
            break
        with seeded(number, device), torch.enable_grad():
            logits = replica((1 + number) * torch.randn(shape.size(IMAGES), device=device))
            if number == 0:
                check(logits)
            if number < 2:
                found = {id(one): one for one in _leaves(logits.grad_fn) if id(one) not in known}
                leaves = found if number == 0 else {k: leaves[k] for k in leaves if k in found}
            logits.sum().backward()
    for one in leaves.values():
        one.grad = None  # it may be one of the file's, and no copy
    untrained = [name for name, p in parameters.items() if p.grad is None]
    return (
        *([Found("untrained weights", listed(untrained))] if untrained else []),
        *([Found("unregistered weights", _place(replica, leaves.values()))] if leaves else []),
    )


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
