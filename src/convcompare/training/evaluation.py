"""Evaluates a network on a split, in batches that fit into memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convcompare.data.dataset import Augmentation
from convcompare.models import devices
from convcompare.models.inspection import evaluating
from convcompare.models.peak_memory import images_with_room, memory_of_pass, reused_parts
from convcompare.models.randomness import seeded

from .augmentation import views
from .batches import Batches
from .device_group import SingleDevice

EVALUATION_BATCH = 500
"""Maximum number of images per evaluation batch; fewer if memory is short.

On a CPU in fp32 they go through the network in equal parts of about 32 MiB of activations and at
least 64 images. On an AMD EPYC with AVX2 (torch 2.13) the logits are the same bits, on 1, 2 and 4
threads. The processor time of an evaluation relative to undivided batches, on one thread, 28×28
images, medians of 4 interleaved rounds: `simple` 0.64, ``cnn:depth=4`` 0.90, `residual` 0.65; `fcn`
is not divided. bf16 was not measured, since this processor emulates it."""
PROBE_IMAGES = 16
"""Number of images in the pass that measures memory per image."""


class Evaluator:
    """Computes the logits of a network in the precision of its trial; called with batches.

    Args:
        model: The network.
        device: Its device.
        group: All devices that evaluate together.
        precision: ``fp32`` or ``bf16``.
        augmentation: Augmentation that the data set allows.
        seed: Seed of what the network draws during an evaluation; few networks do.
    """

    def __init__(
        self,
        model: nn.Module,
        device: torch.device,
        group: SingleDevice,
        precision: str,
        augmentation: Augmentation,
        seed: int,
    ) -> None:
        self.model, self.device, self.group = model, device, group
        self.precision, self.augmentation, self.seed = precision, augmentation, seed
        self.batch: int | None = None
        """Images per batch; known after the first batch is measured."""
        self.image_memory = 0.0
        """Bytes of activations per image; known then, too."""

    def __call__(self, batches: Batches, averaged: bool = False) -> Tensor:
        """Return the logits of every image in order: float32 (n, classes), on the CPU.

        With `averaged`, they are the weighted mean over the `views` of each image. The network is
        left unchanged, and its random numbers are the same in each call.
        """
        allowed = self.augmentation if averaged else "none"
        if self.batch is None:
            with self._evaluating():
                self.image_memory = memory_of_pass(self.model, batches.first(PROBE_IMAGES))
            self.batch = images_with_room(self.image_memory, EVALUATION_BATCH)
        with self._evaluating():
            steps = batches.in_order(self.batch)
            logits = [self._mean(part, allowed) for x, _ in steps for part in self._parts(x)]
        return self.group.all_gather(torch.cat(logits), len(batches)).cpu()

    def autocast(self) -> AbstractContextManager[Any]:
        """Return a context manager that applies the precision of the trial."""
        return devices.autocast(self.device, enabled=self.precision == "bf16")

    @contextmanager
    def _evaluating(self) -> Iterator[None]:
        """Context of the forward passes of an evaluation."""
        draws = seeded(self.seed, self.device)
        with evaluating(self.model), draws, torch.no_grad(), self.autocast():
            yield

    def _parts(self, images: Tensor) -> Sequence[Tensor]:
        """Split a batch into the parts of which each is one pass; see EVALUATION_BATCH."""
        if self.device.type == "cpu" and self.precision == "fp32":
            return reused_parts(images, self.image_memory)
        return (images,)

    def _mean(self, images: Tensor, allowed: Augmentation) -> Tensor:
        """Return the weighted mean of the logits over the views of each image."""
        seen = views(images, allowed)
        logits = ((share, self.model(x).detach()) for share, x in seen)  # it may enable gradients
        return torch.stack([share * one.float() for share, one in logits]).sum(0)


def loss_and_accuracy(logits: Tensor, batches: Batches) -> tuple[float, float]:
    """Return mean cross-entropy in nats and accuracy as a fraction.

    Args:
        logits: float32 (n, classes), in the order of the images.
        batches: The images with their labels.
    """
    labels = batches.labels.cpu()
    loss = F.cross_entropy(logits.double(), labels).item()
    return loss, (logits.argmax(1) == labels).double().mean().item()
