"""How strong the gradient is in each layer, on one fixed batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convcompare.models.interface import copied

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class GradientFlow:
    """Gradients of the weights, layer by layer in the order of the forward pass.

    ``norm`` (layers,) is the L2 norm of a layer's weight gradient, ``mean_abs`` (layers,) the mean
    of its absolute values, as report 004 prints it. Biases and norms are left out.
    """

    layers: tuple[str, ...]
    norm: Array
    mean_abs: Array


def gradient_flow(model: nn.Module, images: Tensor, labels: Tensor) -> GradientFlow:
    """The gradient of the mean cross-entropy over one batch, in float32 and training mode.

    images: (n, c, h, w), labels: (n,). A copy of the network is used and its random draws are
    fixed, so that weights, BatchNorm buffers, mode and random state stay as they are.
    """
    replica = copied(model).train()
    device = images.device
    with torch.random.fork_rng([device] if device.type == "cuda" else []), torch.enable_grad():
        torch.manual_seed(0)
        order = _order_of_calls(replica)
        replica.zero_grad(set_to_none=True)
        F.cross_entropy(replica(images).float(), labels).backward()  # type: ignore[no-untyped-call]
    gradients = _weight_gradients(replica)
    names = [name for name in order if name in gradients]
    names += [name for name in gradients if name not in names]
    return GradientFlow(
        tuple(names),
        np.array([gradients[name].norm().item() for name in names]),
        np.array([gradients[name].abs().mean().item() for name in names]),
    )


def _weight_gradients(model: nn.Module) -> Mapping[str, Tensor]:
    """The gradient of each matrix or kernel, by the name of its module; zero where none arrived."""
    return {
        name.rpartition(".")[0] or name: torch.zeros_like(p) if p.grad is None else p.grad
        for name, p in model.named_parameters()
        if p.ndim > 1 and p.requires_grad
    }


def _order_of_calls(model: nn.Module) -> list[str]:
    """Filled, as the network runs, with the names of its modules in the order of their calls."""
    order: list[str] = []
    for name, module in model.named_modules():

        def note(*_: object, name: str = name) -> None:
            order.append(name)

        module.register_forward_hook(note)
    return order


def fixed_batch(images: int, most: int = 256) -> npt.NDArray[np.int64]:
    """Rows of a training set that every network is measured on: evenly spaced, so all classes.

    As many as `most`, or fewer for a small set, so that recording stays cheap beside training.
    """
    n = min(images, most, max(32, images // 40))
    return np.linspace(0, images - 1, n).round().astype(np.int64)
