"""Alternating flip and reflected shifts (Jordan 2024, arXiv:2404.00498, section 3.6).

Mirroring at random shows an image twice the same way in half of all pairs of epochs. Here a random
half of the images is mirrored in the first epoch, the other half in the second, and so on: each
pair of epochs shows both sides of every image.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .data import Augmentation


def mirrored(images: int, seed: int, epoch: int) -> Tensor:
    """Which of so many images are mirrored in an epoch (from 0): bool (images,), on the CPU.

    `seed` draws the half that begins; nothing else is random.
    """
    places = torch.randperm(images, generator=torch.Generator().manual_seed(seed))
    return (places + epoch) % 2 == 1


def shift(
    images: Tensor,
    flip: Tensor,
    generator: torch.Generator,
    part: slice = slice(None),
    among: int | None = None,
) -> Tensor:
    """Shift each image by up to 1/16 of its side, its edge reflected, and mirror those of `flip`.

    images: uint8 (n, h, w, c) → the same shape; flip: bool (n,). Shifts are drawn on the CPU: on 32
    pixels, 2 up to 2 down and the same sideways. Where the images are `part` of a batch of `among`,
    they are drawn for the whole batch.
    """
    n, height, width, _ = images.shape
    reach = max(1, height // 16)
    draws = torch.randint(-reach, reach + 1, (2, among or n, 1), generator=generator)[:, part]
    rows = _reflected(draws[0] + torch.arange(height), height)
    columns = _reflected(draws[1] + torch.arange(width), width)
    columns = torch.where(flip.cpu()[:, None], columns.flip(1), columns)
    which = torch.arange(n, device=images.device)[:, None, None]
    rows, columns = rows.to(images.device), columns.to(images.device)
    return images[which, rows[:, :, None], columns[:, None, :]]


def _reflected(places: Tensor, side: int) -> Tensor:
    """Places beyond an edge, mirrored at the outermost pixel: −1 is 1, `side` is side − 2."""
    last = side - 1
    return last - (last - places.abs()).abs()


def views(images: Tensor, allowed: Augmentation) -> list[tuple[float, Tensor]]:
    """What a trained network is shown of each test image, with the weight of each view.

    images: (n, c, h, w). The image itself has weight 1/2; shifted by a pixel up and left, and down
    and right, its edge reflected, 1/4 each. Where mirror images keep the class each is shown from
    both sides, with half of its weight: six views (arXiv:2404.00498, section 3.6). Where nothing is
    `allowed` the image is the only view.
    """
    if allowed == "none":
        return [(1.0, images)]
    height, width = images.shape[2:]
    padded = F.pad(images, (1, 1, 1, 1), "reflect")
    seen = [
        (0.5, images),
        (0.25, padded[:, :, :height, :width]),
        (0.25, padded[:, :, 2:, 2:]),
    ]
    if allowed == "crop":
        return seen
    return [(share / 2, x) for share, view in seen for x in (view, view.flip(3))]
