"""Initial weights that differ from torch's own."""

from __future__ import annotations

from torch import nn


def he_normal(model: nn.Module) -> nn.Module:
    """Every convolution from N(0, 2 / (out_channels·k²)), its bias 0 (He 2015, arXiv:1502.01852).

    The variance counts the outputs (fan-out), so that gradients keep their size on the way back.
    Linear layers keep torch's initial weights. On ``meta`` there is nothing to draw.
    """
    if next(model.parameters()).is_meta:
        return model
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return model
