"""LeNet-5 of LeCun et al. 1998."""

from __future__ import annotations

from collections import OrderedDict
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convcompare.core.errors import ModelError
from convcompare.core.registry import register

_TABLE = (
    (0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5),
    (0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5),
    (0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5), (0, 1, 2, 3, 4, 5),
)  # fmt: skip
"""Table I of the paper: for each of the 16 maps of C3, its input maps among the 6 of S2."""


class TableConvolution(nn.Module):
    """C3: a 5×5 convolution 6 → 16 with 60 of its 96 kernels, 1,516 parameters."""

    places: Tensor

    def __init__(self) -> None:
        super().__init__()
        places = [6 * out + i for out, seen in enumerate(_TABLE) for i in seen]
        self.register_buffer("places", torch.tensor(places), persistent=False)
        self.weight = nn.Parameter(torch.empty(len(places), 5, 5))
        self.bias = nn.Parameter(torch.zeros(16))
        bound = (3.75 * 25) ** -0.5  # 60 kernels of 25 over 16 maps: 3.75 inputs each
        nn.init.uniform_(self.weight, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        """(n, 6, h, w) → (n, 16, h', w')."""
        weight = self.weight.new_zeros(96, 5, 5).index_copy(0, self.places, self.weight)
        return F.conv2d(x, weight.view(16, 6, 5, 5), self.bias)


class TrainableSubsampling(nn.Module):
    """S2 and S4: mean of 2×2 pixels, times a coefficient, plus a bias, both per channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) → (n, c, h/2, w/2)."""
        pooled = F.avg_pool2d(x, 2)
        return pooled * self.weight.to(x.dtype) + self.bias.to(x.dtype)


@register.model("lenet-5")
def lenet5(
    in_channels: int,
    image_size: int,
    num_classes: int,
    form: Literal["modern", "paper"] = "modern",
    activation: Literal["tanh", "relu"] = "tanh",
) -> nn.Module:
    """LeNet-5: 5×5 convolutions of 6, 16 and 120 channels with pools between, then 84-10.

    `form` modern connects all feature maps and pools without weights: 61,706 parameters on MNIST,
    whose 28 pixels are padded to 32. `form` paper has the connection table of C3 and trainable
    subsampling: the 60,000 parameters of the paper, plus 850 of a linear last layer in place of the
    paper's fixed codes. LeCun et al. 1998, doi:10.1109/5.726791.
    """
    if image_size < 28:
        raise ModelError(
            f"`lenet-5` takes images of 28 pixels, padded to 32, or more: {image_size} are too few"
        )
    paper = form == "paper"
    padding = 2 if image_size < 32 else 0
    side = ((image_size + 2 * padding - 4) // 2 - 4) // 2

    def bend() -> nn.Module:
        return nn.Tanh() if activation == "tanh" else nn.ReLU(inplace=True)

    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(in_channels, 6, 5, padding=padding),
            act1=bend(),
            pool1=TrainableSubsampling(6) if paper else nn.AvgPool2d(2),
            conv2=TableConvolution() if paper else nn.Conv2d(6, 16, 5),
            act2=bend(),
            pool2=TrainableSubsampling(16) if paper else nn.AvgPool2d(2),
            flatten=nn.Flatten(),
            fc1=nn.Linear(16 * side**2, 120),
            act3=bend(),
            fc2=nn.Linear(120, 84),
            act4=bend(),
            fc3=nn.Linear(84, num_classes),
        )
    )
