"""Gradient norm of each layer's weights on one fixed batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convcompare.core.errors import ModelError
from convcompare.models.interface import copied, in_mode
from convcompare.models.randomness import seeded

from .weight_layers import LAYERS, Weight, weight_layers

FEW = 32
"""Number of images on which the layers are found at first."""
Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class GradientFlow:
    """Gradients of the weights per layer, in the order of the layers' first use.

    ``norm`` (layers,) is the L2 norm of a layer's weight gradient. ``mean_abs`` (layers,) is the
    mean of its absolute values, as printed in report 004. ``zero`` (layers,) marks weights that are
    all 0. Biases, norms, scales, tokens and position tables are left out.
    """

    weights: tuple[Weight, ...]
    norm: Array
    mean_abs: Array
    zero: npt.NDArray[np.bool_]

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers."""
        return tuple(weight.layer for weight in self.weights)


def gradient_flow(
    model: nn.Module, images: Tensor, labels: Tensor, weights: Sequence[Weight] | None = None
) -> GradientFlow:
    """Compute the gradient of the mean cross-entropy over one batch, in float32 and training mode.

    A copy of the network is used, with fixed random draws, so that weights, BatchNorm buffers, mode
    and random state of `model` are unchanged.

    Args:
        model: The network.
        images: Normalised images (n, c, h, w).
        labels: Class indices (n,).
        weights: Weights to examine; found by `weight_layers` if None.

    Raises:
        ModelError: If the network has no layer with trainable weights.
    """
    replica = in_mode(copied(model), True)
    device = images.device
    with seeded(0, device), torch.enable_grad():
        replica.zero_grad(set_to_none=True)
        logits = replica(images.clone()).float()
        F.cross_entropy(logits, labels).backward()  # type: ignore[no-untyped-call]
    if weights is None:
        weights = layers_of(model, images[:FEW])
        if _missed(replica, weights):  # such as experts that few images do not reach
            weights = layers_of(model, images)
    if not weights:
        raise ModelError(
            "the network has no layer with trainable weights",
            "layers are convolutions and matrix products by parameters of two or more dimensions",
        )
    named = dict(replica.named_parameters())
    found = [named[weight.parameter] for weight in weights]
    gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in found]
    return GradientFlow(
        tuple(weights),
        np.array([gradient.norm().item() for gradient in gradients]),
        np.array([gradient.abs().mean().item() for gradient in gradients]),
        np.array([not p.any().item() for p in found]),
    )


def _missed(replica: nn.Module, weights: Sequence[Weight]) -> bool:
    """Return whether one of torch's layers has a gradient but is not among `weights`."""
    found = {weight.parameter for weight in weights}
    return any(
        isinstance(replica.get_submodule(name.rpartition(".")[0]), LAYERS)
        for name, p in replica.named_parameters()
        if name not in found and p.ndim > 1 and p.grad is not None
    )


def layers_of(model: nn.Module, images: Tensor) -> tuple[Weight, ...]:
    """Find the weights of a network in training mode, on a copy: see `weight_layers`."""
    with seeded(0, images.device):
        return weight_layers(in_mode(copied(model), True), images)


def fixed_batch(images: int) -> npt.NDArray[np.int64]:
    """Return the rows of a training set on which every network is measured.

    They are evenly spaced, so that all classes occur: 1 in 40, at least 32 and at most 256, so
    that recording is cheap compared with training.
    """
    n = min(images, 256, max(32, images // 40))
    return np.linspace(0, images - 1, n).round().astype(np.int64)
