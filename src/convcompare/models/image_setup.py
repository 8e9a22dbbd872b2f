"""Networks whose initial weights depend on the training images: method ``initialise_from``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from .devices import seed_torch
from .equality import equal
from .randomness import noise
from .shape import Shape

IMAGES = 16
"""Number of noise images in the trial calls."""


@runtime_checkable
class InitialisedFromImages(Protocol):
    """A network that sets its initial weights from training images."""

    def initialise_from(self, images: Tensor) -> None:
        """Set parameters or buffers from normalised float32 images (n, c, h, w)."""


def draws_random_numbers(build: Callable[[], nn.Module], shape: Shape) -> bool:
    """Return whether the result of `initialise_from` depends on random numbers.

    Two networks with the same initial weights are set up with the same noise images under different
    seeds. A failed call counts as random: the trial then gets a new id, which no older run has.

    Args:
        build: builds the network on the CPU, with the same initial weights each time.
        shape: the channels and the side of the images.

    Returns:
        True if a call moves torch's generator or fails, or if the two networks differ afterwards.
    """
    images = noise(shape, IMAGES, seed=0)
    try:
        first, second = (_outcome(build(), images.clone(), seed) for seed in (0, 1))
        return first is None or second is None or not equal(first, second)
    except Exception:
        return True


def _outcome(model: nn.Module, images: Tensor, seed: int) -> dict[str, Tensor] | None:
    """Return parameters and buffers after the call; None if it drew from torch's generator."""
    assert isinstance(model, InitialisedFromImages)
    with torch.no_grad(), torch.random.fork_rng([]):
        seed_torch(seed)
        before = torch.get_rng_state()
        model.initialise_from(images)
        drew = not torch.equal(torch.get_rng_state(), before)
    return None if drew else model.state_dict()
