"""Networks of depthwise separable convolutions."""

from __future__ import annotations

from torch import Tensor, nn

from convcompare.core.registry import register
from convcompare.core.spec import Probability

from ..layers.initialisation import he_normal

_STAGES = ((1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1),
           (6, 160, 3, 2), (6, 320, 1, 1))  # fmt: skip
"""Expansion, channels, blocks and first stride per stage: table 2 without two of its strides."""


class InvertedResidual(nn.Module):
    """Expansion by 1×1, depthwise 3×3, then a 1×1 projection without activation.

    (n, in_channels, h, w) → (n, out_channels, h / stride, w / stride), with an identity shortcut if
    the shape is unchanged.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = in_channels * expansion
        self.body = nn.Sequential()
        if expansion != 1:
            self._add("expand", in_channels, inner, 1)
        self._add("depthwise", inner, inner, 3, stride, groups=inner)
        self._add("project", inner, out_channels, 1, activate=False)
        self.residual = stride == 1 and in_channels == out_channels

    def _add(
        self,
        name: str,
        channels: int,
        width: int,
        kernel: int,
        stride: int = 1,
        groups: int = 1,
        activate: bool = True,
    ) -> None:
        conv = nn.Conv2d(channels, width, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.body.add_module(name, conv)
        self.body.add_module(f"{name}_bn", nn.BatchNorm2d(width))
        if activate:
            self.body.add_module(f"{name}_relu", nn.ReLU6(inplace=True))

    def forward(self, x: Tensor) -> Tensor:
        """(n, in_channels, h, w) → (n, out_channels, h', w')."""
        out: Tensor = self.body(x)
        if self.residual:
            out += x
        return out


@register.model("mobilenet-v2")
def mobilenet_v2(in_channels: int, num_classes: int, dropout: Probability = 0.0) -> nn.Module:
    """MobileNetV2 for small images: inverted residuals with linear bottlenecks, total stride 8.

    The layers of table 2 of arXiv:1801.04381, with stride 1 in the stem and in the stage of 24
    channels, since the paper's total stride of 32 would leave one pixel of 32: 2,236,682
    parameters.
    """
    model = nn.Sequential()
    model.add_module("conv1", nn.Conv2d(in_channels, 32, 3, padding=1, bias=False))
    model.add_module("bn1", nn.BatchNorm2d(32))
    model.add_module("relu1", nn.ReLU6(inplace=True))
    channels = 32
    for i, (expansion, width, count, stride) in enumerate(_STAGES, start=1):
        for j in range(count):
            block = InvertedResidual(channels, width, 1 if j else stride, expansion)
            model.add_module(f"stage{i}_{j + 1}", block)
            channels = width
    model.add_module("conv2", nn.Conv2d(channels, 1280, 1, bias=False))
    model.add_module("bn2", nn.BatchNorm2d(1280))
    model.add_module("relu2", nn.ReLU6(inplace=True))
    model.add_module("average", nn.AdaptiveAvgPool2d(1))
    model.add_module("flatten", nn.Flatten())
    if dropout:
        model.add_module("dropout", nn.Dropout(dropout))
    model.add_module("fc", nn.Linear(1280, num_classes))
    return he_normal(model)
