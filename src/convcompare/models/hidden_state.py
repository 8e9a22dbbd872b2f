"""State of a network that affects its outputs and is not in its `state_dict`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from convcompare.core.errors import listed

from .equality import same_value
from .findings import Found
from .interface import in_mode
from .randomness import seeded

Build = Callable[[int], nn.Module]
"""Builds the network with the initial weights of a seed."""


def hidden_state(build: Build, images: Tensor) -> Iterator[Found]:
    """Yield findings about hidden state, and about draws that no seed determines.

    Compares a network after two passes in training mode with a new one that loaded its
    `state_dict`, as a resumed run does.

    Args:
        build: builds the network on the CPU.
        images: images (n, c, h, w) of the passes.
    """
    used, restored = build(0), build(0)
    used.train()
    for seed in (1, 2):
        with torch.no_grad(), seeded(seed):
            used(images.clone())
    try:
        restored.load_state_dict(used.state_dict())
    except RuntimeError:
        names = ["state_dict"]
    else:
        names = list(_differing(used, restored))
        if not names and _same_outputs((used, in_mode(restored, True)), images, (False, True)):
            return
    repeats = _same_outputs((build(0), build(0)), images, (True,))
    if not repeats:
        yield Found("unseeded draws")
    if names or repeats:  # otherwise, the draws explain the different outputs
        yield Found("hidden state", listed(names))


def _differing(one: nn.Module, other: nn.Module) -> Iterator[str]:
    """Yield the names of differing buffers outside the `state_dict` and plain attributes."""
    kept = one.state_dict().keys()
    buffers = dict(other.named_buffers())
    for name, buffer in one.named_buffers():
        if name not in kept and not same_value(buffer, buffers.get(name)):
            yield name
    modules = dict(other.named_modules())
    for place, module in one.named_modules():
        theirs = vars(modules[place]) if place in modules else {}
        for name, value in vars(module).items():
            plain = isinstance(value, bool | int | float | str) and name != "training"
            if plain and not same_value(value, theirs.get(name)):
                yield f"{place}.{name}".lstrip(".")


def _same_outputs(
    models: tuple[nn.Module, nn.Module], images: Tensor, modes: tuple[bool, ...]
) -> bool:
    """Return whether two networks have equal outputs under one seed in each mode, in order."""
    for training in modes:
        outputs = []
        for model in models:
            with torch.no_grad(), seeded(3):
                outputs.append(in_mode(model, training)(images.clone()).nan_to_num())
        if not torch.equal(*outputs):
            return False
    return True
