"""Plain convolutional networks: convolutions, pools, a fully connected head."""

from __future__ import annotations

from torch import nn

from .. import register
from ..errors import ModelError
from ..spec import Count, Kernel, Probability, Widths


@register.model("simple")
def simple(
    in_channels: int,
    image_size: int,
    num_classes: int,
    width: Widths = (32, 64),
    kernel: Kernel = 3,
    hidden: Count = 128,
    dropout: Probability = 0.25,
) -> nn.Module:
    """Simple CNN: a convolution, ReLU and 2×2 max-pool for each width, then one hidden layer.

    conv 32 - pool - conv 64 - pool - fc 128 - dropout - fc 10 on MNIST: 421,642 parameters (report
    002, table 1); on CIFAR-10 the reports' network of 2 layers: 545,098. Report 004 has no dropout.
    """
    if image_size < 2 ** len(width):
        raise ModelError(
            f"`simple` halves the image {len(width)} times: {image_size} pixels are too few",
            f"images of at least {2 ** len(width)} pixels, or fewer widths",
        )
    layers: list[nn.Module] = []
    channels = in_channels
    for out_channels in width:
        layers += [
            nn.Conv2d(channels, out_channels, kernel, padding=kernel // 2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
        ]
        channels = out_channels
    side = image_size // 2 ** len(width)
    layers += [nn.Flatten(), nn.Linear(channels * side**2, hidden), nn.ReLU(inplace=True)]
    layers += [nn.Dropout(dropout)] if dropout else []
    return nn.Sequential(*layers, nn.Linear(hidden, num_classes))
