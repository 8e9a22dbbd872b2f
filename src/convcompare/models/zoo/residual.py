"""The residual networks of the reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from torch import nn

from convcompare.core.errors import ModelError
from convcompare.core.registry import register
from convcompare.core.spec import Count, Kernel, Probability

from ..layers.initialisation import he_normal
from ..layers.residual_blocks import (
    BasicBlock,
    BottleneckBlock,
    MixedKernelBlock,
    PreActivationBlock,
)
from ..notation import Notation, parse, times, widened

Blocks = Annotated[str, Notation(("channels", "dropout"), "32-64/2-64")]
Block = Literal["basic", "wide", "bottleneck", "preactivation"]


def _widened(values: Mapping[str, Any], factor: float) -> dict[str, Any]:
    layout = values["blocks"] or _layout(values["width"])
    multiple = 4 if values["block"] == "bottleneck" else 1  # its inner width is a quarter
    return {
        **values,
        "width": times(values["width"], factor),
        "blocks": widened(layout, factor, multiple),
    }


def _layout(width: int) -> str:
    """Layout of the three blocks of the reports."""
    return f"{width}-{2 * width}/2-{2 * width}"


@register.model("residual", widened=_widened)
def residual(
    in_channels: int,
    image_size: int,
    num_classes: int,
    width: Count = 32,
    blocks: Blocks | None = None,
    block: Block = "basic",
    kernel: Kernel | Literal["1+3"] = 3,
    kernel_in: Literal["first", "all"] = "first",
    stem_bias: bool = True,
    grid: Count = 4,
    dropout: Probability = 0.0,
    dropout2d: Probability = 0.0,
    block_dropout: Probability = 0.0,
    init: Literal["torch", "he"] = "torch",
) -> nn.Module:
    """Residual CNN: a stem and three basic blocks, the second of which halves the image.

    160,906 parameters on MNIST, 161,482 on CIFAR-10 (report 002, tables 1, 2 and 6). `width` is the
    number of channels of the stem. `blocks` lists the output channels and stride of each block; the
    default is width - 2·width/2 - 2·width: 32-64/2-64.

    `block` is basic (two 3×3 convolutions), wide (twice the channels between the two), bottleneck
    (1×1 to a quarter of the channels, 3×3, 1×1) or preactivation (arXiv:1603.05027). `kernel` is
    the kernel size of the first convolution of the first block, as in report 002, table 3, or with
    `kernel_in` all of every block; 1+3 replaces the first convolution of every block by a 1×1 and a
    3×3. The reports' stem has a bias before its BatchNorm, except in table 3 and the larger
    networks: `stem_bias`.

    `grid` averages the feature maps to grid×grid pixels. `dropout` acts before the last layer,
    `block_dropout` between the convolutions of a block. `dropout2d` drops whole channels there,
    after the block's second BatchNorm and after the stem; D0.2 in `blocks` drops them at one place
    only. `init` he is the normal distribution of arXiv:1502.01852, fan-out.
    """
    layout = blocks or _layout(width)
    _check(block, kernel, block_dropout, dropout2d)
    model = nn.Sequential()
    model.add_module("conv1", nn.Conv2d(in_channels, width, 3, padding=1, bias=stem_bias))
    if block != "preactivation":
        _activate(model, width)
    if dropout2d:
        model.add_module("dropout1", nn.Dropout2d(dropout2d))
    channels, side, first = width, image_size, True
    for number, part in enumerate(parse(layout), start=1):
        if part.kind == "dropout":
            model.add_module(f"dropout2d_{number}", nn.Dropout2d(part.probability))
            continue
        own = kernel if first or kernel_in == "all" or kernel == "1+3" else 3
        shape = (channels, part.channels, part.stride)
        model.add_module(f"block{number}", _block(block, shape, own, block_dropout, dropout2d))
        channels, side, first = part.channels, (side - 1) // part.stride + 1, False
    if side < grid:
        _refuse_grid(grid, side, image_size)
    if block == "preactivation":
        _activate(model, channels)
    model.add_module("average", nn.AdaptiveAvgPool2d(grid))
    model.add_module("flatten", nn.Flatten())
    if dropout:
        model.add_module("dropout", nn.Dropout(dropout))
    model.add_module("fc", nn.Linear(channels * grid**2, num_classes))
    return he_normal(model) if init == "he" else model


def _activate(model: nn.Sequential, channels: int) -> None:
    model.add_module("bn1", nn.BatchNorm2d(channels))
    model.add_module("relu", nn.ReLU(inplace=True))


def _block(
    kind: Block,
    shape: tuple[int, int, int],
    kernel: int | str,
    dropout: float,
    dropout2d: float,
) -> nn.Module:
    if kind == "preactivation":
        return PreActivationBlock(*shape, dropout=dropout)
    if kind == "bottleneck":
        return BottleneckBlock(*shape)
    if isinstance(kernel, str):
        return MixedKernelBlock(*shape)
    inner = 2 * shape[1] if kind == "wide" else None
    return BasicBlock(*shape, kernel=kernel, inner=inner, dropout=dropout, dropout2d=dropout2d)


def _check(block: Block, kernel: int | str, dropout: float, dropout2d: float) -> None:
    """Raise ModelError if an option has no effect on the requested kind of block."""
    unmet = {
        "kernel": (kernel, kernel != 3 and block not in ("basic", "wide"), "3"),
        "dropout2d": (dropout2d, bool(dropout2d) and block not in ("basic", "wide"), "0"),
        "block_dropout": (dropout, bool(dropout) and block == "bottleneck", "0"),
    }
    if kernel == "1+3":
        unmet["block"] = (block, block != "basic", "basic, with kernel=1+3")
        unmet["dropout2d"] = (dropout2d, bool(dropout2d), "0, with kernel=1+3")
        unmet["block_dropout"] = (dropout, bool(dropout), "0, with kernel=1+3")
    if dropout and dropout2d:
        unmet["block_dropout"] = (dropout, True, "0, with dropout2d")
    for name, (value, refused, allowed) in unmet.items():
        if refused:
            beside = "" if name == "block" else f" with block={block}"
            raise ModelError(
                f"invalid value for option `{name}` of `residual`: `{value}`{beside}",
                f"allowed: {allowed}",
            )


def _refuse_grid(grid: int, side: int, image_size: int) -> None:
    need = -(-image_size // side) * grid
    raise ModelError(
        f"invalid value for option `grid` of `residual`: `{grid}`, an image of {image_size} pixels "
        f"leaves {side}×{side}",
        f"allowed: 1 to {side}, or images of at least {need} pixels",
    )
