"""Residual networks of He et al. and their plain counterparts, for CIFAR-sized images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from torch import nn

from convcompare.core.registry import register
from convcompare.core.spec import Factor

from ..layers.initialisation import he_normal
from ..layers.residual_blocks import BasicBlock, BottleneckBlock, PreActivationBlock
from ..notation import times

Norm = Literal["batch", "none"]
Init = Literal["he", "torch"]

STAGES = (16, 32, 64)
"""Channels of the three stages for CIFAR-10; all stages but the first halve the image."""


def stages(
    make: Callable[[int, int, int], nn.Module], channels: int, widths: list[tuple[int, int]]
) -> nn.Sequential:
    """Build the stages of a residual network; every stage but the first has stride 2.

    Args:
        make: builds a block from in_channels, out_channels and stride.
        channels: input channels of the first stage.
        widths: (output channels, number of blocks) of each stage.
    """
    model = nn.Sequential()
    for i, (width, count) in enumerate(widths):
        stage = nn.Sequential()
        for j in range(count):
            stage.append(make(channels, width, 2 if i and not j else 1))
            channels = width
        model.add_module(f"stage{i + 1}", stage)
    return model


def network(
    in_channels: int,
    width: int,
    body: nn.Sequential,
    head: nn.Sequential,
    norm: Norm = "batch",
    init: Init = "he",
) -> nn.Module:
    """Put a 3×3 stem before the stages of `body` and the classifier `head`.

    The stem has BatchNorm and ReLU unless the blocks are pre-activation blocks.

    Args:
        in_channels: channels of the images.
        width: output channels of the stem.
        body: stages, as `stages` builds them.
        head: layers from feature maps to logits, as `classifier` builds them.
        norm: "none" replaces every BatchNorm by the identity.
        init: "he" for the initial weights of `he_normal`, "torch" for those of torch.
    """
    stem = nn.Sequential()
    stem.add_module("conv1", nn.Conv2d(in_channels, width, 3, padding=1, bias=False))
    if not any(isinstance(module, PreActivationBlock) for module in body.modules()):
        stem.add_module("bn1", nn.BatchNorm2d(width))
        stem.add_module("relu", nn.ReLU(inplace=True))
    for part in (body, head):
        for name, module in part.named_children():
            stem.add_module(name, module)
    if norm == "none":
        _leave_out_norms(stem)
    return he_normal(stem) if init == "he" else stem


def _leave_out_norms(model: nn.Module) -> None:
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.BatchNorm2d):
                setattr(parent, name, nn.Identity())


def classifier(channels: int, num_classes: int, activate: bool = False) -> nn.Sequential:
    """Build global average pooling and a linear layer: (n, channels, h, w) → (n, num_classes).

    With `activate`, BatchNorm and ReLU come first, as after pre-activation blocks.
    """
    head = nn.Sequential()
    if activate:
        head.add_module("bn", nn.BatchNorm2d(channels))
        head.add_module("relu", nn.ReLU(inplace=True))
    head.add_module("average", nn.AdaptiveAvgPool2d(1))
    head.add_module("flatten", nn.Flatten())
    head.add_module("fc", nn.Linear(channels, num_classes))
    return head


class PlainBlock(nn.Sequential):
    """Two 3×3 convolutions with BatchNorm and ReLU: a basic block without its shortcut."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.relu2 = nn.ReLU(inplace=True)


