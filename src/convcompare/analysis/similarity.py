"""Gram matrices of activations, from which the similarity of layers is computed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from convcompare.models.inspection import calls_seen, evaluating
from convcompare.store.similarity_record import SimilarityRecord

IMAGES = 256
"""Number of test images on which layers are compared."""
MOST_LAYERS = 24
FEW = (3, 2)
"""Sizes of two small batches that show which outputs have a row per image."""
CONSTANT = 1e-5
"""Variation over the images, relative to the activations' size, below which it is rounding."""


def similarity(model: nn.Module, images: Tensor, rows: npt.NDArray[np.int64]) -> SimilarityRecord:
    """Compute inner products of activations between images, for each layer with weights.

    The network runs in eval mode without gradients; its mode and the images are unchanged
    afterwards. Only the first call of a layer counts. Layers are left out if their output has no
    row per image, is constant over the images, or is not finite. A layer's activations are held
    only during its call.

    Args:
        model: The network.
        images: Normalised images (n, c, h, w).
        rows: Indices (n,) of the images in their split.
    """
    found: dict[str, npt.NDArray[np.float64]] = {}

    def keep(name: str, output: Tensor) -> None:
        if (gram := _gram(output)) is not None:
            found[name] = gram

    _watch(model, images, keep, _evenly(_layers(model, images)))
    n = len(images)
    return SimilarityRecord(rows, tuple(found), np.array(list(found.values())).reshape(-1, n, n))


def _layers(model: nn.Module, images: Tensor) -> list[str]:
    """Return the layers with weights whose output has a row per image, in the order of first calls.

    Two batch sizes are tried: a position table has the same number of rows in both.
    """
    rows: dict[int, list[str]] = {}
    for few in FEW:
        seen = rows.setdefault(few, [])

        def keep(name: str, output: Tensor, few: int = few, seen: list[str] = seen) -> None:
            if len(output) == few:
                seen.append(name)

        named = (name for name, module in model.named_modules() if name and _has_weights(module))
        _watch(
            model, images[:few], keep, [name for name in named if "parametrizations" not in name]
        )
    return [name for name in rows[FEW[0]] if all(name in seen for seen in rows.values())]


def _watch(
    model: nn.Module, images: Tensor, keep: Callable[[str, Tensor], None], names: Sequence[str]
) -> None:
    """Call `keep` with the first output of each layer, or with the first tensor of that output."""
    called: set[str] = set()

    def note(name: str, _: nn.Module, _given: object, _named: object, output: object) -> None:
        first = output[0] if isinstance(output, tuple) and output else output
        if name not in called and isinstance(first, Tensor) and first.ndim > 1:
            called.add(name)
            keep(name, torch.view_as_real(first) if first.is_complex() else first)

    layers = [(name, model.get_submodule(name)) for name in names]
    with evaluating(model), calls_seen(layers, note), torch.no_grad():
        model(images.clone())


def _gram(output: Tensor) -> npt.NDArray[np.float64] | None:
    """Return inner products (n, n) of the centred rows, scaled to at most 1.

    None if they are 0 or not finite.
    """
    flat = output.detach().float().flatten(1)
    size = flat.abs().amax()
    flat = flat - flat.mean(0)
    largest = flat.abs().amax()
    if not torch.isfinite(largest) or largest <= CONSTANT * size:
        return None
    flat = flat / largest  # so that no product overflows
    with torch.autocast(flat.device.type, enabled=False):  # a network may enable it itself
        product = flat @ flat.T
    gram: npt.NDArray[np.float64] = product.cpu().numpy().astype(np.float64)
    gram /= np.abs(gram).max()
    return gram


def _has_weights(module: nn.Module) -> bool:
    """Return whether a module owns a matrix or a kernel, possibly a reparametrised one."""
    return parametrize.is_parametrized(module) or any(
        parameter.ndim > 1 for parameter in module.parameters(recurse=False)
    )


def _evenly(names: list[str]) -> list[str]:
    """Return at most `MOST_LAYERS` names, evenly spaced, with the first and the last."""
    places = np.linspace(0, len(names) - 1, min(len(names), MOST_LAYERS)).round().astype(int)
    return [names[place] for place in places]
