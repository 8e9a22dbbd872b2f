"""Attention: gates that weight channels or positions, and self-attention over positions.

All map (n, channels, h, w) to the same shape.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .argument_checks import check_count, check_kernel, squeezed


class SqueezeExcitation(nn.Module):
    """Multiply each channel by a gate computed from the means of all channels.

    Mean over the positions, two linear layers with ReLU between, sigmoid. Without biases, as in
    reports 002 (reduction 16) and 000 (reduction 4), it has 2·channels²/reduction parameters.
    Hu et al. 2018, arXiv:1709.01507.
    """

    def __init__(self, channels: int, reduction: int = 16, bias: bool = False) -> None:
        super().__init__()
        inner = squeezed("squeeze-and-excitation", channels, reduction)
        self.squeeze = nn.Linear(channels, inner, bias)
        self.excite = nn.Linear(inner, channels, bias)

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) → the same shape."""
        gate = torch.sigmoid(self.excite(F.relu(self.squeeze(x.mean((2, 3))))))
        return x * gate[:, :, None, None].to(x.dtype)


class ChannelGate(nn.Module):
    """Channel half of CBAM: a gate per channel from the mean and maximum over the positions."""

    def __init__(self, channels: int, reduction: int = 8) -> None:
        super().__init__()
        inner = squeezed("CBAM", channels, reduction)
        self.squeeze = nn.Linear(channels, inner, bias=False)
        self.excite = nn.Linear(inner, channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) → the same shape."""
        pooled = torch.stack([x.mean((2, 3)), F.adaptive_max_pool2d(x, 1).flatten(1)])
        weights = self.excite(F.relu(self.squeeze(pooled))).sum(0)
        return x * torch.sigmoid(weights)[:, :, None, None].to(x.dtype)


class SpatialGate(nn.Module):
    """Spatial half of CBAM: a gate per position from the mean and maximum over the channels."""

    def __init__(self, kernel: int = 7) -> None:
        super().__init__()
        check_kernel("CBAM", kernel)
        self.conv = nn.Conv2d(2, 1, kernel, padding=kernel // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) → the same shape."""
        pooled = torch.cat([x.mean(1, keepdim=True), x.max(1, keepdim=True).values], 1)
        return x * torch.sigmoid(self.conv(pooled)).to(x.dtype)


class CBAM(nn.Sequential):
    """Channel gate, then spatial gate (Woo et al. 2018, arXiv:1807.06521; report 003).

    2·channels²/reduction + 2·kernel² parameters.
    """

    def __init__(self, channels: int, reduction: int = 8, kernel: int = 7) -> None:
        super().__init__()
        self.channel = ChannelGate(channels, reduction)
        self.spatial = SpatialGate(kernel)


class SelfAttention(nn.Module):
    """Self-attention over positions: x + γ·attention(x) (Zhang et al. 2018, arXiv:1805.08318).

    Queries and keys have channels/reduction channels, values channels/2. Keys and values are
    max-pooled 2×2 (the sub-sampling of arXiv:1711.07971), which quarters the work. γ starts at 0:
    the layer starts as the identity, and its other weights have a zero gradient until γ changes.
    """

    def __init__(self, channels: int, reduction: int = 8) -> None:
        super().__init__()
        inner = squeezed("self-attention", channels, reduction)
        half = squeezed("self-attention", check_count("self-attention", "channels", channels, 2), 2)
        self.query = nn.Conv2d(channels, inner, 1, bias=False)
        self.key = nn.Conv2d(channels, inner, 1, bias=False)
        self.value = nn.Conv2d(channels, half, 1, bias=False)
        self.out = nn.Conv2d(half, channels, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) → the same shape."""
        pooled = F.max_pool2d(x, 2) if min(x.shape[2:]) > 1 else x
        query = self.query(x).flatten(2).transpose(1, 2)
        scores = query @ self.key(pooled).flatten(2) / query.shape[2] ** 0.5
        weights = scores.softmax(-1).to(query.dtype)
        attended = (weights @ self.value(pooled).flatten(2).transpose(1, 2)).transpose(1, 2)
        attended = self.out(attended.reshape(len(x), -1, *x.shape[2:]))
        y: Tensor = x + (self.gamma * attended).to(x.dtype)
        return y
