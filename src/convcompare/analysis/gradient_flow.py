"""Gradient norm of each layer's weights on one fixed batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convcompare.core.errors import ModelError
from convcompare.models.interface import copied, in_mode
from convcompare.models.randomness import seeded

from .weight_layers import LAYERS, Weight, merged, weight_layers

FEW = 32
"""Number of images on which the layers are found at first."""
PASSES = 16
"""Training passes of a network that leaves out layers at random, each with other random draws."""
Array = npt.NDArray[np.float64]
Gradients = Mapping[str, Tensor]
"""By the name of the parameter; those that are all 0 are left out."""


@dataclass(frozen=True)
class GradientFlow:
    """Gradients of the weights per layer, in the order of the layers' first use.

    ``norm`` (layers,) is the L2 norm of a layer's weight gradient. ``mean_abs`` (layers,) is the
    mean of its absolute values, as printed in report 004. ``zero`` (layers,) marks weights that are
    all 0. Biases, norms, scales, tokens and position tables are left out. ``passes`` (layers,) is
    None if one training pass has them all. Of a network that leaves out layers at random, it is the
    number of passes, of PASSES, that reach a layer, and the other figures are their means.
    """

    weights: tuple[Weight, ...]
    norm: Array
    mean_abs: Array
    zero: npt.NDArray[np.bool_]
    passes: npt.NDArray[np.int64] | None

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers."""
        return tuple(weight.layer for weight in self.weights)


def gradient_flow(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    weights: Sequence[Weight] | None = None,
    several: bool | None = None,
) -> GradientFlow:
    """Compute the gradient of the mean cross-entropy over one batch, in float32 and training mode.

    Copies of the network are used, with fixed random draws, so that weights, BatchNorm buffers,
    mode and random state of `model` are unchanged.

    Args:
        model: The network.
        images: Normalised images (n, c, h, w).
        labels: Class indices (n,).
        weights: Weights to examine; found by `weight_layers` if None.
        several: Whether to average over PASSES; if None, whether a pass leaves out layers at
            random.

    Raises:
        ModelError: If the network has no layer with trainable weights.
    """
    passes = [_gradients(model, images, labels, 0)]
    if several is None:
        several = _leaves_out_layers(model, images, labels, passes[0])
    if several:
        passes += [_gradients(model, images, labels, seed) for seed in range(1, PASSES)]
    if weights is None:
        weights = _weights(model, images, passes)
    if not weights:
        raise ModelError(
            "the network has no layer with trainable weights",
            "layers are convolutions and matrix products by parameters of two or more dimensions",
        )
    named = dict(model.named_parameters())
    reached = [[one[w.parameter] for one in passes if w.parameter in one] for w in weights]
    return GradientFlow(
        tuple(weights),
        np.array([_mean([one.norm().item() for one in found]) for found in reached]),
        np.array([_mean([one.abs().mean().item() for one in found]) for found in reached]),
        np.array([not named[weight.parameter].any().item() for weight in weights]),
        np.array([len(found) for found in reached]) if several else None,
    )


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else 0.0


def _gradients(model: nn.Module, images: Tensor, labels: Tensor, seed: int) -> Gradients:
    """Return the gradients of one training pass, of parameters of two dimensions or more."""
    replica = in_mode(copied(model), True)
    with seeded(seed, images.device), torch.enable_grad():
        replica.zero_grad(set_to_none=True)
        logits = replica(images.clone()).float()
        F.cross_entropy(logits, labels).backward()  # type: ignore[no-untyped-call]
    return {
        name: p.grad
        for name, p in _candidates(replica)
        if p.grad is not None and p.grad.any().item()
    }


def _candidates(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """Iterate over the parameters that can be weights of layers."""
    return ((name, p) for name, p in model.named_parameters() if p.requires_grad and p.ndim > 1)


def _leaves_out_layers(model: nn.Module, images: Tensor, labels: Tensor, first: Gradients) -> bool:
    """Return whether other random draws reach a parameter that the first pass does not."""
    missed = {name for name, _ in _candidates(model)} - first.keys()
    few = images[:FEW], labels[:FEW]
    return bool(missed) and any(
        not missed.isdisjoint(_gradients(model, *few, seed)) for seed in range(1, PASSES)
    )


def _weights(model: nn.Module, images: Tensor, passes: Sequence[Gradients]) -> tuple[Weight, ...]:
    """Return the weights of the layers that the passes use, and of those of torch's that none does.

    No image may reach an expert at first.
    """
    defined = [name for name, _ in _candidates(model)]
    of_torch = [
        name for name in defined if isinstance(model.get_submodule(name.rpartition(".")[0]), LAYERS)
    ]
    used = _used(model, images[:FEW], len(passes))
    reached = set(_of_layers(of_torch, used)) & set[str]().union(*passes)
    if not reached.issubset(name for one in used for name in one):  # such as rare experts
        used = _used(model, images, len(passes))
    return merged([*used, _of_layers(of_torch, used)], defined)


def _of_layers(names: Sequence[str], used: Iterable[Sequence[str]]) -> list[str]:
    """Return the weights among the parameters of layers.

    Of a layer in use, parameters that are not used as weights, such as the norms of a weight norm,
    are left out.
    """
    weights = {name for one in used for name in one}
    called = {name.rpartition(".")[0] for name in weights}
    return [name for name in names if name in weights or name.rpartition(".")[0] not in called]


def _used(model: nn.Module, images: Tensor, passes: int) -> list[list[str]]:
    """Return the names of the weights that each pass uses."""
    found = (layers_of(model, images, seed) for seed in range(passes))
    return [[weight.parameter for weight in one] for one in found]


def layers_of(model: nn.Module, images: Tensor, seed: int) -> tuple[Weight, ...]:
    """Find the weights of a network in training mode, on a copy: see `weight_layers`."""
    with seeded(seed, images.device):
        return weight_layers(in_mode(copied(model), True), images)


def fixed_batch(images: int) -> npt.NDArray[np.int64]:
    """Return the rows of a training set on which every network is measured.

    They are evenly spaced, so that all classes occur: 1 in 40, at least 32 and at most 256, so
    that recording is cheap compared with training.
    """
    n = min(images, 256, max(32, images // 40))
    return np.linspace(0, images - 1, n).round().astype(np.int64)
