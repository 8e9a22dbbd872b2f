"""Densely connected networks."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

from convcompare.core.errors import ModelError
from convcompare.core.registry import register
from convcompare.core.spec import Count, Probability

from ..layers.initialisation import he_normal


def _activation(channels: int) -> nn.Sequential:
    return nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(inplace=True))


class DenseLayer(nn.Module):
    """BN-ReLU-conv1×1(4·growth)-BN-ReLU-conv3×3(growth), concatenated with its input.

    (n, channels, h, w) → (n, channels + growth, h, w).
    """

    def __init__(self, channels: int, growth: int, dropout: float) -> None:
        super().__init__()
        self.body = nn.Sequential(
            OrderedDict(
                activate1=_activation(channels),
                conv1=nn.Conv2d(channels, 4 * growth, 1, bias=False),
                activate2=_activation(4 * growth),
                conv2=nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False),
            )
        )
        if dropout:
            self.body.add_module("dropout", nn.Dropout(dropout))

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) → (n, c + growth, h, w)."""
        return torch.cat([x, self.body(x)], 1)


@register.model("densenet-bc")
def densenet_bc(
    in_channels: int,
    image_size: int,
    num_classes: int,
    depth: Count = 100,
    growth: Count = 12,
    dropout: Probability = 0.0,
) -> nn.Module:
    """DenseNet-BC 100-12 for CIFAR-10: layers connected to all earlier ones, compression ½.

    Three dense blocks of (depth - 4) / 6 bottleneck layers. Between them, a transition halves the
    channels by a 1×1 convolution and the sides by a 2×2 average pool. 769,162 parameters (0.8 M in
    the paper); the paper's larger two are depth=250,growth=24 and depth=190,growth=40.
    Huang et al. 2016, arXiv:1608.06993.
    """
    if depth < 10 or (depth - 4) % 6:
        raise ModelError(
            f"invalid value for option `depth` of `densenet-bc`: `{depth}`",
            "allowed: 4 more than a multiple of 6: 10, 16, 22, … 40, 100, 190, 250",
        )
    if image_size < 4:
        raise ModelError(
            f"`densenet-bc` halves the image twice: {image_size} pixels are too few",
            "images of at least 4 pixels",
        )
    channels = 2 * growth
    model = nn.Sequential()
    model.add_module("conv1", nn.Conv2d(in_channels, channels, 3, padding=1, bias=False))
    for i in range(1, 4):
        block = nn.Sequential()
        for _ in range((depth - 4) // 6):
            block.append(DenseLayer(channels, growth, dropout))
            channels += growth
        model.add_module(f"dense{i}", block)
        if i < 3:
            half = nn.Conv2d(channels, channels // 2, 1, bias=False)
            transition = nn.Sequential(_activation(channels), half, nn.AvgPool2d(2))
            model.add_module(f"transition{i}", transition)
            channels //= 2
    model.add_module("activate", _activation(channels))
    model.add_module("average", nn.AdaptiveAvgPool2d(1))
    model.add_module("flatten", nn.Flatten())
    model.add_module("fc", nn.Linear(channels, num_classes))
    return he_normal(model)
