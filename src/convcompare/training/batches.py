"""Batches on the device: the whole split as uint8, normalised and augmented a batch at a time."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from convcompare.data.dataset import Augmentation, Dataset, Split
from convcompare.data.training_cut import check_held_out
from convcompare.models.devices import traits

from .augmentation import draw_moves, draw_reflected_moves, shifted, shifted_with_reflection
from .device_group import ALONE, SingleDevice


class Batches:
    """The images of one split, resident on a device.

    Images are kept as uint8 (n, h, w, c), so that taking a batch copies whole rows and its
    (n, c, h, w) view is already channels-last; float32 exists only for the batch at hand.
    Where several devices train together each has all images, and gives its part of every batch.
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
        """The same images, resized to another side as each batch is made; None keeps theirs."""
        other = copy.copy(self)
        other.image_size = image_size or self.image_size
        return other

    def held_out(self, fraction: float, seed: int) -> tuple[Batches, Batches | None]:
        """These images without a share of each class that `seed` draws, and that share.

        None where nothing is held out. Raises UsageError where nothing would be left of one part.
        """
        if not fraction:
            return self, None
        order, places, counts = self._by_class(seed)
        taken = places < (fraction * counts).round().repeat_interleave(counts)
        held_out = int(taken.sum())
        check_held_out(fraction, (len(self) - held_out, held_out))
        return self._rows(order[~taken]), self._rows(order[taken])

    def cut(self, images: int | None, seed: int) -> Batches:
        """Equally many images of each class, as far as it has them, that `seed` draws.

        As many as `cut_counts` says; those of a smaller cut with the same seed are among those of a
        larger one. None keeps all.
        """
        if images is None:
            return self
        order, places, counts = self._by_class(seed)
        rounds = places * len(counts) + self.labels.cpu()[order]  # one image of each class a round
        return self._rows(order[rounds.argsort()[:images]])

    def _by_class(self, seed: int) -> tuple[Tensor, Tensor, Tensor]:
        """The images class by class, shuffled within each; their places in it; images a class."""
        labels = self.labels.cpu()
        order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
        order = order[labels[order].argsort(stable=True)]
        counts = torch.bincount(labels)
        starts = counts.cumsum(0) - counts
        places = torch.arange(len(labels)) - starts.repeat_interleave(counts)
        return order, places, counts

    def _rows(self, rows: Tensor) -> Batches:
        """Some of the images, in their order."""
        other = copy.copy(self)
        chosen = rows.sort().values.to(self.device)
        other.images, other.labels = self.images[chosen], self.labels[chosen]
        return other

    def evenly(self, most: int) -> Batches:
        """At most `most` of the images, evenly spaced in their order; all where there are fewer."""
        count = min(most, len(self))
        return self._rows(torch.arange(count) * len(self) // count)

    def __len__(self) -> int:
        """The number of images."""
        return len(self.labels)

    @property
    def device(self) -> torch.device:
        """Where the images are."""
        return self.images.device

    def normalise(self, images: Tensor) -> Tensor:
        """uint8 (n, h, w, c) → float32 (n, c, size, size) in channels-last layout, per channel.

        Contiguous on a device that is slower with that layout.
        """
        batch = torch.addcmul(self.shift, images.float(), self.scale).permute(0, 3, 1, 2)
        if not traits(self.device).channels_last:
            batch = batch.contiguous()
        side = self.image_size
        if batch.shape[-1] == side:
            return batch
        return F.interpolate(batch, (side, side), mode="bilinear", antialias=True)

    def take(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """The images of those rows, normalised, and their labels."""
        return self.normalise(self.images.index_select(0, rows)), self.labels.index_select(0, rows)

    def first(self, count: int) -> Tensor:
        """The first images, normalised; the same one again where there are not so many."""
        return self.normalise(self.images[torch.arange(count, device=self.device) % len(self)])

    def in_order(self, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Every image of this device's part once, in order, never augmented.

        The last batch is as long as it is; alone, the part is the whole.
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
        """Every image once, in the order that the seed `order` draws, augmented by `augmentation`.

        `flip`, bool (images,), says which are mirrored where that is not drawn; the shifts are then
        those of `shifted_with_reflection`. The last batch may be smaller. Both streams are drawn
        on the CPU and for whole batches, so that an image is the same whichever device sees it;
        they are on the device before the first batch, so that none waits for them.
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
        """What is drawn for each batch of an epoch, int64 (3 or 2, images), on the device."""
        if augment == "none" and not alternates:
            return ()
        generator = torch.Generator().manual_seed(seed)
        draw = draw_reflected_moves if alternates else draw_moves
        side = int(self.images.shape[1])
        drawn = torch.cat([draw(size, side, generator) for size in sizes], 1)
        return torch.split(drawn.to(self.device), sizes, 1)
