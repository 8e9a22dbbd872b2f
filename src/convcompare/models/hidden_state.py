"""State of a network that affects its outputs and is not in its `state_dict`."""

from __future__ import annotations

import copy
import random
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from convcompare.core.errors import listed

from .equality import same_value
from .findings import Found
from .interface import in_mode, output_of
from .source_files import is_local

Build = Callable[[int], nn.Module]
"""Builds the network with the initial weights of a seed."""
_CONTINUED = ((3, False), (2, True), (3, False), (3, True))
"""Seeds of the passes that a resumed run continues with, and whether they are of its training."""
_OF_TORCH = frozenset(vars(nn.Module()))
"""Attributes that every module has."""
_NUMBERS = (bool, int, float, str, Tensor)
_SEQUENCES = (list, tuple, deque)
_GENERATORS = (random.Random, np.random.Generator, np.random.RandomState, torch.Generator)
_HELD = (*_NUMBERS, *_SEQUENCES, *_GENERATORS, dict, np.ndarray)
"""Types of values that can hold state."""
MOST_BYTES = 2**20
"""Size of a tensor above which it is data, when a class or file holds it."""
_DEPTH = 5
"""Number of levels at which containers within containers are compared."""


def hidden_state(build: Build, images: Tensor) -> Iterator[Found]:
    """Yield findings about hidden state, and about draws that no seed determines.

    Compares a network after two passes in training mode with one that loaded its `state_dict`
    after the first and continued, as a resumed run does. What each pass sets anew, such as
    activations that are kept for a figure, is no state.

    Args:
        build: builds the network on the CPU.
        images: images (n, c, h, w) of the passes.
    """
    used, resumed = build(0), build(0)
    apart = {*_differing(used, resumed)}  # such as numbers of instances
    common = _common_buffers(used, resumed)
    shared = _shared_values(used) | common
    output_of(in_mode(used, True), 1.5 * images, 1)  # other images than those it continues with
    later = _shared_values(used) | _common_buffers(used, resumed)
    changed = [name for name in later if not _same_state(later[name], shared.get(name))]
    try:
        resumed.load_state_dict(used.state_dict())
    except RuntimeError:
        names = ["state_dict"]
    else:
        lost = [name for name in _differing(used, resumed) if name not in apart]
        alike = all(_same_outputs(used, resumed, images, *one) for one in _CONTINUED)
        differing = [name for name in _differing(used, resumed) if name not in apart]
        if alike and not differing and not changed:
            return
        names = differing or ([] if alike else lost)
    repeats = _same_outputs(build(0), build(0), images, 3, True)
    carried = bool(changed) and not (repeats and common.keys().isdisjoint(changed))
    if carried:
        yield Found("shared state", listed(changed))
    elif not repeats:
        yield Found("unseeded draws")
    else:
        names = names or changed
    if names or (repeats and not carried):  # otherwise, these explain the different outputs
        yield Found("hidden state", listed(names))


def _differing(one: nn.Module, other: nn.Module) -> Iterator[str]:
    """Yield the names of differing buffers outside the `state_dict` and of attributes."""
    kept = one.state_dict().keys()
    buffers = dict(other.named_buffers())
    for name, buffer in one.named_buffers():
        if name not in kept and not same_value(buffer, buffers.get(name)):
            yield name
    modules = dict(other.named_modules())
    for place, module in one.named_modules():
        theirs = vars(modules[place]) if place in modules else {}
        for name, value in vars(module).items():
            if name not in _OF_TORCH and not _same_state(value, theirs.get(name)):
                yield f"{place}.{name}".lstrip(".")


def _same_state(one: Any, other: Any, depth: int = _DEPTH) -> bool:
    """Return whether two values have the same state, with what containers and user objects hold.

    Modules have names of their own. Values of other types, such as functions, have no state.
    """
    if depth == 0 or isinstance(one, nn.Module):
        return True
    if isinstance(one, _NUMBERS):
        return (
            isinstance(other, _NUMBERS)
            and isinstance(one, Tensor) == isinstance(other, Tensor)
            and same_value(one, other)
        )
    if isinstance(one, np.ndarray):
        return isinstance(other, np.ndarray) and one.tobytes() == other.tobytes()
    if isinstance(one, _GENERATORS):
        return type(one) is type(other) and _same_state(_state_of(one), _state_of(other))
    if isinstance(one, _SEQUENCES):
        alike = isinstance(other, _SEQUENCES) and len(one) == len(other)
        return alike and all(_same_state(*pair, depth - 1) for pair in zip(one, other, strict=True))
    if not isinstance(one, Mapping) and _is_of_user(type(one)):
        one, other = (getattr(value, "__dict__", None) for value in (one, other))
    if isinstance(one, Mapping):
        alike = isinstance(other, Mapping) and one.keys() == other.keys()
        return alike and all(_same_state(one[key], other[key], depth - 1) for key in one)
    return True


def _state_of(generator: Any) -> Any:
    if isinstance(generator, np.random.Generator):
        return generator.bit_generator.state
    get = getattr(generator, "getstate", None) or generator.get_state
    return get()


def _is_of_user(kind: type) -> bool:
    """Return whether a class is defined in a file of the user, or in a notebook."""
    module = sys.modules.get(kind.__module__)
    return kind.__module__ == "__main__" or is_local(getattr(module, "__file__", None))


def _shared_values(model: nn.Module) -> dict[str, Any]:
    """Return copies of what the classes of a network, and the files that define them, hold."""
    found: dict[str, Any] = {}
    classes = dict.fromkeys(kind for module in model.modules() for kind in type(module).__mro__)
    for kind in filter(_is_of_user, classes):
        globals_ = getattr(vars(kind).get("forward"), "__globals__", {})
        for prefix, scope in ((f"{kind.__qualname__}.", vars(kind)), ("", globals_)):
            for name, value in scope.items():
                small = isinstance(value, _HELD) and getattr(value, "nbytes", 0) <= MOST_BYTES
                if small and not name.startswith("__"):
                    with suppress(Exception):  # such as a list of what cannot be copied
                        found[prefix + name] = copy.deepcopy(value)
    return found


def _common_buffers(one: nn.Module, other: nn.Module) -> dict[str, Any]:
    """Return copies of the buffers that two networks have in common."""
    theirs = {id(buffer) for buffer in other.buffers()}
    return {name: b.clone() for name, b in one.named_buffers() if id(b) in theirs}


def _same_outputs(
    one: nn.Module, other: nn.Module, images: Tensor, seed: int, training: bool
) -> bool:
    """Return whether two networks have equal outputs under one seed, in one mode."""
    outputs = [
        output_of(in_mode(model, training), images, seed).nan_to_num() for model in (one, other)
    ]
    return torch.equal(*outputs)
