"""Every global generator that a network may draw from, seeded for a while and put back."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .devices import CPU, forked_random, seed_torch
from .shape import Shape

_NUMPY = 2**32
"""numpy's global generator takes seeds of 32 bits."""


@contextmanager
def seeded(seed: int, device: torch.device = CPU) -> Iterator[None]:
    """torch's, numpy's and Python's global generators begin at `seed`, and are put back at the end.

    A generator that somebody's code makes for itself without a seed, such as numpy's
    ``default_rng()``, is not reached.

    Args:
        seed: an integer of 63 bits.
        device: the one whose generator is put back too, beside that of the CPU.
    """
    with forked_random(device), _put_back():
        seed_torch(seed)
        random.seed(seed)
        np.random.seed(seed % _NUMPY)  # noqa: NPY002
        yield


@contextmanager
def drawing() -> Iterator[Callable[[], bool]]:
    """Gives a function that says whether numpy's or Python's generator has moved since; both are
    put back at the end."""
    with _put_back() as (python, numpy):

        def drew() -> bool:
            now = np.random.get_state()  # noqa: NPY002
            moved = any(not np.array_equal(a, b) for a, b in zip(now, numpy, strict=True))
            return moved or random.getstate() != python

        yield drew


def noise(shape: Shape, images: int, seed: int) -> Tensor:
    """So many images that fit a shape, of normal noise, from a generator of their own."""
    return torch.randn(shape.size(images), generator=torch.Generator().manual_seed(seed))


@contextmanager
def _put_back() -> Iterator[tuple[Any, Any]]:
    """Gives the states of Python's and numpy's generators, which are put back at the end."""
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        yield python, numpy
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
