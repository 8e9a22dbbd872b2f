"""Gradients: by layer, by epoch, and layer against epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from convcompare.core.registry import register
from convcompare.store.gradient_record import GRADIENTS, GradientRecord

from ..end_labels import name_models
from ..figure import GREY, Drawing, count_axis, log_axis, outer_labels, panels
from ..limits import arrows_of_curves, bulk, padded, plain_number
from ..style import ModelStyle

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..source import Source

DECADES = 2.0
"""Difference in powers of ten below which two gradients count as close."""
NOTHING = "0 in every layer"
ZERO = "#bbbbbb"
SHOWN_MOMENTS = 4
ACROSS = 3
Records = Mapping[str, GradientRecord]
Looks = Mapping[str, ModelStyle]


@register.plot("gradients", needs=GRADIENTS, first_seed=True)
def gradients(source: Source) -> list[Drawing]:
    """Norm of the gradient of each layer, by depth, by epoch, and both as a heat map."""
    return draw_gradients(dict(source.gradients()), source.looks)


def draw_gradients(records: Records, looks: Looks) -> list[Drawing]:
    """Draw the three figures for one run per model; moments are initialisation and epochs."""
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
            style: dict[str, Any] = {"color": look.colour, "alpha": shade, "markersize": 3}
            one.plot(depth, _positive(record.norm[moment]), ".-", label=_moment(moment),
                     linewidth=1.2, **style)  # fmt: skip
        one.set_xlim(0.8, len(depth) + 0.2)
        one.set_title(look.name)
        count_axis(one.xaxis)
    outer_labels(axes, ACROSS, "layer, from the input", "gradient norm (L2)")
    _limit(axes, [record.norm.ravel() for record in records.values()])
    for one, (label, record) in zip(axes, records.items(), strict=True):
        look, depth = looks[label], np.arange(1, len(record.layers) + 1)
        if not record.norm.any():
            one.text(0.5, 0.5, NOTHING, transform=one.transAxes, ha="center", fontsize=7)
        _zeros(one, depth, record.norm.min(axis=0), look)
        _arrows(one, depth, record.norm.T, look)
    _moments_below(figure, {len(record.norm) for record in records.values()})
    data = [
        (label, i + 1, layer, _moment(m), record.norm[m, i], record.mean_abs[m, i])
        for label, record in records.items()
        for m in range(len(record.norm))
        for i, layer in enumerate(record.layers)
    ]
    caption = "A line that falls towards the input is a gradient that vanishes on its way back."
    caption += _caption(records)
    caption += "".join(f" {label}: {one}." for label, r in records.items() for one in r.remarks())
    columns = ("model", "depth", "layer", "moment", "norm", "mean_abs")
    key = "gradient of the loss by the weights of each layer, on one fixed batch"
    key += _key(records)
    return Drawing("gradients-by-layer", figure, caption, columns, data, _alt(records), key)


def _by_epoch(records: Records, looks: Looks) -> Drawing:
    figure, axes = panels(2, 2, 2.4, sharey=True)
    for one, (place, name) in zip(axes, ((0, "first"), (-1, "last")), strict=True):
        for label, record in records.items():
            one.plot(
                range(len(record.norm)), _positive(record.norm[:, place]), **looks[label].line()
            )
        one.set_title(f"{name} layer")
        count_axis(one.xaxis)
    outer_labels(axes, 2, "epoch (0: initialisation)", "gradient norm (L2)")
    ends = [(label, r.norm[:, [0, -1]].T) for label, r in records.items()]
    _limit(axes, [values.ravel() for _, values in ends])
    for place, one in enumerate(axes):
        for label, values in ends:
            moments = np.arange(values.shape[1])
            _zeros(one, moments, values[place], looks[label])
            _arrows(one, moments, values[place], looks[label])
    lasts = [max(float(record.norm[-1, -1]), axes[1].get_ylim()[0]) for record in records.values()]
    name_models(figure, axes[1:], [(looks[m], y) for m, y in zip(records, lasts, strict=True)])
    data = [
        (label, epoch, record.norm[epoch, 0], record.norm[epoch, -1])
        for label, record in records.items()
        for epoch in range(len(record.norm))
    ]
    caption = "The first and the last layer of each network after every epoch." + _caption(records)
    columns = ("model", "epoch", "first_layer_norm", "last_layer_norm")
    key = "gradient of the loss on one fixed batch" + _key(records)
    return Drawing("gradients-by-epoch", figure, caption, columns, data, _alt(records), key)


def _heat_map(records: Records, looks: Looks) -> Drawing:
    from matplotlib import colormaps

    figure, axes = panels(len(records), ACROSS, 1.9, _width(records))
    every = np.concatenate([record.norm.ravel() for record in records.values()])
    low, high = _shown([record.norm.ravel() for record in records.values()]) or (-1.0, 0.0)
    colours = colormaps["viridis"].with_extremes(bad=ZERO)
    for one, (label, record) in zip(axes, records.items(), strict=True):
        with np.errstate(divide="ignore"):
            values = np.log10(record.norm.T)
        image = one.imshow(
            np.ma.masked_invalid(np.where(np.isposinf(values), high, values)),
            aspect="auto", origin="lower", cmap=colours, vmin=low, vmax=high,
            extent=(-0.5, len(record.norm) - 0.5, 0.5, len(record.layers) + 0.5),
        )  # fmt: skip
        if not record.norm.any():
            one.text(0.5, 0.5, NOTHING, transform=one.transAxes, ha="center", fontsize=7)
        one.set_title(looks[label].name)
        count_axis(one.xaxis)
        count_axis(one.yaxis)
        one.grid(False)
    outer_labels(axes, ACROSS, "epoch (0: initialisation)", "layer, from the input")
    outside = {(bool((every > 10**high).any()), bool(((every > 0) & (every < 10**low)).any()))}
    extend = {(True, True): "both", (True, False): "max", (False, True): "min"}
    figure.colorbar(image, ax=axes, label="log₁₀ of the gradient norm", aspect=30,
                    extend=extend.get(outside.pop(), "neither"))  # fmt: skip
    data = [
        (label, epoch, i + 1, record.norm[epoch, i])
        for label, record in records.items()
        for epoch in range(len(record.norm))
        for i in range(len(record.layers))
    ]
    caption = "Layer against epoch: dark rows at the bottom are layers that hardly learn."
    caption += " Grey is a gradient of exactly 0." if _zero(records) else ""
    columns = ("model", "epoch", "depth", "norm")
    key = "gradient of the loss on one fixed batch"
    key += " · grey: exactly 0" if _zero(records) else ""
    return Drawing("gradients-heat-map", figure, caption, columns, data, _alt(records), key)


def _shown(norms: Sequence[npt.NDArray[np.float64]]) -> tuple[float, float] | None:
    """Return log₁₀ of the ends of an axis for the bulk of the networks."""
    logs = [np.log10(one[np.isfinite(one) & (one > 0)]) for one in norms]
    return bulk([(one.min(), one.max()) for one in logs if len(one)], DECADES)


def _limit(axes: Sequence[Axes], norms: Sequence[npt.NDArray[np.float64]]) -> None:
    low, high = padded(_shown(norms) or (-1.0, 0.0), 0.3)
    axes[0].set_yscale("log")
    axes[0].set_ylim(10**low, 10**high)
    log_axis(axes[0].yaxis, lambda value: f"{value:g}")


def _zeros(
    axes: Axes, x: npt.NDArray[np.int64], norm: npt.NDArray[np.float64], look: ModelStyle
) -> None:
    """Mark gradients of exactly 0, which have no logarithm, at the bottom of the axis."""
    places = x[norm == 0]
    if not len(places):  # the extent of an empty line is a corner of the figure
        return
    axes.plot(places, [0] * len(places), "v", color=look.colour, markerfacecolor="white",
              transform=axes.get_xaxis_transform(), clip_on=False, markersize=5)  # fmt: skip


def _arrows(
    axes: Axes, x: npt.NDArray[np.int64], norm: npt.NDArray[np.float64], look: ModelStyle
) -> None:
    arrows_of_curves(axes, [(look.colour, x.tolist(), _positive(norm))], plain_number)


def _positive(norm: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the values with NaN for 0, which a logarithmic axis cannot show."""
    return np.where(norm == 0, np.nan, norm)


