"""Initial weights that differ from torch's defaults."""

from __future__ import annotations

from torch import nn


def he_normal(model: nn.Module) -> nn.Module:
    """Draw the weights of all convolutions from N(0, 2 / (out_channels·k²)), set their biases to 0.

    The variance uses the fan-out, so that gradients keep their size in the backward pass. Linear
    layers keep torch's initial weights. Networks on ``meta`` are returned unchanged.
    He et al. 2015, arXiv:1502.01852.
    """
    if next(model.parameters()).is_meta:
        return model
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return model
