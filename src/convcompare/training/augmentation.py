"""Augmentation on the device: random flips and shifts, alternating flips, and test-time views.

The alternating flip and the reflected shifts are those of Jordan 2024 (arXiv:2404.00498, section
3.6). Independent random flips show an image twice the same way in half of all pairs of epochs. The
alternating flip mirrors a random half of the images in the first epoch, the other half in the
second, and so on: each pair of epochs shows both sides of every image.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from convcompare.data.dataset import Augmentation


def mirrored(images: int, seed: int, epoch: int) -> Tensor:
    """Return which images the alternating flip mirrors in an epoch.

    Args:
        images: Number of images.
        seed: Draws the half that is mirrored first; nothing else is random.
        epoch: Epoch, from 0.

    Returns:
        bool (images,), on the CPU.
    """
    places = torch.randperm(images, generator=torch.Generator().manual_seed(seed))
    return (places + epoch) % 2 == 1


def draw_reflected_moves(images: int, side: int, generator: torch.Generator) -> Tensor:
    """Draw shifts down and to the right by up to 1/16 of the side: −2 to 2 on 32 pixels.

    Returns:
        int64 (2, images), on the CPU.
    """
    reach = max(1, side // 16)
    return torch.randint(-reach, reach + 1, (2, images, 1), generator=generator)[:, :, 0]


def shifted_with_reflection(images: Tensor, moves: Tensor, flip: Tensor) -> Tensor:
    """Return each image shifted with its edge reflected.

    Args:
        images: uint8 (n, h, w, c).
        moves: Shifts from `draw_reflected_moves`, int64 (2, n).
        flip: Images that are also mirrored, bool (n,).

    Returns:
        Images of the same shape.
    """
    height, width = images.shape[1:3]
    rows = _reflected(moves[0, :, None] + torch.arange(height, device=images.device), height)
    columns = _reflected(moves[1, :, None] + torch.arange(width, device=images.device), width)
    return _gathered(images, rows, torch.where(flip[:, None], columns.flip(1), columns))


def _gathered(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Return images (n, h, w, c) of the pixels in `rows` (n, h) and `columns` (n, w) of each."""
    which = torch.arange(len(images), device=images.device)[:, None, None]
    return images[which, rows[:, :, None], columns[:, None, :]]


def _reflected(places: Tensor, side: int) -> Tensor:
    """Mirror positions beyond an edge at the outermost pixel: −1 becomes 1, `side` side − 2."""
    last = side - 1
    return last - (last - places.abs()).abs()


def views(images: Tensor, allowed: Augmentation) -> list[tuple[float, Tensor]]:
    """Return the views of test images for test-time augmentation, with the weight of each view.

    The image itself has weight 1/2. Shifted by one pixel up and left, and down and right, with its
    edge reflected, it has 1/4 each. If mirror images keep the class, each view is shown from both
    sides with half its weight: six views (arXiv:2404.00498, section 3.6). If `allowed` is "none",
    the image is the only view.

    Args:
        images: float32 (n, c, h, w).
        allowed: Augmentation that the data set allows.
    """
    if allowed == "none":
        return [(1.0, images)]
    height, width = images.shape[2:]
    padded = F.pad(images, (1, 1, 1, 1), "reflect")
    seen = [
        (0.5, images),
        (0.25, padded[:, :, :height, :width]),
        (0.25, padded.clone()[:, :, 2:, 2:]),  # a network may change its input in place
    ]
    if allowed == "crop":
        return seen
    return [(share / 2, x) for share, view in seen for x in (view, view.flip(3))]


def draw_moves(images: int, side: int, generator: torch.Generator) -> Tensor:
    """Draw shifts and flips of images.

    Returns:
        int64 (3, images), on the CPU: shift down and shift right, from 0, and whether mirrored.
    """
    shifts = torch.randint(0, 2 * reach(side) + 1, (2, images, 1), generator=generator)[:, :, 0]
    mirrored = torch.rand(images, 1, generator=generator)[:, 0] < 0.5
    return torch.cat([shifts, mirrored[None].long()])


def reach(side: int) -> int:
    """Return the maximum shift of an image in pixels, 1/8 of its side."""
    return max(1, side // 8)


def shifted(images: Tensor, moves: Tensor, mirrored: bool) -> Tensor:
    """Return each image shifted by up to 1/8 of its side with a black border.

    Args:
        images: uint8 (n, h, w, c).
        moves: Shifts and flips from `draw_moves`, int64 (3, n).
        mirrored: Whether the drawn flips are applied.

    Returns:
        Images of the same shape.
    """
    height, width = images.shape[1:3]
    border = reach(height)
    rows = moves[0, :, None] + torch.arange(height, device=images.device)
    columns = moves[1, :, None] + torch.arange(width, device=images.device)
    if mirrored:
        columns = torch.where(moves[2, :, None] == 1, columns.flip(1), columns)
    padded = F.pad(images, (0, 0, border, border, border, border))
    return _gathered(padded, rows, columns)
