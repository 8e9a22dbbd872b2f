"""Channels-last all the way: weights, activations, and the gradients that flow back."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from convcompare.models.devices import traits
from convcompare.models.interface import guard, is_contiguous, lay_out
from convcompare.models.layers.pooling import LpPool2d, MixedPool2d

POOLS = (nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)
OWN_POOLS = (LpPool2d, MixedPool2d)
NARROW = 8


def channels_last(model: nn.Module, device: torch.device) -> nn.Module:
    """Put a network on a device in channels-last layout; the numbers stay what they are.

    A flatten hands its gradient back in the other layout, and the pool before it then takes a slow
    path through a copy; the gradient of each pool is therefore laid out again before it is used. A
    network whose views do not stand this layout keeps its own (`InputGuard`), and so do all on a
    device that is slower with it, and those whose backward pass would write where it must not.
    """
    model.to(device)
    if is_contiguous(model) or not traits(device).channels_last:
        return model
    if device.type == "cpu" and any(map(_overruns, model.modules())):
        guard(model, contiguous=True, own=False)
        return model
    lay_out(model)
    for module in model.modules():
        if isinstance(module, (*POOLS, *OWN_POOLS)):
            module.register_forward_hook(_lay_out_gradient)
    return model


def _overruns(module: nn.Module) -> bool:
    """Whether it is a strided 1×1 convolution of fewer than 8 channels.

    Its backward pass writes past its memory in channels-last layout (torch 2.13 on a processor with
    AVX2: "double free or corruption"); contiguous it does not.
    """
    return (
        isinstance(module, nn.Conv2d)
        and module.kernel_size == (1, 1)
        and module.stride != (1, 1)
        and module.in_channels // module.groups < NARROW
    )


def _lay_out_gradient(module: nn.Module, inputs: tuple[Tensor, ...], output: object) -> None:
    if isinstance(output, Tensor) and output.requires_grad and output.ndim == 4:
        output.register_hook(_as_channels_last)  # type: ignore[no-untyped-call]


def _as_channels_last(gradient: Tensor) -> Tensor:
    return gradient.contiguous(memory_format=torch.channels_last)
