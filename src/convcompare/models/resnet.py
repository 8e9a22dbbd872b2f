"""Residual networks."""

from __future__ import annotations

from torch import Tensor, nn

from .. import register
from ..errors import ModelError
from ..spec import Count


class BasicBlock(nn.Module):
    """Two 3×3 convolutions with BatchNorm and a shortcut (He et al. 2015, arXiv:1512.03385).

    (n, in_channels, h, w) → (n, out_channels, h / stride, w / stride). The shortcut is the
    identity, or a 1×1 convolution with BatchNorm where the shape changes.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride, bias=False),
                nn.BatchNorm2d(out_channels),
            )

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += self.shortcut(x)
        result: Tensor = self.relu(out)
        return result


@register.model("residual")
def residual(
    in_channels: int,
    image_size: int,
    num_classes: int,
    width: Count = 32,
) -> nn.Module:
    """Residual CNN: a stem and three basic blocks, the second of which halves the image.

    160,906 parameters on MNIST, 161,482 on CIFAR-10 (report 002, tables 1, 2 and 6). `width` is
    that of the stem and the first block; the other two have twice as many channels.
    """
    if image_size < 8:
        raise ModelError(
            f"`residual` pools to 4×4 after halving the image: {image_size} pixels are too few",
            "images of at least 8 pixels",
        )
    return nn.Sequential(
        nn.Conv2d(in_channels, width, 3, padding=1),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
        BasicBlock(width, width),
        BasicBlock(width, 2 * width, stride=2),
        BasicBlock(2 * width, 2 * width),
        nn.AdaptiveAvgPool2d(4),
        nn.Flatten(),
        nn.Linear(2 * width * 16, num_classes),
    )
