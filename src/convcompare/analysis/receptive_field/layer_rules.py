"""Rules of this package's layers, and of torch's layers that readers take as one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from torch import nn

from convcompare.models.layers.activation import HardSwish, SiluRelu, Softplus, Swish
from convcompare.models.layers.attention import (
    ChannelGate,
    SelfAttention,
    SpatialGate,
    SqueezeExcitation,
)
from convcompare.models.layers.convolution import UnfoldedConvolution
from convcompare.models.layers.pooling import LpPool2d, MixedPool2d

from .reduction_rules import attention, gate
from .reshape_rules import elementwise
from .tensor_field import Field, merge, size_of
from .window_rules import Call, local


def _unfolded(call: Call, module: nn.Module) -> Field:
    assert isinstance(module, UnfoldedConvolution)
    stride, padding, dilation = module.geometry
    return local(call, lambda _, axis: axis.window(module.kernel, stride, padding, dilation))


def _lp_pool(call: Call, module: nn.Module) -> Field:
    assert isinstance(module, LpPool2d)
    kernel, stride, padding = module.window
    return local(call, lambda _, axis: axis.window(kernel, stride, padding))


def _mixed_pool(call: Call, module: nn.Module) -> Field:
    assert isinstance(module, MixedPool2d)
    return local(call, lambda _, axis: axis.window(module.kernel, module.stride))


def _spatial_gate(call: Call, module: nn.Module) -> Field:
    """Rule of a spatial gate: field of the convolution, merged with the position itself."""
    assert isinstance(module, SpatialGate)
    kernel, shape = module.conv.kernel_size[0], size_of(call.input)
    seen = local(call, lambda _, axis: axis.window(kernel, 1, kernel // 2))
    return replace(merge([(call.field, shape), (seen, shape)], shape), unpooled=None)


def _attention(call: Call, module: nn.Module) -> Field:
    assert isinstance(module, nn.MultiheadAttention)
    return attention(call, 2 if module.batch_first else 3)


LayerRule = Callable[[Call, nn.Module], Field]
LAYERS: dict[type[nn.Module], tuple[str, LayerRule]] = {
    **dict.fromkeys(
        (Swish, SiluRelu, Softplus, HardSwish), ("activation", lambda call, _: elementwise(call))
    ),
    UnfoldedConvolution: ("convolution", _unfolded),
    LpPool2d: ("pool", _lp_pool),
    MixedPool2d: ("pool", _mixed_pool),
    SpatialGate: ("gate", _spatial_gate),
    SqueezeExcitation: ("gate", lambda call, _: gate(call)),
    ChannelGate: ("gate", lambda call, _: gate(call)),
    SelfAttention: ("attention", lambda call, _: gate(call)),
    nn.MultiheadAttention: ("attention", _attention),
}
"""Layers that are treated as one operation: kind in the table, and rule."""


def layer_rule(module: nn.Module) -> tuple[str, LayerRule] | None:
    """Return the kind and rule of a layer that is treated as one operation, or None.

    A subclass of torch's attention with a `forward` of its own may compute something else.
    """
    found = next((kind for kind in type(module).__mro__ if kind in LAYERS), None)
    if found is nn.MultiheadAttention and type(module).forward is not found.forward:
        return None
    return LAYERS[found] if found is not None else None
