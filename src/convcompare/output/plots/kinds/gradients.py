"""Gradients: by layer, by epoch, and layer against epoch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from convcompare.core.registry import register
from convcompare.store.gradient_record import GRADIENTS, GradientRecord

from ..figure import Drawing, count_axis, legend_below, log_axis, outer_labels, panels
from ..style import ModelStyle

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..source import Source

SHOWN_MOMENTS = 4
ACROSS = 3
Records = Mapping[str, GradientRecord]
Looks = Mapping[str, ModelStyle]


@register.plot("gradients", needs=GRADIENTS)
def gradients(source: Source) -> list[Drawing]:
    """Norm of the gradient of each layer, by depth, by epoch, and both as a heat map."""
    return draw_gradients(dict(source.gradients()), source.looks)


def draw_gradients(records: Records, looks: Looks) -> list[Drawing]:
    """The three figures for one run a model; the moments are initialisation and epochs."""
    drawings = [_by_layer(records, looks)]
    if any(len(record.norm) > 1 for record in records.values()):
        drawings += [_by_epoch(records, looks), _heat_map(records, looks)]
    return drawings


def _by_layer(records: Records, looks: Looks) -> Drawing:
    figure, axes = panels(len(records), ACROSS, 1.9, _width(records), sharey=True)
    for one, (label, record) in zip(axes, records.items(), strict=True):
        look, depth = looks[label], np.arange(1, len(record.layers) + 1)
        every = np.linspace(0, len(record.norm) - 1, SHOWN_MOMENTS)
        for place, moment in enumerate(np.unique(every.round().astype(int))):
            shade = 0.25 + 0.75 * place / max(1, min(len(record.norm), SHOWN_MOMENTS) - 1)
            style = {"color": look.colour, "alpha": shade, "linewidth": 1.2, "markersize": 3}
            one.semilogy(depth, record.norm[moment], ".-", label=_moment(moment), **style)
        one.set_title(look.name)
        count_axis(one)
    outer_labels(axes, ACROSS, "layer, from the input", "gradient norm (L2)")
    log_axis(axes[0].yaxis, lambda value: f"{value:g}")
    _moments_below(figure, max(len(record.norm) for record in records.values()))
    data = [
        (label, i + 1, layer, _moment(m), record.norm[m, i], record.mean_abs[m, i])
        for label, record in records.items()
        for m in range(len(record.norm))
        for i, layer in enumerate(record.layers)
    ]
    caption = "A line that falls towards the input is a gradient that vanishes on its way back."
    caption += "".join(f" {label}: {one}." for label, r in records.items() for one in r.remarks(0))
    columns = ("model", "depth", "layer", "moment", "norm", "mean_abs")
    key = "gradient of the loss by the weights of each layer, on one fixed batch, first seed"
    return Drawing("gradients-by-layer", figure, caption, columns, data, _alt(records), key)


def _by_epoch(records: Records, looks: Looks) -> Drawing:
    figure, axes = panels(2, 2, 2.4, sharey=True)
    for one, (place, name) in zip(axes, ((0, "first"), (-1, "last")), strict=True):
        for label, record in records.items():
            one.semilogy(range(len(record.norm)), record.norm[:, place], **looks[label].line())
        one.set_title(f"{name} layer")
        count_axis(one)
    outer_labels(axes, 2, "epoch (0: initialisation)", "gradient norm (L2)")
    log_axis(axes[0].yaxis, lambda value: f"{value:g}")
    legend_below(figure, [looks[label] for label in records])
    data = [
        (label, epoch, record.norm[epoch, 0], record.norm[epoch, -1])
        for label, record in records.items()
        for epoch in range(len(record.norm))
    ]
    caption = "The first and the last layer of each network after every epoch."
    columns = ("model", "epoch", "first_layer_norm", "last_layer_norm")
    key = "gradient of the loss on one fixed batch, first seed"
    return Drawing("gradients-by-epoch", figure, caption, columns, data, _alt(records), key)


def _heat_map(records: Records, looks: Looks) -> Drawing:
    figure, axes = panels(len(records), ACROSS, 1.9, _width(records))
    every = np.concatenate([record.norm.ravel() for record in records.values()])
    positive = every[np.isfinite(every) & (every > 0)]
    low, high = np.log10([positive.min(), positive.max()]) if len(positive) else (-1.0, 0.0)
    for one, (label, record) in zip(axes, records.items(), strict=True):
        with np.errstate(divide="ignore"):
            values = np.log10(record.norm.T)
        image = one.imshow(
            values, aspect="auto", origin="lower", cmap="viridis", vmin=low, vmax=high,
            extent=(-0.5, len(record.norm) - 0.5, 0.5, len(record.layers) + 0.5),
        )  # fmt: skip
        one.set_title(looks[label].name)
        count_axis(one)
        one.set_yticks(np.unique(np.linspace(1, len(record.layers), 6).round()))
        one.grid(False)
    outer_labels(axes, ACROSS, "epoch (0: initialisation)", "layer, from the input")
    figure.colorbar(image, ax=axes, label="log₁₀ of the gradient norm", aspect=30)
    data = [
        (label, epoch, i + 1, record.norm[epoch, i])
        for label, record in records.items()
        for epoch in range(len(record.norm))
        for i in range(len(record.layers))
    ]
    caption = "Layer against epoch: dark rows at the bottom are layers that hardly learn."
    columns = ("model", "epoch", "depth", "norm")
    key = "gradient of the loss on one fixed batch, first seed"
    return Drawing("gradients-heat-map", figure, caption, columns, data, _alt(records), key)


def _moments_below(figure: Figure, moments: int) -> None:
    """Which shade is which moment, for all panels at once."""
    from matplotlib.lines import Line2D

    shown = [(0.25, "initialisation")]
    if moments > 1:
        shown += [(0.6, "in between"), (1.0, f"epoch {moments - 1}")][-min(2, moments - 1) :]
    handles = [Line2D([], [], color="#444444", alpha=a, label=text) for a, text in shown]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))


def _width(records: Records) -> float:
    return 4.2 if len(records) == 1 else 7.0


def _moment(moment: int) -> str:
    return "initialisation" if moment == 0 else f"epoch {moment}"


def _alt(records: Records) -> str:
    """First and last layer of every model at the end, in words."""
    ends = "; ".join(
        f"{label} {record.norm[-1, 0]:.1e} and {record.norm[-1, -1]:.1e} ({record.verdict()})"
        for label, record in records.items()
    )
    return f"Gradient norm of the first and of the last layer at the end: {ends}."
