"""VGG networks of Simonyan and Zisserman."""

from __future__ import annotations

from torch import nn

from convcompare.core.registry import register
from convcompare.core.spec import Factor, Probability

from ..layers.initialisation import he_normal
from ..notation import times

_COUNTS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
_WIDTHS = (64, 128, 256, 512, 512)


@register.model.family("vgg-{depth}", depth=(11, 13, 16, 19))
def vgg(
    depth: int,
    in_channels: int,
    num_classes: int,
    bn: bool = False,
    dropout: Probability = 0.0,
    width: Factor = 1.0,
) -> nn.Module:
    """VGG-{depth} for small images: five stages of 3×3 convolutions, each with a pool, then 512-10.

    The convolutions of arXiv:1409.1556, table 1, with one linear layer in place of the paper's
    three, which have most of its parameters: 14.7 M for VGG-16. `bn` adds BatchNorm after each
    convolution; `dropout` acts before the linear layer; `width` multiplies all channels. Pools
    round sizes up, so 28 pixels are enough.
    """
    model = nn.Sequential()
    channels = in_channels
    widths = [times(channels, width) for channels in _WIDTHS]
    for i, (wide, count) in enumerate(zip(widths, _COUNTS[depth], strict=True), start=1):
        for j in range(1, count + 1):
            model.add_module(f"conv{i}_{j}", nn.Conv2d(channels, wide, 3, padding=1))
            if bn:
                model.add_module(f"bn{i}_{j}", nn.BatchNorm2d(wide))
            model.add_module(f"relu{i}_{j}", nn.ReLU(inplace=True))
            channels = wide
        model.add_module(f"pool{i}", nn.MaxPool2d(2, ceil_mode=True))
    model.add_module("average", nn.AdaptiveAvgPool2d(1))
    model.add_module("flatten", nn.Flatten())
    if dropout:
        model.add_module("dropout", nn.Dropout(dropout))
    model.add_module("fc", nn.Linear(channels, num_classes))
    return he_normal(model)
