"""Gradients: by layer, by epoch, and layer against epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from .. import register
from ..drawing import Drawing, count_axis, look, panels, plain
from ..gradients import GradientRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..plotting import Source

SHOWN_MOMENTS = 4


@register.plot("gradients")
def gradients(source: Source) -> list[Drawing]:
    """Norm of the gradient of each layer, by depth, by epoch, and both as a heat map."""
    return draw_gradients(dict(source.gradients()))


def draw_gradients(records: Mapping[str, GradientRecord]) -> list[Drawing]:
    """The three figures for one run a model; the moments are initialisation and epochs."""
    drawings = [_by_layer(records)]
    if any(len(record.norm) > 1 for record in records.values()):
        drawings += [_by_epoch(records), _heat_map(records)]
    return drawings


def _by_layer(records: Mapping[str, GradientRecord]) -> Drawing:
    figure, rows = panels(1, len(records), 3.3, 2.8)
    for axes, (label, record) in zip(rows[0], records.items(), strict=True):
        moments = np.unique(np.linspace(0, len(record.norm) - 1, SHOWN_MOMENTS).round().astype(int))
        depth = np.arange(1, len(record.layers) + 1)
        for place, moment in enumerate(moments):
            shade = 0.35 + 0.65 * place / max(1, len(moments) - 1)
            style = {"color": "#0072B2", "alpha": shade, "linewidth": 1.3}
            axes.semilogy(depth, record.norm[moment], ".-", label=_moment(moment), **style)
        axes.set(title=plain(label), ylabel="gradient norm (L2)")
        count_axis(axes, "layer, from the input")
        axes.legend(fontsize=7)
    _share_limits(rows[0])
    data = [
        (label, i + 1, layer, _moment(m), record.norm[m, i], record.mean_abs[m, i])
        for label, record in records.items()
        for m in range(len(record.norm))
        for i, layer in enumerate(record.layers)
    ]
    caption = "A line that falls towards the input is a gradient that vanishes on its way back."
    columns = ("model", "depth", "layer", "moment", "norm", "mean_abs")
    return Drawing("gradients-by-layer", figure, caption, columns, data)


def _by_epoch(records: Mapping[str, GradientRecord]) -> Drawing:
    figure, rows = panels(1, 2, 3.8, 2.9)
    style = look(list(records))
    for axes, (place, name) in zip(rows[0], ((0, "first"), (-1, "last")), strict=True):
        for label, record in records.items():
            epochs = np.arange(len(record.norm))
            axes.semilogy(epochs, record.norm[:, place], label=plain(label), **style[label])
        axes.set(title=f"{name} layer", ylabel="gradient norm (L2)")
        count_axis(axes, "epoch (0: initialisation)")
    rows[0][1].legend(fontsize=7)
    data = [
        (label, epoch, record.norm[epoch, 0], record.norm[epoch, -1])
        for label, record in records.items()
        for epoch in range(len(record.norm))
    ]
    caption = "The first and the last layer of each network after every epoch."
    columns = ("model", "epoch", "first_layer_norm", "last_layer_norm")
    return Drawing("gradients-by-epoch", figure, caption, columns, data)


def _heat_map(records: Mapping[str, GradientRecord]) -> Drawing:
    figure, rows = panels(1, len(records), 3.3, 2.8)
    every = np.concatenate([record.norm.ravel() for record in records.values()])
    positive = every[np.isfinite(every) & (every > 0)]
    low, high = np.log10([positive.min(), positive.max()]) if len(positive) else (-1.0, 0.0)
    for axes, (label, record) in zip(rows[0], records.items(), strict=True):
        with np.errstate(divide="ignore"):
            values = np.log10(record.norm.T)
        image = axes.imshow(
            values, aspect="auto", origin="lower", cmap="viridis", vmin=low, vmax=high,
            extent=(-0.5, len(record.norm) - 0.5, 0.5, len(record.layers) + 0.5),
        )  # fmt: skip
        axes.set(title=plain(label), ylabel="layer, from the input")
        count_axis(axes, "epoch (0: initialisation)")
        axes.set_yticks(np.unique(np.linspace(1, len(record.layers), 6).round()))
        axes.grid(False)
    figure.colorbar(image, ax=rows[0], label="log₁₀ of the gradient norm")
    data = [
        (label, epoch, i + 1, record.norm[epoch, i])
        for label, record in records.items()
        for epoch in range(len(record.norm))
        for i in range(len(record.layers))
    ]
    caption = "Layer against epoch: dark rows at the bottom are layers that hardly learn."
    columns = ("model", "epoch", "depth", "norm")
    return Drawing("gradients-heat-map", figure, caption, columns, data)


def _moment(moment: int) -> str:
    return "initialisation" if moment == 0 else f"epoch {moment}"


def _share_limits(row: Sequence[Axes]) -> None:
    """The same vertical range in every panel, so that networks can be compared."""
    limits = [axes.get_ylim() for axes in row]
    for axes in row:
        axes.set_ylim(min(low for low, _ in limits), max(high for _, high in limits))
