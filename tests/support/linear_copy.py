"""Replace layers with a hand-written backward pass by torch's, whose operations can be patched."""

from __future__ import annotations

from torch import Tensor, nn

from convcompare.models.layers.activation import HardSwish, SiluRelu, Softplus, Swish
from convcompare.models.layers.attention import SelfAttention
from convcompare.models.layers.convolution import UnfoldedConvolution
from convcompare.models.layers.pooling import LpPool2d


def linear_copy(model: nn.Module, gates: bool = False) -> nn.Module:
    """Return `model` with hand-written layers replaced by torch's of the same geometry."""
    for name, child in list(model.named_children()):
        other = _surrogate(child, gates)
        if other is None:
            linear_copy(child, gates)
        else:
            setattr(model, name, other)
    return model


class _Mixed(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + x.mean((2, 3), keepdim=True)


def _surrogate(module: nn.Module, gates: bool) -> nn.Module | None:
    if isinstance(module, UnfoldedConvolution):
        stride, padding, dilation = module.geometry
        out_channels, in_channels = module.weight.shape[:2]
        return nn.Conv2d(
            in_channels, out_channels, module.kernel, stride, padding, dilation, device="meta"
        )
    if isinstance(module, LpPool2d):
        return nn.AvgPool2d(*module.window)
    if isinstance(module, (Swish, SiluRelu, Softplus, HardSwish)):
        return nn.Identity()
    if isinstance(module, SelfAttention):
        return _Mixed() if gates else nn.Identity()
    return None
