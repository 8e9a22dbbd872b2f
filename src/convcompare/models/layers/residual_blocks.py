"""Residual blocks: (n, in_channels, h, w) → (n, out_channels, h / stride, w / stride).

The shortcut is the identity, or a 1×1 convolution with BatchNorm if the shape changes.
"""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from .argument_checks import check_count, check_kernel, squeezed

Shortcut = Literal["projection", "padding"]
"""Shortcut if the shape changes: 1×1 convolution (option B), or zeros for new channels (A)."""


class PaddedShortcut(nn.Module):
    """Option A of He et al. 2015, arXiv:1512.03385: every stride-th pixel, zeros for new channels.

    No parameters and no arithmetic; half of the new channels come before the old ones, half after.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        extra = check_count("a padded shortcut", "out_channels", out_channels - in_channels, low=0)
        self.before, self.stride = extra // 2, stride
        self.behind = extra - self.before

    def forward(self, x: Tensor) -> Tensor:
        """(n, in_channels, h, w) → (n, out_channels, h', w')."""
        x = x[:, :, :: self.stride, :: self.stride]
        return F.pad(x, (0, 0, 0, 0, self.before, self.behind))


def make_shortcut(
    in_channels: int, out_channels: int, stride: int, kind: Shortcut = "projection"
) -> nn.Module:
    """Build the shortcut of a block: the identity, or `kind` if the shape changes."""
    if stride == 1 and in_channels == out_channels:
        return nn.Identity()
    if kind == "padding":
        return PaddedShortcut(in_channels, out_channels, stride)
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels)
    )


class BasicBlock(nn.Module):
    """Two 3×3 convolutions with BatchNorm and a shortcut (He et al. 2015, arXiv:1512.03385).

    Args:
        in_channels: input channels.
        out_channels: output channels.
        stride: stride of the first convolution.
        kernel: side of the first convolution's kernel in pixels, odd.
        inner: channels between the convolutions, by default out_channels; twice as many make the
            wide block of reports 000 and 004.
        dropout: probability between the convolutions (arXiv:1605.07146).
        dropout2d: probability of dropping whole channels there and after the second BatchNorm
            (report 002, table 2).
        shortcut: kind of shortcut if the shape changes.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int = 1,
        kernel: int = 3,
        inner: int | None = None,
        dropout: float = 0.0,
        dropout2d: float = 0.0,
        shortcut: Shortcut = "projection",
    ) -> None:
        super().__init__()
        check_kernel("a residual block", kernel)
        inner = out_channels if inner is None else inner
        self.conv1: nn.Module = nn.Conv2d(
            in_channels, inner, kernel, stride, padding=kernel // 2, bias=False
        )
        self.bn1 = nn.BatchNorm2d(inner)
        self.relu = nn.ReLU(inplace=True)
        self.dropout1: nn.Module = nn.Identity()
        if dropout or dropout2d:
            self.dropout1 = nn.Dropout2d(dropout2d) if dropout2d else nn.Dropout(dropout)
        self.conv2 = nn.Conv2d(inner, out_channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.dropout2 = nn.Dropout2d(dropout2d) if dropout2d else nn.Identity()
        self.shortcut = make_shortcut(in_channels, out_channels, stride, shortcut)

    def forward(self, x: Tensor) -> Tensor:
        """(n, in_channels, h, w) → (n, out_channels, h', w')."""
        out = self.dropout1(self.relu(self.bn1(self.conv1(x))))
        out = self.dropout2(self.bn2(self.conv2(out)))
        out += self.shortcut(x)
        result: Tensor = self.relu(out)
        return result


class MixedKernelBlock(BasicBlock):
    """Basic block with a 1×1 and a 3×3 convolution in place of its first (report 002, table 3).

    conv1×1(i, o/2, stride)-BN-ReLU-conv3×3(o/2, o) replaces conv3×3(i, o, stride).
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__(in_channels, out_channels, stride)
        half = squeezed("a 1+3 block", out_channels, 2)
        self.conv1 = nn.Sequential(
            nn.Conv2d(in_channels, half, 1, stride, bias=False),
            nn.BatchNorm2d(half),
            nn.ReLU(inplace=True),
            nn.Conv2d(half, out_channels, 3, padding=1, bias=False),
        )


class BottleneckBlock(nn.Module):
    """1×1 to out_channels/4, 3×3 with the stride, 1×1 to out_channels, and a shortcut.

    He et al. 2015, arXiv:1512.03385.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        inner = squeezed("a bottleneck block", out_channels, 4)
        self.conv1 = nn.Conv2d(in_channels, inner, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.shortcut = make_shortcut(in_channels, out_channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(n, in_channels, h, w) → (n, out_channels, h', w')."""
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        out += self.shortcut(x)
        result: Tensor = self.relu(out)
        return result


class PreActivationBlock(nn.Module):
    """BatchNorm and ReLU before each convolution, none after the sum (arXiv:1603.05027).

    Two 3×3 convolutions, or with `bottleneck` 1×1 to a quarter of the channels, 3×3 and 1×1. If the
    shape changes, the shortcut is a 1×1 convolution of the activated input without BatchNorm, as in
    the authors' code and in wide residual networks (arXiv:1605.07146). `dropout` acts before the
    last convolution, in wide residual networks between the two.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int = 1,
        bottleneck: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        inner = squeezed("a bottleneck block", out_channels, 4) if bottleneck else out_channels
        kernels = (1, 3, 1) if bottleneck else (3, 3)
        strides = (1, stride, 1) if bottleneck else (stride, 1)
        self.activate1 = _activation(in_channels)
        layers: list[nn.Module] = []
        channels = in_channels
        for i, (kernel, step) in enumerate(zip(kernels, strides, strict=True)):
            width = out_channels if i == len(kernels) - 1 else inner
            layers += [_activation(channels)] if i else []
            layers += [nn.Dropout(dropout)] if dropout and i == len(kernels) - 1 else []
            layers.append(nn.Conv2d(channels, width, kernel, step, kernel // 2, bias=False))
            channels = width
        self.body = nn.Sequential(*layers)
        self.shortcut: nn.Module | None = None
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(n, in_channels, h, w) → (n, out_channels, h', w')."""
        active = self.activate1(x)
        out: Tensor = self.body(active)
        out += x if self.shortcut is None else self.shortcut(active)
        return out


class PlainPair(nn.Module):
    """relu(x + conv3×3(relu(conv3×3(x)))) with biases and without BatchNorm (report 004)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, h, w) → the same shape."""
        out: Tensor = self.conv2(self.relu(self.conv1(x)))
        result: Tensor = self.relu(out.add_(x))
        return result


def _activation(channels: int) -> nn.Sequential:
    return nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(inplace=True))
