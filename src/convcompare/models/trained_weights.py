"""Weights that training does not change: without a gradient, or not registered as parameters."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import count
from typing import Any

import torch
from torch import Tensor, nn

from convcompare.core.errors import listed

from .findings import Found
from .randomness import seeded
from .shape import Shape

PASSES = 16
"""Training passes without a newly reached parameter after which the others count as untrained. A
layer that each pass skips with probability 1/2 is missed once in 65,536 networks."""
IMAGES = 2
"""Images per pass."""


def untrained_weights(
    replica: nn.Module, shape: Shape, check: Callable[[object], None] = lambda _: None
) -> tuple[Found, ...]:
    """Return findings about weights that training does not change.

    Random images run forward and backward through `replica` in training mode, on its device; on
    ``meta`` nothing is computed. There are two passes, and more while some parameter has no
    gradient or some weight has had only zero gradients. The further passes use other weights, so
    that nothing stays at an initial zero. Every fourth of them has weights near the initial ones,
    since a spatial transformer far from the identity sees nothing of the images. The others have
    other brightness too, so that a router reaches each of its experts.

    Unregistered weights, such as layers in a list or a tensor in an attribute, are leaves of the
    autograd graph. Only leaves that the first two passes have in common count, since a pass may
    create leaves of its own.

    Args:
        replica: a copy of the network, which is changed.
        shape: channels and side of the images, and the number of classes.
        check: called with the first output; its errors are passed on.
    """
    parameters = {name: p for name, p in replica.named_parameters() if p.requires_grad}
    device = next(iter(parameters.values())).device
    known, leaves = {id(p) for p in replica.parameters()}, dict[int, Tensor]()
    untrained, zero, reached, initial = [*parameters], list[str](), 0, dict[str, Tensor]()
    replica.train()
    for number in count():
        if number > 1 and (not (untrained or zero) or number - reached >= PASSES):
            break
        if number == 2:
            initial = {name: p.detach().clone() for name, p in parameters.items()}
        with seeded(number, device), torch.enable_grad():
            images = _prepared(number, shape, parameters, initial, device)
            try:
                logits = replica(images)
                if number == 0:
                    check(logits)
                if number < 2:
                    found = {id(x): x for x in _leaves(logits.grad_fn) if id(x) not in known}
                    leaves = found if number == 0 else {k: leaves[k] for k in leaves if k in found}
                (logits * torch.randn_like(logits)).sum().backward()  # norms may keep the sum
            except Exception:
                if number < 2:
                    raise  # later passes may fail because of their weights
        before = len(untrained), len(zero)
        untrained = [name for name in untrained if parameters[name].grad is None]
        zero = [name for name, p in parameters.items() if _is_zero(p)]
        reached = number + 1 if (len(untrained), len(zero)) != before else reached
    for one in leaves.values():
        one.grad = None  # it may belong to the user's module, not to the copy
    return (
        *([Found("untrained weights", listed(untrained))] if untrained else []),
        *([Found("zero gradients", listed(zero))] if zero else []),
        *([Found("unregistered weights", _located(replica, leaves.values()))] if leaves else []),
    )


def _prepared(
    number: int,
    shape: Shape,
    parameters: Mapping[str, Tensor],
    initial: Mapping[str, Tensor],
    device: torch.device,
) -> Tensor:
    """Return the images of a pass, for which a further pass perturbs the weights."""
    gentle = number % 4 == 2
    images = (1 if gentle else 1 + number) * torch.randn(shape.size(IMAGES), device=device)
    if number > 1:
        _perturb(parameters, initial, 0.1 if gentle else 4)
        if not gentle:
            brightness = 4 * number * torch.randn(1, shape.in_channels, 1, 1, device=device)
            images += torch.cat([brightness, -brightness])
    return images


@torch.no_grad()
def _perturb(parameters: Mapping[str, Tensor], initial: Mapping[str, Tensor], times: float) -> None:
    """Set weights to the initial ones plus noise so many times as large, also those that are 0."""
    for name, start in initial.items():
        scale = times * (start.abs().mean() + 0.025)
        parameters[name].copy_(start + scale * torch.randn_like(start))


def _is_zero(parameter: Tensor) -> bool:
    """Return whether a parameter is a weight whose gradients so far are exactly 0.

    Vectors do not count: a bias before a norm has no other gradient.
    """
    gradient = parameter.grad
    if gradient is None or gradient.is_meta or parameter.ndim < 2 or not parameter.numel():
        return False
    return not bool(gradient.any())


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


def _located(model: nn.Module, weights: Collection[Tensor]) -> str:
    """Return the number of elements of weights, and the attributes that contain them."""
    ids = {id(one) for one in weights}
    names = [
        f"{path}.{name}".lstrip(".")
        for path, module in model.named_modules()
        for name, value in vars(module).items()
        if name not in ("_parameters", "_modules", "_buffers")
        and any(id(one) in ids for one in _tensors_in(value))
    ]
    elements = f"{sum(one.numel() for one in weights):,}"
    return f"{elements} in {listed(names)}" if names else elements


def _tensors_in(value: object) -> Iterator[Tensor]:
    """Yield the tensors of an attribute: itself, of a module, or of a list, tuple or mapping."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, nn.Module):
        yield from value.parameters()
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _tensors_in(one)
    elif isinstance(value, Mapping):
        yield from _tensors_in(list(value.values()))
