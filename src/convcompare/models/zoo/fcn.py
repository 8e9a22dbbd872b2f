"""Fully connected networks, the baseline of every report."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from torch import nn

from convcompare.core.registry import register
from convcompare.core.spec import Probability, Widths

from ..notation import times


def _widened(values: Mapping[str, Any], factor: float) -> dict[str, Any]:
    return {**values, "hidden": tuple(times(width, factor) for width in values["hidden"])}


@register.model("fcn", widened=_widened)
def fcn(
    in_channels: int,
    image_size: int,
    num_classes: int,
    hidden: Widths = (128, 64),
    dropout: Probability = 0.0,
) -> nn.Module:
    """Fully connected network: hidden linear layers with ReLU on the flattened image.

    784-128-64-10 on MNIST: 109,386 parameters (report 002, table 1). The reports use
    ``fcn:hidden=1024x512x256`` on CIFAR-10; reports 000, 003 and 004 use
    ``fcn:hidden=512x256x128`` on MNIST. `dropout` follows each hidden layer.
    """
    model = nn.Sequential(OrderedDict(flatten=nn.Flatten()))
    features = in_channels * image_size**2
    for number, width in enumerate(hidden, start=1):
        model.add_module(f"fc{number}", nn.Linear(features, width))
        model.add_module(f"act{number}", nn.ReLU(inplace=True))
        if dropout:
            model.add_module(f"dropout{number}", nn.Dropout(dropout))
        features = width
    model.add_module(f"fc{len(hidden) + 1}", nn.Linear(features, num_classes))
    return model