@register.model.family("plain-{depth}", depth=(20, 32, 44, 56, 110))
def plain(
    depth: int,
    in_channels: int,
    num_classes: int,
    norm: Norm = "batch",
    init: Init = "he",
    width: Factor = 1.0,
) -> nn.Module:
    """Plain-{depth} of He et al. for CIFAR-10: {depth} layers without shortcuts.

    3×3 convolutions with BatchNorm and ReLU in three stages of 16, 32 and 64 channels, then global
    average pooling. It has as many parameters as ResNet-{depth} with shortcut A and differs from it
    only in the shortcuts. arXiv:1512.03385, section 4.2. `norm` none leaves BatchNorm out; `init`
    torch keeps torch's initial weights in place of those of arXiv:1502.01852. `width` multiplies
    all channels.
    """
    stem, *_, last = widths = [times(channels, width) for channels in STAGES]
    body = stages(PlainBlock, stem, [(channels, (depth - 2) // 6) for channels in widths])
    return network(in_channels, stem, body, classifier(last, num_classes), norm, init)


@register.model.family("resnet-{depth}", depth=(20, 32, 44, 56, 110))
def resnet(
    depth: int,
    in_channels: int,
    num_classes: int,
    shortcut: Literal["A", "B"] = "A",
    norm: Norm = "batch",
    init: Init = "he",
    width: Factor = 1.0,
) -> nn.Module:
    """ResNet-{depth} of He et al. for CIFAR-10: three stages of basic blocks, 16-32-64 channels.

    `shortcut` A fills new channels with zeros and has no parameters, as in the paper (ResNet-20:
    269,722, ResNet-110: 1,727,962). `shortcut` B is a 1×1 convolution with BatchNorm if the number
    of channels changes (ResNet-20: 272,474). arXiv:1512.03385, section 4.2. `norm` none leaves
    BatchNorm out; `init` torch keeps torch's initial weights. `width` multiplies all channels.
    """

    def block(channels: int, wide: int, stride: int) -> nn.Module:
        way = "padding" if shortcut == "A" else "projection"
        return BasicBlock(channels, wide, stride, shortcut=way)  # type: ignore[arg-type]

    stem, *_, last = widths = [times(channels, width) for channels in STAGES]
    body = stages(block, stem, [(channels, (depth - 2) // 6) for channels in widths])
    return network(in_channels, stem, body, classifier(last, num_classes), norm, init)


@register.model.family("preact-resnet-{depth}", depth=(20, 56, 110, 164))
def preact_resnet(depth: int, in_channels: int, num_classes: int, width: Factor = 1.0) -> nn.Module:
    """Pre-activation ResNet-{depth} for CIFAR-10: BatchNorm and ReLU before each convolution.

    Basic blocks of 16, 32 and 64 channels; ResNet-164 has bottleneck blocks of 64, 128 and 256.
    If the shape changes, the shortcut is a 1×1 convolution. `width` multiplies all channels.
    arXiv:1603.05027.
    """
    bottleneck = depth == 164
    count = (depth - 2) // (9 if bottleneck else 6)
    expansion = 4 if bottleneck else 1
    widths = [(times(channels, width) * expansion, count) for channels in STAGES]

    def block(channels: int, wide: int, stride: int) -> nn.Module:
        return PreActivationBlock(channels, wide, stride, bottleneck)

    stem = times(STAGES[0], width)
    head = classifier(widths[-1][0], num_classes, activate=True)
    return network(in_channels, stem, stages(block, stem, widths), head)


@register.model.family("resnet-{depth}", depth=(18, 34, 50))
def imagenet_resnet(
    depth: int, in_channels: int, num_classes: int, width: Factor = 1.0
) -> nn.Module:
    """ResNet-{depth} of He et al. with a stem for small images: 3×3, stride 1, no max-pool.

    The ImageNet network with stages of 64 to 512 channels (times 4 for the bottleneck blocks of
    ResNet-50), for images of 28 or 32 pixels. 11.2 M (18 layers), 21.3 M (34) and 23.5 M (50)
    parameters with 10 classes. arXiv:1512.03385, table 1; a bottleneck block of stride 2 has the
    stride in its 3×3 convolution. `width` multiplies all channels.
    """
    counts = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}[depth]
    expansion = 4 if depth == 50 else 1
    widths = [(times(64 * 2**i, width) * expansion, count) for i, count in enumerate(counts)]
    stem = times(64, width)
    body = stages(BottleneckBlock if depth == 50 else BasicBlock, stem, widths)
    return network(in_channels, stem, body, classifier(widths[-1][0], num_classes))
