"""Network of the CIFAR-10 speed record: whitened patches, three plain blocks, a scaled head."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from convcompare.core.errors import ModelError
from convcompare.core.registry import register
from convcompare.core.spec import Count, Widths

from ..layers.whitening import PatchWhitening
from ..notation import times

SCALE = 1 / 9
"""Factor of the logits (arXiv:2404.00498, after David Page's ResNet-9)."""


def _widened(values: Mapping[str, Any], factor: float) -> dict[str, Any]:
    return {**values, "widths": tuple(times(width, factor) for width in values["widths"])}


class Speedrun(nn.Module):
    """Whitened 2×2 patches, blocks of the given widths, global max-pool, linear layer.

    Images (n, in_channels, side, side) → logits (n, num_classes). Each block halves the side. The
    bias of the first layer learns in the first `bias_epochs` epochs.
    """

    def __init__(
        self, in_channels: int, num_classes: int, widths: tuple[int, ...], bias_epochs: int
    ) -> None:
        super().__init__()
        self.bias_epochs = bias_epochs
        self.conv1 = PatchWhitening(in_channels)
        self.act1 = nn.GELU()
        channels = self.conv1.out_channels
        self.blocks = nn.Sequential()
        for number, width in enumerate(widths, start=1):
            self.blocks.add_module(f"block{number}", _block(channels, width))
            channels = width
        self.pool = nn.AdaptiveMaxPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(channels, num_classes, bias=False)

    def initialise_from(self, images: Tensor) -> None:
        """Set the first layer's weights from normalised training images (n, in_channels, h, w)."""
        self.conv1.whiten(images)

    def begin_epoch(self, epoch: int) -> None:
        """Train the first layer's bias in the first `bias_epochs` epochs only (counted from 0).

        Afterwards the layer needs no backward pass.
        """
        bias = self.conv1.bias
        assert bias is not None
        bias.requires_grad_(epoch < self.bias_epochs)

    def forward(self, x: Tensor) -> Tensor:
        """(n, in_channels, h, w) → (n, num_classes)."""
        x = self.blocks(self.act1(self.conv1(x)))
        logits: Tensor = self.fc(self.flatten(self.pool(x)))
        return logits * SCALE


def _block(in_channels: int, out_channels: int) -> nn.Sequential:
    """Build a block: (n, in_channels, h, w) → (n, out_channels, h // 2, w // 2)."""
    return nn.Sequential(
        OrderedDict(
            conv1=_identity_convolution(in_channels, out_channels),
            pool=nn.MaxPool2d(2),
            bn1=_norm(out_channels),
            act1=nn.GELU(),
            conv2=_identity_convolution(out_channels, out_channels),
            bn2=_norm(out_channels),
            act2=nn.GELU(),
        )
    )


def _identity_convolution(in_channels: int, out_channels: int) -> nn.Conv2d:
    """Build a 3×3 convolution without bias whose first `in_channels` filters are the identity.

    The other filters have torch's initial weights.
    """
    convolution = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
    nn.init.dirac_(convolution.weight.data[:in_channels])
    return convolution


def _norm(channels: int) -> nn.BatchNorm2d:
    """Build a BatchNorm with a trainable bias, a fixed scale of 1 and momentum 0.4."""
    norm = nn.BatchNorm2d(channels, eps=1e-12, momentum=0.4)
    norm.weight.requires_grad_(False)
    return norm


@register.model("speedrun", widened=_widened)
def speedrun(
    in_channels: int,
    image_size: int,
    num_classes: int,
    widths: Widths = (64, 256, 256),
    bias_epochs: Count = 3,
) -> nn.Module:
    """CNN of the CIFAR-10 speed record: a fixed first layer that whitens patches, three blocks.

    1,971,352 trainable parameters on CIFAR-10. This is airbench94 of Jordan 2024, arXiv:2404.00498,
    section 3, with the first layer of Page 2019 and Balsam 2023 (hlb-CIFAR10): a 2×2 convolution
    whose filters are the eigenvectors of the covariance of the training images' patches, scaled to
    variance 1, and their negatives. They are not trained; the bias is, for `bias_epochs` epochs.

    A block is convolution, 2×2 max-pool, BatchNorm, GELU, convolution, BatchNorm, GELU. The filters
    of its 3×3 convolutions start as the identity, as far as there are input channels; its
    BatchNorms have no scale. The head is a global max-pool, a linear layer without bias and a
    factor of 1/9. `widths` are the channels of the blocks. Use it with the recipe ``speedrun``.
    """
    if (image_size - 1) >> len(widths) < 1:
        need = (1 << len(widths)) + 1
        raise ModelError(
            f"images of {image_size} pixels are too few for {len(widths)} blocks",
            f"at least {need} pixels, or fewer `widths`",
        )
    return Speedrun(in_channels, num_classes, widths, bias_epochs)
