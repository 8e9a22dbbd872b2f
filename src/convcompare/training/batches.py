"""Batches on the device: the whole split as uint8, normalised and augmented per batch."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from convcompare.data.dataset import Augmentation, Dataset, Split
from convcompare.data.training_cut import check_held_out
from convcompare.models.devices import traits

from .augmentation import draw_moves, draw_reflected_moves, shifted, shifted_with_reflection
from .device_group import ALONE, SingleDevice


class Batches:
    """Images of one split, resident on a device.

    Images are stored as uint8 (n, h, w, c), so that taking a batch copies whole rows and its (n, c,
    h, w) view is already channels-last; only the current batch exists as float32. If several
    devices train together, each has all images and yields its part of every batch.
    """

    def __init__(
        self, split: Split, dataset: Dataset, device: torch.device, devices: SingleDevice = ALONE
    ) -> None:
        self.devices = devices
        rows = np.array(split.images.transpose(0, 2, 3, 1), order="C")
        self.images = torch.from_numpy(rows).to(device)
        self.labels = torch.from_numpy(np.array(split.labels)).to(device)
        mean, std = torch.tensor(dataset.mean), torch.tensor(dataset.std)
        self.scale = (1 / (255 * std)).to(device)
        self.shift = (-mean / std).to(device)
        self.image_size = int(self.images.shape[1])

    def resized(self, image_size: int | None) -> Batches:
        """Return the same images, resized to another side per batch; None keeps their side."""
        other = copy.copy(self)
        other.image_size = image_size or self.image_size
        return other

    def held_out(self, fraction: float, seed: int) -> tuple[Batches, Batches | None]:
        """Split off a random share of each class.

        Returns:
            The remaining images, and the held-out ones; None if `fraction` is 0.

        Raises:
            UsageError: if one of the two parts would be empty.
        """
        if not fraction:
            return self, None
        order, places, counts = self._by_class(seed)
        taken = places < (fraction * counts).round().repeat_interleave(counts)
        held_out = int(taken.sum())
        check_held_out(fraction, (len(self) - held_out, held_out))
        return self._rows(order[~taken]), self._rows(order[taken])

    def cut(self, images: int | None, seed: int) -> Batches:
        """Return a random subset with equally many images of each class.

        A class that has fewer gives all; the counts are those of `cut_counts`. With the same seed,
        a smaller subset is part of a larger one. None keeps all images.
        """
        if images is None:
            return self
        order, places, counts = self._by_class(seed)
        rounds = places * len(counts) + self.labels.cpu()[order]  # one image per class and round
        return self._rows(order[rounds.argsort()[:images]])

    def _by_class(self, seed: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return the images sorted by class and shuffled within, their positions, class sizes."""
        labels = self.labels.cpu()
        order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
        order = order[labels[order].argsort(stable=True)]
        counts = torch.bincount(labels)
        starts = counts.cumsum(0) - counts
        places = torch.arange(len(labels)) - starts.repeat_interleave(counts)
        return order, places, counts

    def _rows(self, rows: Tensor) -> Batches:
        """Return some of the images, in their original order."""
        other = copy.copy(self)
        chosen = rows.sort().values.to(self.device)
        other.images, other.labels = self.images[chosen], self.labels[chosen]
        return other

    def evenly(self, most: int) -> Batches:
        """Return at most `most` of the images, evenly spaced in their order."""
        count = min(most, len(self))
        return self._rows(torch.arange(count) * len(self) // count)

    def __len__(self) -> int:
        """Number of images."""
        return len(self.labels)

    @property
    def device(self) -> torch.device:
        """Device of the images."""
        return self.images.device

    def normalise(self, images: Tensor) -> Tensor:
        """Normalise uint8 (n, h, w, c) per channel to float32 (n, c, size, size), channels-last.

        The result is contiguous on devices where channels-last is slower.
        """
        batch = torch.addcmul(self.shift, images.float(), self.scale).permute(0, 3, 1, 2)
        if not traits(self.device).channels_last:
            batch = batch.contiguous()
        side = self.image_size
        if batch.shape[-1] == side:
            return batch
        return F.interpolate(batch, (side, side), mode="bilinear", antialias=True)

    def take(self, rows: npt.NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Return the normalised images of `rows` (n,) and their labels."""
        chosen = torch.from_numpy(rows).to(self.device)
        return self.normalise(self.images.index_select(0, chosen)), self.labels[chosen]

    def first(self, count: int) -> Tensor:
        """Return the first `count` images, normalised; they repeat if there are fewer."""
        return self.normalise(self.images[torch.arange(count, device=self.device) % len(self)])

    def in_order(self, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield every image of this device's part once, in order and without augmentation.

        The last batch may be smaller. A single device has the whole split.
        """
        part = self.devices.shard(len(self)).rows
        for start in range(part.start, part.stop, batch_size):
            rows = slice(start, min(start + batch_size, part.stop))
            yield self.normalise(self.images[rows]), self.labels[rows]

    def shuffled(
        self,
        batch_size: int,
        order: int,
        augment: Augmentation,
        augmentation: int,
        flip: Tensor | None = None,
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield every image once, in random order and augmented; the last batch may be smaller.

        Both random streams are drawn on the CPU and for whole batches, so that an image is the same
        on whichever device; they are copied to the device before the first batch.

        Args:
            batch_size: Images per batch.
            order: Seed of the order.
            augment: Augmentation to apply.
            augmentation: Seed of the augmentation.
            flip: Which images are mirrored, bool (images,), if that is not drawn; the shifts are
                then those of `shifted_with_reflection`.
        """
        generator = torch.Generator().manual_seed(order)
        rows = torch.randperm(len(self), generator=generator)
        chosen = torch.split(rows.to(self.device), batch_size)
        moves = self._moves([len(one) for one in chosen], augment, augmentation, flip is not None)
        flip = None if flip is None else flip.to(self.device)
        for number, some in enumerate(chosen):
            part = self.devices.shard(len(some)).rows
            some = some[part]
            images = self.images.index_select(0, some)
            if flip is not None:
                images = shifted_with_reflection(images, moves[number][:, part], flip[some])
            elif augment != "none":
                moved = moves[number][:, part]
                images = shifted(images, moved, mirrored=augment == "flip-crop")
            yield self.normalise(images), self.labels.index_select(0, some)

    def _moves(
        self, sizes: list[int], augment: Augmentation, seed: int, alternates: bool
    ) -> tuple[Tensor, ...]:
        """Draw the shifts for each batch of an epoch: int64 (3 or 2, images) on the device."""
        if augment == "none" and not alternates:
            return ()
        generator = torch.Generator().manual_seed(seed)
        draw = draw_reflected_moves if alternates else draw_moves
        side = int(self.images.shape[1])
        drawn = torch.cat([draw(size, side, generator) for size in sizes], 1)
        return torch.split(drawn.to(self.device), sizes, 1)
