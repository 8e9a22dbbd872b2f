"""Wide residual networks."""

from __future__ import annotations

from torch import nn

from convcompare.core.registry import register
from convcompare.core.spec import Factor, Probability

from ..layers.residual_blocks import PreActivationBlock
from ..notation import times
from .resnet import STAGES, classifier, network, stages


@register.model.family("wrn-{size}", size=("16-4", "16-8", "28-10", "40-4"))
def wide_resnet(
    size: str,
    in_channels: int,
    num_classes: int,
    dropout: Probability = 0.0,
    width: Factor = 1.0,
) -> nn.Module:
    """WRN-{size}: pre-activation blocks, few but wide (depth and factor in the name).

    A stem of 16 channels and three stages of 16, 32 and 64 channels times the factor. WRN-16-4 has
    2,748,890 parameters, WRN-28-10 36.5 M, with 10 classes. `dropout` acts between the two
    convolutions of a block; `width` is a further factor on all channels. Zagoruyko and Komodakis
    2016, arXiv:1605.07146. The wide network of report 002 is a `residual` network instead: its
    blocks activate after the convolution.
    """
    depth, factor = (int(number) for number in size.split("-"))
    widths = [(times(stage * factor, width), (depth - 4) // 6) for stage in STAGES]

    def block(channels: int, wide: int, stride: int) -> nn.Module:
        return PreActivationBlock(channels, wide, stride, dropout=dropout)

    head = classifier(widths[-1][0], num_classes, activate=True)
    stem = times(STAGES[0], width)
    return network(in_channels, stem, stages(block, stem, widths), head)
