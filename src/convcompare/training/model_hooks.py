"""What a network may ask of its training: two optional methods, found by their names.

    class Net(nn.Module):
        def initialise_from(self, images): ...
        def begin_epoch(self, epoch): ...

``initialise_from(images)`` is called once, before anything is measured or trained, with the first
`IMAGES` training images in the order of the data set (none of those held out), normalised, not
augmented: float32 (n, c, h, w). What it sets must be parameters or buffers, which are part of the
recorded weights: a resumed run takes them from its checkpoint. Gradients are off, and torch's
random numbers come from a stream of the trial's seed that nothing else draws from. To find whether
a network draws, which is part of a trial's identity, `models.image_setup` calls two copies of it
with a few made-up images. A network that is only built, counted or traced is not given any images.

``begin_epoch(epoch)`` is called before each epoch, from 0. It must be a function of its argument
alone, since a resumed run calls it only for the epochs that are left; it may switch
``requires_grad`` off, and on again for parameters that had it when the network was built.
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
"""How many training images a network is given to initialise itself from."""


@runtime_checkable
class ChangedByEpoch(Protocol):
    """A network that is trained differently in different epochs."""

    def begin_epoch(self, epoch: int) -> None:
        """Be told which epoch begins, from 0."""


def initialise(model: nn.Module, train: Batches, seeds: TrialSeeds) -> None:
    """Let a network set itself up by its training images, where it asks for them."""
    if not isinstance(model, InitialisedFromImages):
        return
    rows = torch.arange(min(IMAGES, len(train)), device=train.device)
    with torch.no_grad(), seeded(seeds.initialise_from, train.device):
        model.initialise_from(train.take(rows)[0])


def begin_epoch(model: nn.Module, epoch: int, frozen: str | None) -> None:
    """Tell a network which epoch begins, where it wants to know.

    What the regular expression `frozen` matches does not train whatever the network says.
    """
    if isinstance(model, ChangedByEpoch):
        model.begin_epoch(epoch)
        if frozen is not None:
            freeze_again(model, frozen)
