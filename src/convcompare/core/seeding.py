"""The seeds of a trial: one stream of random numbers per purpose, epoch and device.

No random state passes from one epoch to the next. A resumed run therefore has none to restore, and
the draws of one network never change those of another.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True)
class TrialSeeds:
    """Every seed that a trial draws from, by its purpose: integers of 63 bits.

    Args:
        seed: the seed of the trial, as `--seeds` has it.
    """

    seed: int

    @property
    def initialisation(self) -> int:
        """For the initial weights, drawn when the network is built."""
        return self._derive("initialisation")

    @property
    def initialise_from(self) -> int:
        """For what a network draws when it sets itself up by training images."""
        return self._derive("initialise_from")

    @property
    def train_images(self) -> int:
        """For the choice of the images that a smaller training split is cut to."""
        return self._derive("train_images")

    @property
    def validation(self) -> int:
        """For the choice of the training images that are held out."""
        return self._derive("validation")

    @property
    def flip(self) -> int:
        """For the images that alternating flip mirrors in the first epoch."""
        return self._derive("flip")

    @property
    def evaluation(self) -> int:
        """For what the network draws while it is evaluated, though few do."""
        return self._derive("evaluation")

    def order(self, epoch: int) -> int:
        """For the order of the training images in an epoch, counted from 0."""
        return self._derive("order", epoch)

    def augmentation(self, epoch: int) -> int:
        """For the crops and flips of an epoch, counted from 0."""
        return self._derive("augmentation", epoch)

    def dropout(self, epoch: int, rank: int = 0) -> int:
        """For what the network draws in the forward passes of an epoch, on one of the devices.

        Args:
            epoch: the epoch, counted from 0.
            rank: the device among those that train together, counted from 0.
        """
        return self._derive("dropout", epoch, rank)

    def _derive(self, purpose: str, epoch: int = 0, rank: int = 0) -> int:
        device = f"/{rank}" if rank else ""
        digest = hashlib.sha256(f"{self.seed}/{purpose}/{epoch}{device}".encode()).digest()
        return int.from_bytes(digest[:8], "big") >> 1
