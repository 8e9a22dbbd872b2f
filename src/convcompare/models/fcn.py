"""Fully connected networks, the baseline of every report."""

from __future__ import annotations

from torch import nn

from .. import register
from ..spec import Probability, Widths


@register.model("fcn")
def fcn(
    in_channels: int,
    image_size: int,
    num_classes: int,
    hidden: Widths = (128, 64),
    dropout: Probability = 0.0,
) -> nn.Module:
    """Fully connected network: hidden linear layers with ReLU on the flattened image.

    784-128-64-10 on MNIST: 109,386 parameters (report 002, table 1). CIFAR-10 of the reports is
    ``fcn:hidden=1024x512x256``, MNIST of 000, 003 and 004 ``fcn:hidden=512x256x128``. `dropout`
    follows each hidden layer.
    """
    layers: list[nn.Module] = [nn.Flatten()]
    features = in_channels * image_size**2
    for width in hidden:
        layers += [nn.Linear(features, width), nn.ReLU(inplace=True)]
        layers += [nn.Dropout(dropout)] if dropout else []
        features = width
    return nn.Sequential(*layers, nn.Linear(features, num_classes))
