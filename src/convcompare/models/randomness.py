"""Global random generators that networks may use: seeded within a context and restored."""

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
"""Number of seeds of numpy's global generator, which has seeds of 32 bits."""


@contextmanager
def seeded(seed: int, device: torch.device = CPU) -> Iterator[None]:
    """Seed torch's, numpy's and Python's global generators, and restore them at the end.

    Generators that user code creates without a seed, such as numpy's ``default_rng()``, are not
    affected.

    Args:
        seed: an integer of 63 bits.
        device: device whose generator is restored too, besides that of the CPU.
    """
    with forked_random(device), _put_back():
        seed_torch(seed)
        random.seed(seed)
        np.random.seed(seed % _NUMPY)  # noqa: NPY002
        yield


def states() -> tuple[bytes, ...]:
    """Return the states of torch's, numpy's and Python's global generators."""
    numpy: Any = np.random.get_state()  # noqa: NPY002
    return (
        torch.get_rng_state().numpy().tobytes(),
        numpy[1].tobytes() + repr(numpy[2:]).encode(),
        repr(random.getstate()).encode(),
    )


@contextmanager
def drawing() -> Iterator[Callable[[], bool]]:
    """Yield a function that returns whether numpy's or Python's generator was used since.

    Both are restored at the end of the context.
    """
    with _put_back():
        before = states()
        yield lambda: states()[1:] != before[1:]


def noise(shape: Shape, images: int, seed: int) -> Tensor:
    """Return images (n, c, h, w) of normal noise from a separate generator."""
    return torch.randn(shape.size(images), generator=torch.Generator().manual_seed(seed))


@contextmanager
def _put_back() -> Iterator[None]:
    """Restore the states of Python's and numpy's generators at the end."""
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
