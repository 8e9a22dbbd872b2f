"""A first layer whose filters whiten patches of the training images."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..devices import to_float64_device

PATCH = 2
"""Side of the patches in pixels."""
EPS = 5e-4
"""Added to each eigenvalue, so that directions of almost no variance are not amplified."""
CHUNK = 500
"""Images per chunk, which bounds the memory of their patches."""


class PatchWhitening(nn.Conv2d):
    """2×2 convolution without padding, with fixed weights and a trainable bias.

    (n, c, h, w) → (n, 8·c, h − 1, w − 1): the 4·c principal directions of the patches and their
    negatives, so that the next activation loses no information. The weights are random until
    `whiten` is called. Page 2019 (How to train your ResNet, 8); Jordan 2024, arXiv:2404.00498,
    section 3.2.
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__(in_channels, 2 * in_channels * PATCH**2, PATCH)
        self.weight.requires_grad_(False)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    @torch.no_grad()
    def whiten(self, images: Tensor) -> None:
        """Set the weights from the patches of floating-point images (n, c, h, w)."""
        values, vectors = torch.linalg.eigh(patch_covariance(images))
        filters = (vectors / (values + EPS).sqrt()).T.flip(0)
        largest = filters.gather(1, filters.abs().argmax(1, keepdim=True))
        filters = filters * largest.sign()  # the sign of an eigenvector is arbitrary
        self.weight.copy_(torch.cat([filters, -filters]).view(self.weight.shape))


def patch_covariance(images: Tensor) -> Tensor:
    """Return the covariance (4·c, 4·c) of all 2×2 patches of images (n, c, h, w), in float64."""
    images = to_float64_device(images)
    size = images.shape[1] * PATCH**2
    total = torch.zeros(size, dtype=torch.float64, device=images.device)
    products = torch.zeros(size, size, dtype=torch.float64, device=images.device)
    count = 0
    for some in torch.split(images, CHUNK):
        patches = F.unfold(some, PATCH).transpose(1, 2).reshape(-1, size).double()
        total += patches.sum(0)
        products += patches.T @ patches
        count += len(patches)
    mean = total / count
    return products / count - torch.outer(mean, mean)
