"""Seeds of a trial: one stream of random numbers per purpose, epoch and device.

No random state passes from one epoch to the next. A resumed run therefore has none to restore, and
the draws of one network never change those of another.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True)
class TrialSeeds:
    """All seeds that a trial draws from, by purpose: integers of 63 bits.

    Args:
        seed: Seed of the trial, as in `--seeds`.
    """

    seed: int

    @property
    def initialisation(self) -> int:
        """Seed of the initial weights, drawn when the network is built."""
        return self._derive("initialisation")

    @property
    def initialise_from(self) -> int:
        """Seed of a network's draws when it initialises itself from training images."""
        return self._derive("initialise_from")

    @property
    def train_images(self) -> int:
        """Seed of the subset of the training images."""
        return self._derive("train_images")

    @property
    def validation(self) -> int:
        """Seed of the held-out images."""
        return self._derive("validation")

    @property
    def flip(self) -> int:
        """Seed of the images that alternating flip mirrors in the first epoch."""
        return self._derive("flip")

    @property
    def evaluation(self) -> int:
        """Seed of a network's draws during evaluation; few networks draw then."""
        return self._derive("evaluation")

    def order(self, epoch: int) -> int:
        """Return the seed of the order of the training images in an epoch, counted from 0."""
        return self._derive("order", epoch)

    def augmentation(self, epoch: int) -> int:
        """Return the seed of the crops and flips of an epoch, counted from 0."""
        return self._derive("augmentation", epoch)

    def dropout(self, epoch: int, rank: int = 0) -> int:
        """Return the seed of a network's draws in the forward passes of an epoch, on one device.

        Args:
            epoch: Epoch, counted from 0.
            rank: Device among those that train together, counted from 0.
        """
        return self._derive("dropout", epoch, rank)

    def _derive(self, purpose: str, epoch: int = 0, rank: int = 0) -> int:
        device = f"/{rank}" if rank else ""
        digest = hashlib.sha256(f"{self.seed}/{purpose}/{epoch}{device}".encode()).digest()
        return int.from_bytes(digest[:8], "big") >> 1
