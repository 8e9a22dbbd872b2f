"""Plain convolutional networks: convolutions and pools with a fully connected head."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from torch import nn

from convcompare.core.errors import ModelError
from convcompare.core.registry import register
from convcompare.core.spec import AtLeast, Count, Kernel, Probability, Widths

from ..layers import factory
from ..layers.residual_blocks import PlainPair
from ..notation import Notation, Part, parse, times, widened

Layers = Annotated[
    str, Notation(("channels", "pool", "pair", "dropout"), "32-MP-64-MP-128", kernels=True)
]
Units = Annotated[int, AtLeast(0)]


@dataclass(frozen=True)
class _Depth:
    layers: str
    hidden: int
    dropout: float
    grid: int | None


_BASE = _Depth("16-MP-32-MP", 128, 0.0, None)
_DEPTHS = {
    2: _Depth("32-MP-64-MP", 128, 0.25, None),
    4: _Depth("32-MP-64-MP-128-256", 256, 0.25, 4),
    6: _Depth("32-MP-32-64-MP-64-128-128", 256, 0.0, 4),
}


@dataclass
class _Body:
    """A network under construction: its modules, with the channels and side of their output."""

    family: str
    channels: int
    image_size: int
    kernel: int = 3
    norm: bool = False
    bias: bool = True
    conv: factory.Convolution = "standard"
    conv_in: Literal["first", "all"] = "first"
    scale: float = 1.5
    activation: factory.Activation = "relu"
    attention: factory.Attention = "none"
    reduction: int | None = None
    pool: factory.Pool = "max"
    p: float = 2.0
    modules: OrderedDict[str, nn.Module] = field(default_factory=OrderedDict)

    def __post_init__(self) -> None:
        self.side = self.image_size

    def add(self, name: str, module: nn.Module) -> None:
        """Append a module with a number per name: conv1, act1, conv2 …"""
        count = sum(key.rstrip("0123456789") == name for key in self.modules)
        self.modules[f"{name}{count + 1}"] = module

    def extend(self, layers: str) -> None:
        for part in parse(layers):
            if part.kind == "channels":
                self._convolve(part)
            elif part.kind == "pool":
                self._halve(layers)
            elif part.kind == "pair":
                self.add("pair", PlainPair(self.channels))
            else:
                self.add("dropout", nn.Dropout2d(part.probability))

    def _convolve(self, part: Part) -> None:
        first = not any(name.startswith("conv") for name in self.modules)
        kind = self.conv if first or self.conv_in == "all" else "standard"
        kernel = self.kernel if part.kernel is None else part.kernel
        channels = (self.channels, part.channels)
        conv = factory.make_convolution(kind, channels, kernel, part.stride, self.bias, self.scale)
        self.add("conv", conv)
        self.channels, self.side = part.channels, (self.side - 1) // part.stride + 1
        if self.norm:
            self.add("bn", nn.BatchNorm2d(self.channels))
        self.add("act", factory.make_activation(self.activation))
        if self.attention != "none":
            gate = factory.make_attention(self.attention, self.channels, self.reduction)
            self.add("attention", gate)

    def _halve(self, layers: str) -> None:
        if self.side < 2:
            parts = list(parse(layers))
            pools = sum(part.kind == "pool" for part in parts)
            need = 2**pools * math.prod(part.stride for part in parts)
            raise ModelError(
                f"`{self.family}` halves the image {pools} times, `{layers}`: {self.image_size} "
                "pixels are too few",
                f"images of at least {need} pixels, or fewer pools",
            )
        self.add("pool", factory.make_pool(self.pool, self.p))
        self.side //= 2

    def head(self, num_classes: int, hidden: int, dropout: float, grid: int | None) -> nn.Module:
        """Append the head and return the network.

        Args:
            num_classes: outputs of the last linear layer.
            hidden: units of the hidden linear layer; 0 for none.
            dropout: probability before the last layer; 0 for none.
            grid: side in pixels to which feature maps are averaged first; None for no averaging.

        Raises:
            ModelError: if the feature maps have fewer than grid×grid pixels.
        """
        if grid is not None:
            if grid > self.side:
                raise ModelError(
                    f"invalid value for option `grid` of `{self.family}`: `{grid}`, the feature "
                    f"maps have {self.side}×{self.side} pixels",
                    f"allowed: 1 to {self.side}",
                )
            self.side = grid
            self.modules["average"] = nn.AdaptiveAvgPool2d(grid)
        self.modules["flatten"] = nn.Flatten()
        features = self.channels * self.side**2
        if hidden:
            self.modules["fc1"] = nn.Linear(features, hidden)
            self.add("act", factory.make_activation(self.activation))
        if dropout:
            self.modules["dropout"] = nn.Dropout(dropout)
        self.modules["fc2" if hidden else "fc1"] = nn.Linear(hidden or features, num_classes)
        return nn.Sequential(self.modules)


def _widened_cnn(values: Mapping[str, Any], factor: float) -> dict[str, Any]:
    """Return the options with all widths multiplied by `factor`.

    The layout of a `depth` becomes `layers`, since a depth stands for the widths of the report.
    """
    preset = _preset(values["depth"])
    own = {name: getattr(preset, name) for name in ("hidden", "dropout", "grid")}
    given = {name: own[name] if values[name] is None else values[name] for name in own}
    return {
        **values,
        **given,
        "depth": None,
        "layers": widened(values["layers"] or preset.layers, factor),
        "hidden": given["hidden"] and times(given["hidden"], factor),
    }


def _widened_simple(values: Mapping[str, Any], factor: float) -> dict[str, Any]:
    wider = tuple(times(width, factor) for width in values["width"])
    return {**values, "width": wider, "hidden": times(values["hidden"], factor)}


def _preset(depth: int | None) -> _Depth:
    return _BASE if depth is None else _DEPTHS[depth]


@register.model("cnn", widened=_widened_cnn)
def cnn(
    in_channels: int,
    image_size: int,
    num_classes: int,
    depth: Literal[2, 4, 6] | None = None,
    layers: Layers | None = None,
    kernel: Kernel = 3,
    hidden: Units | None = None,
    dropout: Probability | None = None,
    grid: Count | None = None,
    norm: Literal["none", "batch"] = "none",
    bias: bool = True,
    conv: factory.Convolution = "standard",
    conv_in: Literal["first", "all"] = "first",
    scale: float = 1.5,
    activation: factory.Activation = "relu",
    attention: factory.Attention = "none",
    reduction: Count | None = None,
    pool: factory.Pool = "max",
    p: Annotated[float, AtLeast(1)] = 2.0,
) -> nn.Module:
    """Plain CNN with exchangeable layers: the reports' base network for custom layers.

    The default is conv 16 - pool - conv 32 - pool - fc 128 - fc 10, 268,650 parameters on CIFAR-10
    (report 002, table 5). `depth` selects a network of report 002, table 4, with 2, 4 or 6
    convolutions; `layers` sets any other layout, such as 32-MP-64-MP-128. `hidden`, `dropout` and
    `grid` default to those of the depth, without a depth to 128, 0 and none. `hidden` 0 leaves the
    hidden layer out, `dropout` acts before the last layer, and `grid` averages the feature maps to
    grid×grid pixels before the head.

    `conv` applies to the first convolution, as in the reports, or with `conv_in` all to every
    convolution: unfold is one matrix product, scaled multiplies its output by the constant `scale`,
    affine has a learnable scale and shift per channel. Attention follows each activation, before
    the pool: se divides the channels by 16, cbam and self by 8, or all by `reduction`. `p` is the
    exponent of the pools lp and lp-mean; the pool mixed learns its shares of maximum and average.
    `norm` batch adds BatchNorm after each convolution; `bias` false removes the biases of the
    convolutions.
    """
    if depth is not None and layers is not None:
        raise ModelError(
            f"options `depth` and `layers` of `cnn` exclude each other: `{depth}` and `{layers}`",
            "one of the two",
        )
    preset = _preset(depth)
    body = _Body(
        "cnn", in_channels, image_size, kernel, norm == "batch", bias, conv, conv_in, scale,
        activation, attention, reduction, pool, p,
    )  # fmt: skip
    body.extend(layers or preset.layers)
    return body.head(
        num_classes,
        preset.hidden if hidden is None else hidden,
        preset.dropout if dropout is None else dropout,
        preset.grid if grid is None else grid,
    )


@register.model("simple", widened=_widened_simple)
def simple(
    in_channels: int,
    image_size: int,
    num_classes: int,
    width: Widths = (32, 64),
    kernel: Kernel = 3,
    hidden: Count = 128,
    dropout: Probability = 0.25,
) -> nn.Module:
    """Simple CNN: a convolution, ReLU and 2×2 max-pool for each width, then one hidden layer.

    conv 32 - pool - conv 64 - pool - fc 128 - dropout - fc 10: 421,642 parameters on MNIST (report
    002, table 1), 545,098 on CIFAR-10 (the reports' network of 2 layers). Report 004 has no
    dropout.
    """
    body = _Body("simple", in_channels, image_size, kernel)
    body.extend("-".join(f"{channels}-MP" for channels in width))
    return body.head(num_classes, hidden, dropout, grid=None)