def _zero(records: Records) -> bool:
    return any((record.norm == 0).any() for record in records.values())


def _caption(records: Records) -> str:
    zero = [label for label, record in records.items() if not record.norm.any()]
    text = " An arrow with a number marks what lies beyond the axis."
    if _zero(records):
        text += " A hollow triangle at the foot is a gradient of exactly 0."
    return text + (f" Of {', '.join(zero)} it is 0 in every layer." if zero else "")


def _key(records: Records) -> str:
    return " · hollow triangle: exactly 0" if _zero(records) else ""


def _moments_below(figure: Figure, lengths: Set[int]) -> None:
    """Add a legend of the shades of the moments, for all panels at once."""
    from matplotlib.lines import Line2D

    shown, moments = [(0.25, "initialisation")], max(lengths)
    if moments > 1:
        last = f"epoch {moments - 1}" if len(lengths) == 1 else "the last epoch of each"
        shown += [(0.6, "in between"), (1.0, last)][-min(2, moments - 1) :]
    handles = [Line2D([], [], color=GREY, alpha=a, label=text) for a, text in shown]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))


def _width(records: Records) -> float:
    return 4.2 if len(records) == 1 else 7.0


def _moment(moment: int) -> str:
    return "initialisation" if moment == 0 else f"epoch {moment}"


def _alt(records: Records) -> str:
    """Describe the first and last layer of every model at the end."""
    ends = "; ".join(
        f"{label} {record.norm[-1, 0]:.1e} and {record.norm[-1, -1]:.1e} ({record.verdict()})"
        for label, record in records.items()
    )
    return f"Gradient norm of the first and of the last layer at the end: {ends}."
