"""The effective receptive field: how much each pixel of a unit's field influences its output.

Measured by the gradient of the central unit with respect to the image, over many images (Luo et al.
2016, arXiv:1701.04128).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from convcompare.core.errors import UsageError, did_you_mean, quote
from convcompare.core.failures import reason
from convcompare.models.devices import to_float64_device
from convcompare.models.inspection import evaluating

from .traced import ReceptiveField
from .tracer import LayerField

Measure = Literal["squared", "absolute"]
MASS = 0.9545
"""Share of the gradient that counts as seen: two standard deviations, as in the paper."""
_RADIUS = math.sqrt(-2 * math.log(1 - MASS))
"""Radius, in standard deviations, of the circle that holds `MASS` of a 2-D Gaussian."""


@dataclass(frozen=True)
class EffectiveField:
    """Influence of each pixel on the central unit of a layer, averaged over images.

    ``gradient`` (h, w) is the mean squared or absolute gradient per pixel, summed over the channels
    and normalised to sum 1. ``mass_size`` is the side in pixels of the square with the area of the
    fewest pixels that hold 95.45 % of it. ``gaussian_size`` is the side of the square with the area
    of the ellipse that holds 95.45 % of the Gaussian with the same second moments. ``rows`` and
    ``columns`` are the theoretical field, clipped to the image if ``cut``. If a gate or attention
    over the whole image precedes (``gated``), they are the field of the path without it.
    """

    layer: str
    unit: tuple[int, int]
    gradient: npt.NDArray[np.float64]
    measure: Measure
    images: int
    mass_size: float
    gaussian_size: float
    rows: tuple[int, int]
    columns: tuple[int, int]
    cut: bool
    gated: bool

    @property
    def theoretical_size(self) -> float:
        """Side of the square with the area of the theoretical field within the image."""
        height, width = (b - a + 1 for a, b in (self.rows, self.columns))
        return math.sqrt(height * width)

    @property
    def share(self) -> float:
        """Size by mass as a share of the theoretical side."""
        return self.mass_size / self.theoretical_size


def pick_layer(found: ReceptiveField, name: str | None, network: str = "the network") -> LayerField:
    """Return the module called `name`, by default the source of the features before global pooling.

    Raises:
        UsageError: If no layer has feature maps with a known field, or none has that name.
    """
    places = {n: m for n, m in found.modules.items() if n and None not in m.axes}
    if not places:
        raise UsageError(
            f"no layer of {network} has feature maps whose field is known",
            found.not_known or "an effective field needs them, such as those of a convolution",
        )
    if name is not None:
        if name not in places:
            near = did_you_mean(name, places) or f"layers: {', '.join(list(places)[:6])}, …"
            raise UsageError(f"there is no layer {quote(name)} with feature maps", near)
        return places[name]
    pools = {layer.name for layer in found.layers if layer.kind == "adaptive pool"}
    wanted = found.features.axes if found.features else None
    same = [m for n, m in places.items() if m.axes == wanted and n not in pools]
    return (same or list(places.values()))[-1]


def effective_field(
    model: nn.Module, images: Tensor, layer: LayerField, measure: Measure = "squared"
) -> EffectiveField:
    """Compute the effective field of a layer's central unit in eval mode.

    The output of the unit is the sum over its channels.

    Args:
        model: The network; its mode is unchanged afterwards.
        images: Normalised float images (n, c, h, w).
        layer: The layer, as found by tracing or measuring.
        measure: Square or magnitude of the gradient.

    Raises:
        UsageError: If no gradient reaches the image, or if it is zero or not finite.
    """
    total = torch.zeros(images.shape[2:], dtype=torch.float64)
    unit = (layer.units[0] // 2, layer.units[1] // 2)
    for first in range(0, len(images), 16):
        batch = images[first : first + 16]
        gradient = to_float64_device(_gradient(model, batch, layer.name, unit)).double()
        power = gradient.square() if measure == "squared" else gradient.abs()
        total += power.sum((0, 1)).cpu()
    if not total.isfinite().all() or not total.sum() > 0:
        raise UsageError(
            f"the gradient of {quote(layer.name)} is zero or not finite on all images",
            "another layer, another seed, or a network that has not diverged",
        )
    density = (total / total.sum()).numpy()
    spans, cut = [], False
    for axis, place, pixels in zip(layer.axes, unit, density.shape, strict=True):
        assert axis is not None
        first, last = axis.span(place)
        cut = cut or first < 0 or last >= pixels
        spans.append((max(first, 0), min(last, pixels - 1)))
    return EffectiveField(
        layer.name, unit, density, measure, len(images), mass_size(density),
        gaussian_size(density), spans[0], spans[1], cut, any(layer.whole),
    )  # fmt: skip


def mass_size(density: npt.NDArray[np.float64]) -> float:
    """Return √n for the n largest pixels that hold 95.45 % of `density` (h, w)."""
    order = np.sort(density, axis=None)[::-1]
    reached = np.cumsum(order) / order.sum()
    return math.sqrt(int(np.searchsorted(reached, MASS)) + 1)


def gaussian_size(density: npt.NDArray[np.float64]) -> float:
    """Return the side of the square with the area of the Gaussian's 95.45 % ellipse (4.41 σ)."""
    weights = density / density.sum()
    rows, columns = np.indices(density.shape)
    places = np.stack([rows.ravel(), columns.ravel()])
    covariance = np.cov(places, aweights=weights.ravel(), ddof=0)
    # A pixel is a unit square, with a variance of 1/12 along each side.
    area = math.pi * _RADIUS**2 * math.sqrt(np.linalg.det(covariance + np.eye(2) / 12))
    return math.sqrt(area)


def _gradient(model: nn.Module, images: Tensor, name: str, unit: tuple[int, int]) -> Tensor:
    caught: list[Tensor] = []

    def keep(_: nn.Module, __: Any, output: Tensor) -> None:
        caught.append(output[..., unit[0], unit[1]].sum())

    hook = model.get_submodule(name).register_forward_hook(keep)
    x = images.detach().requires_grad_()
    try:
        with evaluating(model), torch.enable_grad(), torch.random.fork_rng([]):
            model(x.clone())
            try:
                (gradient,) = torch.autograd.grad(caught[-1], x)
            except RuntimeError as error:  # such as after a reentrant checkpoint
                raise UsageError(
                    f"no gradient leads from {quote(name)} to the image: {reason(error)}",
                    "another layer",
                ) from error
    finally:
        hook.remove()
    return gradient
