"""First-layer activations and first-layer filters of every network."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from convcompare.core.errors import UsageError
from convcompare.core.registry import register
from convcompare.store.layout import FEATURES

from ..figure import WIDTH, Drawing, without
from ..pictures import canvas, picture, show_image, title
from ..style import short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from convcompare.store.feature_record import FeatureRecord

    from ..source import Source

SHOWN = 8
"""Number of channels per model."""
FILTERS = 16
ANY_NETWORK = "`convcompare plot gradients` draws any network with weights"
NO_ACTIVATION = "no activation that is a module"


@register.plot("activations", needs=FEATURES, first_seed=True)
def activations(source: Source) -> list[Drawing]:
    """First-layer activations of one test image: the channels that vary most, for every network."""
    every = dict(source.features())
    records = {label: record for label, record in every.items() if len(record.first)}
    if not records:
        raise no_activation()
    none = without(every, records, NO_ACTIVATION)
    cell = WIDTH / (SHOWN + 1)
    height = cell + 0.26
    figure, axes = canvas(WIDTH, height * len(records))
    data: list[tuple[object, ...]] = []
    for row, (label, record) in enumerate(records.items()):
        top = row * height
        name = source.looks[label].name
        zero = "" if record.first[0].any() else " · 0 everywhere"
        title(axes, 0, top, f"{name} · {short(record.first_layer)}{zero}")
        show_image(axes, source.image(int(record.rows[0])), (0, top + 0.2), cell - 0.05)
        _show_channels(axes, record, (cell, top + 0.2), cell)
        first = record.first[0].astype(np.float32)
        for channel, values in zip(record.channels, first, strict=True):
            data.append((label, record.first_layer, channel, values.mean(), values.max()))
    caption = (
        "The image on the left, then the channels of the first activation that vary most over the "
        "test images; bright is strong, each channel on a scale of its own."
    )
    columns = ("model", "layer", "channel", "mean", "max")
    alt = f"First activations of {', '.join(records)} for one test image, as grey-level pictures."
    key = "left: test image · then channels of the first activation, each on its own scale"
    key += none
    return [Drawing("activations", figure, caption, columns, data, alt, key)]


@register.plot("filters", needs=FEATURES, first_seed=True)
def filters(source: Source) -> list[Drawing]:
    """Weights of the first convolution of every network that has one."""
    every = dict(source.features())
    records = {label: record for label, record in every.items() if record.filters.size}
    if not records:
        raise UsageError("none of these networks has a convolution", ANY_NETWORK)
    cell = WIDTH / FILTERS
    height = cell + 0.26
    figure, axes = canvas(WIDTH, height * len(records))
    data: list[tuple[object, ...]] = []
    for row, (label, record) in enumerate(records.items()):
        limit = float(np.abs(record.filters).max()) or 1.0
        title(axes, 0, row * height, source.looks[label].name)
        for place, kernel in enumerate(record.filters[:FILTERS]):
            _show_filter(axes, kernel, limit, (place * cell, row * height + 0.2), cell - 0.05)
        for number, kernel in enumerate(record.filters):
            for position, weight in np.ndenumerate(kernel):
                data.append((label, number, *position, float(weight)))
    none = without(every, records, "no convolution")
    caption = (
        "The first filters of the first convolution, those of a network on one scale: red is "
        "positive and blue negative, or their three channels as colours. Of filters with another "
        "number of channels it is their mean."
    )
    columns = ("model", "filter", "channel", "row", "column", "weight")
    alt = f"Filters of the first convolution of {', '.join(records)}, as small pictures."
    colours = {_colours(record.filters.shape[1]) for record in records.values()}
    key = "filters of the first convolution, each network on its own scale"
    key += f" · {' · '.join(sorted(colours))}{none}"
    return [Drawing("filters", figure, caption, columns, data, alt, key)]


def _colours(channels: int) -> str:
    """Describe the colours of filters with `channels` channels."""
    if channels == 3:
        return "red, green, blue: weights of the three channels"
    mean = "" if channels == 1 else f" (mean of {channels} channels)"
    return f"red: positive, blue: negative, white: 0{mean}"


def no_activation() -> UsageError:
    """Return the error if no network has a recorded activation, as with functional calls."""
    return UsageError(
        f"these networks have {NO_ACTIVATION}",
        "`nn.ReLU()` in place of `F.relu(x)` or `x.relu()`: a function that `forward` calls leaves "
        "no record",
    )


def _show_filter(
    axes: Axes, kernel: np.ndarray, limit: float, place: tuple[float, float], side: float
) -> None:
    if len(kernel) == 3:
        picture(axes, (kernel.transpose(1, 2, 0) / limit + 1) / 2, place, side)
    else:
        picture(axes, kernel.mean(0), place, side, cmap="RdBu_r", vmin=-limit, vmax=limit)


def _show_channels(
    axes: Axes, record: FeatureRecord, place: tuple[float, float], cell: float
) -> None:
    """Draw a picture per channel; units without a position are one square."""
    first = record.first[0].astype(np.float32)
    x, y = place
    if first.ndim == 1:
        side = math.ceil(math.sqrt(len(first)))
        square = np.full(side**2, np.nan)
        square[: len(first)] = first
        picture(axes, square.reshape(side, side), place, cell - 0.05, cmap="magma")
        title(
            axes,
            x + cell,
            y,
            f"the {len(first)} units that vary most; they have no position in the image",
            quiet=True,
        )
        return
    for i, values in enumerate(first[:SHOWN]):
        picture(axes, values, (x + i * cell, y), cell - 0.05, cmap="magma")
