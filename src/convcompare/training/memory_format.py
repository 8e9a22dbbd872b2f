"""Channels-last layout of weights, activations and gradients."""

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
    """Move a network to a device in channels-last layout; its values stay the same.

    A flatten returns its gradient in the other layout, and the pooling layer before it then takes a
    slow path through a copy; therefore the gradient of each pooling layer is converted before use.
    The layout of a network is kept if its views need it (`InputGuard`), if the device is slower
    with channels-last, or if a backward pass would write out of bounds (`_overruns`).
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
    """Return whether a module is a strided 1×1 convolution of fewer than 8 channels.

    Its backward pass writes out of bounds in channels-last layout (torch 2.13 on a processor with
    AVX2: "double free or corruption"); in contiguous layout it does not.
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
