"""Augmentation on the device: random flips and shifts, alternating flips, and test-time views.

The alternating flip and the reflected shifts are those of Jordan 2024 (arXiv:2404.00498, section
3.6). Mirroring at random shows an image twice the same way in half of all pairs of epochs. There a
random half of the images is mirrored in the first epoch, the other half in the second, and so on:
each pair of epochs shows both sides of every image.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from convcompare.data.dataset import Augmentation


def mirrored(images: int, seed: int, epoch: int) -> Tensor:
    """Which of so many images are mirrored in an epoch (from 0): bool (images,), on the CPU.

    `seed` draws the half that begins; nothing else is random.
    """
    places = torch.randperm(images, generator=torch.Generator().manual_seed(seed))
    return (places + epoch) % 2 == 1


def draw_reflected_moves(images: int, side: int, generator: torch.Generator) -> Tensor:
    """Shifts down and to the right by up to 1/16 of a side, on 32 pixels −2 to 2.

    int64 (2, images), on the CPU.
    """
    reach = max(1, side // 16)
    return torch.randint(-reach, reach + 1, (2, images, 1), generator=generator)[:, :, 0]


def shifted_with_reflection(images: Tensor, moves: Tensor, flip: Tensor) -> Tensor:
    """Each image shifted as `draw_reflected_moves` drew it, its edge reflected.

    images: uint8 (n, h, w, c) → the same shape; moves: int64 (2, n); flip: bool (n,), those that
    are mirrored too.
    """
    n, height, width, _ = images.shape
    rows = _reflected(moves[0, :, None] + torch.arange(height, device=images.device), height)
    columns = _reflected(moves[1, :, None] + torch.arange(width, device=images.device), width)
    columns = torch.where(flip[:, None], columns.flip(1), columns)
    which = torch.arange(n, device=images.device)[:, None, None]
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
        (0.25, padded.clone()[:, :, 2:, 2:]),  # a network may change what it is given
    ]
    if allowed == "crop":
        return seen
    return [(share / 2, x) for share, view in seen for x in (view, view.flip(3))]


def draw_moves(images: int, side: int, generator: torch.Generator) -> Tensor:
    """For so many images of a side: rows down, columns right (from 0), and whether mirrored.

    int64 (3, images), on the CPU.
    """
    shifts = torch.randint(0, 2 * reach(side) + 1, (2, images, 1), generator=generator)[:, :, 0]
    mirrored = torch.rand(images, 1, generator=generator)[:, 0] < 0.5
    return torch.cat([shifts, mirrored[None].long()])


def reach(side: int) -> int:
    """The pixels by which an image of a side is shifted at most."""
    return max(1, side // 8)


def shifted(images: Tensor, moves: Tensor, mirrored: bool) -> Tensor:
    """Each image shifted by up to 1/8 of its side (black border); half of them also mirrored.

    images: uint8 (n, h, w, c) → the same shape; moves: int64 (3, n), as `draw_moves` draws them.
    """
    n, height, width, _ = images.shape
    border = reach(height)
    rows = moves[0, :, None] + torch.arange(height, device=images.device)
    columns = moves[1, :, None] + torch.arange(width, device=images.device)
    if mirrored:
        columns = torch.where(moves[2, :, None] == 1, columns.flip(1), columns)
    padded = F.pad(images, (0, 0, border, border, border, border))
    which = torch.arange(n, device=images.device)[:, None, None]
    return padded[which, rows[:, :, None], columns[:, None, :]]
