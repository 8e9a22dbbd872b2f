"""Optional methods of a network that training calls, found by their names.

    class Net(nn.Module):
        def initialise_from(self, images): ...
        def begin_epoch(self, epoch): ...

``initialise_from(images)`` is called once, before anything is measured or trained, with the first
`IMAGES` training images in the order of the data set (without held-out ones), normalised, not
augmented: float32 (n, c, h, w). It may set only parameters and buffers, which are part of the
recorded weights; a resumed run takes them from its checkpoint. Gradients are off, and torch's
random numbers come from a separate stream of the trial's seed. Whether a network draws random
numbers, which is part of a trial's identity, is found in `models.image_setup` by calling two copies
with a few synthetic images. The method is not called on a network that is only built, counted or
traced.

``begin_epoch(epoch)`` is called before each epoch, from 0. It must be a function of its argument
alone, since a resumed run calls it only for the remaining epochs. It may switch ``requires_grad``
off, and on again for parameters that had it when the network was built.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from torch import nn

from convcompare.core.seeding import TrialSeeds
from convcompare.models.freezing import freeze_again
from convcompare.models.image_setup import InitialisedFromImages
from convcompare.models.randomness import seeded

from .batches import Batches

IMAGES = 5_000
"""Maximum number of training images for `initialise_from`."""


@runtime_checkable
class ChangedByEpoch(Protocol):
    """A network that is trained differently in different epochs."""

    def begin_epoch(self, epoch: int) -> None:
        """Prepare for an epoch, from 0."""


def initialise(model: nn.Module, train: Batches, seeds: TrialSeeds) -> None:
    """Initialise a network from its training images if it has that method."""
    if not isinstance(model, InitialisedFromImages):
        return
    with torch.no_grad(), seeded(seeds.initialise_from, train.device):
        model.initialise_from(train.first(min(IMAGES, len(train))))


def begin_epoch(model: nn.Module, epoch: int, frozen: str | None) -> None:
    """Call `begin_epoch` of a network that has it.

    Parameters that match the regular expression `frozen` are not trained in any case.
    """
    if isinstance(model, ChangedByEpoch):
        model.begin_epoch(epoch)
        if frozen is not None:
            freeze_again(model, frozen)
