"""Attention: gates that weigh channels or places, and self-attention over places.

All map (n, channels, h, w) to the same shape.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .argument_checks import check_count, check_kernel, squeezed


class SqueezeExcitation(nn.Module):
    """Weigh each channel by what the image holds as a whole (Hu et al. 2018, arXiv:1709.01507).

    Mean over the places, two linear layers with ReLU between, sigmoid. Without biases, as in
    reports 002 (reduction 16) and 000 (reduction 4): 2·channels²/reduction parameters.
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
    """The channel half of CBAM: one gate from the mean and the maximum over the places."""

    def __init__(self, channels: int, reduction: int = 8) -> None:
        super().__init__()
        inner = squeezed("CBAM", channels, reduction)
        self.squeeze = nn.Linear(channels, inner, bias=False)
        self.excite = nn.Linear(inner, channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) → the same shape."""
        seen = torch.stack([x.mean((2, 3)), F.adaptive_max_pool2d(x, 1).flatten(1)])
        weights = self.excite(F.relu(self.squeeze(seen))).sum(0)
        return x * torch.sigmoid(weights)[:, :, None, None].to(x.dtype)


class SpatialGate(nn.Module):
    """The spatial half of CBAM: one gate a place, from the mean and the maximum over channels."""

    def __init__(self, kernel: int = 7) -> None:
        super().__init__()
        check_kernel("CBAM", "kernel", kernel)
        self.conv = nn.Conv2d(2, 1, kernel, padding=kernel // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) → the same shape."""
        seen = torch.cat([x.mean(1, keepdim=True), x.max(1, keepdim=True).values], 1)
        return x * torch.sigmoid(self.conv(seen)).to(x.dtype)


class CBAM(nn.Sequential):
    """Which channels, then which places (Woo et al. 2018, arXiv:1807.06521; report 003).

    2·channels²/reduction + 2·kernel² parameters.
    """

    def __init__(self, channels: int, reduction: int = 8, kernel: int = 7) -> None:
        super().__init__()
        self.channel = ChannelGate(channels, reduction)
        self.spatial = SpatialGate(kernel)


class SelfAttention(nn.Module):
    """Each place looks at all others: x + γ·attention(x) (Zhang et al. 2018, arXiv:1805.08318).

    Queries and keys have channels/reduction, values channels/2; keys and values are max-pooled 2×2
    (the sub-sampling of arXiv:1711.07971), a quarter of the work. γ starts at 0: the layer begins
    as the identity, and until γ has moved its other weights receive a gradient of zero.
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
        seen = F.max_pool2d(x, 2) if min(x.shape[2:]) > 1 else x
        query = self.query(x).flatten(2).transpose(1, 2)
        scores = query @ self.key(seen).flatten(2) / query.shape[2] ** 0.5
        weights = scores.softmax(-1).to(query.dtype)
        read = (weights @ self.value(seen).flatten(2).transpose(1, 2)).transpose(1, 2)
        read = self.out(read.reshape(len(x), -1, *x.shape[2:]))
        y: Tensor = x + (self.gamma * read).to(x.dtype)
        return y
