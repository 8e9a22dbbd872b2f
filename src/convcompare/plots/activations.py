"""First-layer activations and first-layer filters of every model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .. import register
from ..drawing import Drawing, panels, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..features import FeatureRecord
    from ..plotting import Source

SHOWN = 8


@register.plot("activations")
def activations(source: Source) -> list[Drawing]:
    """First-layer activations of one test image: the channels that vary most, for every model."""
    records = dict(source.features())
    figure, rows = panels(len(records), SHOWN + 1, 0.95, 1.12)
    data: list[tuple[object, ...]] = []
    for axes, (label, record) in zip(rows, records.items(), strict=True):
        image = source.image(int(record.rows[0]))
        show_image(axes[0], image)
        axes[0].set_title(f"{plain(label)}\n{plain(record.first_layer)}", fontsize=6.5, loc="left")
        _show_channels(axes[1:], record)
        first = record.first[0].astype(np.float32)
        for channel, values in zip(record.channels, first, strict=True):
            data.append((label, record.first_layer, channel, values.mean(), values.max()))
    caption = (
        "The image on the left, then the channels of the first activation that vary most over the "
        "test images; bright is strong, each channel on a scale of its own."
    )
    columns = ("model", "layer", "channel", "mean", "max")
    return [Drawing("activations", figure, caption, columns, data)]


@register.plot("filters")
def filters(source: Source) -> list[Drawing]:
    """Weights of the first convolution of every model that has one."""
    records = {label: record for label, record in source.features() if record.filters.size}
    figure, rows = panels(max(1, len(records)), 2 * SHOWN, 0.6, 0.85)
    data: list[tuple[object, ...]] = []
    for axes, (label, record) in zip(rows, records.items(), strict=False):
        limit = float(np.abs(record.filters).max())
        for place, one in enumerate(axes):
            blank(one)
            if place < len(record.filters):
                _show_filter(one, record.filters[place], limit)
        axes[0].set_title(plain(label), fontsize=7, loc="left")
        for number, kernel in enumerate(record.filters):
            for position, weight in np.ndenumerate(kernel):
                data.append((label, number, *position, float(weight)))
    caption = "The first filters of the first convolution, all of a network on one scale."
    columns = ("model", "filter", "channel", "row", "column", "weight")
    return [Drawing("filters", figure, caption, columns, data)]


def show_image(axes: Axes, image: np.ndarray) -> None:
    """Show a uint8 image (channels, h, w), grey or colour."""
    blank(axes)
    axes.imshow(image.transpose(1, 2, 0) if len(image) == 3 else image[0], cmap="gray")


def blank(axes: Axes) -> None:
    """No ticks, no frame, no grid: the axes hold a picture."""
    axes.set_axis_off()
    axes.grid(False)


def _show_filter(axes: Axes, kernel: np.ndarray, limit: float) -> None:
    if len(kernel) == 3:
        axes.imshow((kernel.transpose(1, 2, 0) / limit + 1) / 2)
    else:
        axes.imshow(kernel.mean(0), cmap="RdBu_r", vmin=-limit, vmax=limit)


def _show_channels(row: Sequence[Axes], record: FeatureRecord) -> None:
    """One channel a panel; units without a place all in the first, as a square."""
    for axes in row:
        blank(axes)
    first = record.first[0].astype(np.float32)
    if first.ndim == 1:
        side = math.ceil(math.sqrt(len(first)))
        square = np.full(side**2, np.nan)
        square[: len(first)] = first
        row[0].imshow(square.reshape(side, side), cmap="magma")
        row[0].set_title(f"{len(first)} units", fontsize=6)
        return
    for axes, channel, values in zip(row, record.channels, first, strict=False):
        axes.imshow(values, cmap="magma")
        axes.set_title(f"channel {channel}", fontsize=6)
