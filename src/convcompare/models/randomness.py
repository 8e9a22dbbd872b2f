"""Every global generator that a network may draw from, seeded for a while and put back."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch

from .devices import CPU, forked_random, seed_torch

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
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    with forked_random(device):
        seed_torch(seed)
        random.seed(seed)
        np.random.seed(seed % _NUMPY)  # noqa: NPY002
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002


@contextmanager
def drawing() -> Iterator[Callable[[], bool]]:
    """Gives a function that says whether numpy's or Python's generator has moved since; both are
    put back at the end."""
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002

    def drew() -> bool:
        now = np.random.get_state()  # noqa: NPY002
        moved = any(not np.array_equal(a, b) for a, b in zip(now, numpy, strict=True))
        return moved or random.getstate() != python

    try:
        yield drew
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
