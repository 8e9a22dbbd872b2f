"""Feature maps by stage, and statistics of the activations by layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from convcompare.core.errors import UsageError
from convcompare.core.registry import register
from convcompare.store.layout import FEATURES

from ..end_labels import name_models
from ..figure import WIDTH, Drawing, count_axis, outer_labels, panels, without
from ..limits import PERCENT, arrows_of_curves, of_curves, padded, plain_number
from ..pictures import canvas, picture, show_image, title
from ..style import short
from .activations import ANY_NETWORK, NO_ACTIVATION, no_activation

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from convcompare.store.feature_record import FeatureRecord

    from ..source import Source

MOST_ROWS = 12
"""Maximum number of rows of pictures in a figure, unless there are more models."""
LEAST = 0.1
"""Smallest span of an axis of activations."""
LEAST_SHARE = 2.0
"""Smallest span of an axis of shares in per cent."""
LARGEST = 1.15
"""Maximum size of a picture in inches."""


@register.plot("feature-maps", needs=FEATURES, first_seed=True)
def feature_maps(source: Source) -> list[Drawing]:
    """Mean feature map of each stage for the same test images, for every network that has maps."""
    every = dict(source.features())
    records = {label: record for label, record in every.items() if record.stages}
    if not records:
        raise UsageError("none of these networks has feature maps", ANY_NETWORK)
    shown = max(1, MOST_ROWS // len(records))
    stages = max(len(record.stages) for record in records.values())
    cell = min(LARGEST, WIDTH / (stages + 1))
    heights = [0.36 + cell * min(shown, len(r.rows)) for r in records.values()]
    figure, axes = canvas(WIDTH, sum(heights))
    for number, (label, record) in enumerate(records.items()):
        top = sum(heights[:number])
        title(axes, 0, top, source.looks[label].name)
        _headings(axes, record, top + 0.14, cell)
        for place, row in enumerate(record.rows[:shown]):
            y = top + 0.32 + place * cell
            show_image(axes, source.image(int(row)), (0, y), cell - 0.05)
            for column, maps in enumerate(record.stages.values(), start=1):
                values = maps[place].astype(np.float32)
                picture(axes, values, (column * cell, y), cell - 0.05, cmap="viridis")
    none = without(every, records, "no feature maps")
    caption = (
        "For each size of feature map the last layer of that size, averaged over its channels: "
        "the brighter, the higher the mean activation, each picture on a scale of its own."
    )
    columns = ("model", "image", "layer", "height", "width", "mean", "std")
    alt = f"Mean feature maps of {', '.join(records)} for {shown} test images, as pictures."
    key = "left: test images · then the last layer of each size, mean of its channels, each on "
    key += f"its own scale{none}"
    data = list(_statistics(records))
    return [Drawing("feature-maps", figure, caption, columns, data, alt, key)]


def _headings(axes: Axes, record: FeatureRecord, y: float, cell: float) -> None:
    """Write the layer and the size of the maps above each column of pictures."""
    for column, (name, maps) in enumerate(record.stages.items(), start=1):
        size = f"{maps.shape[1]}×{maps.shape[2]}{'' if maps.any() else ', all 0'}"
        text = f"{short(name, max(5, int(cell * 17) - len(size) - 1))} {size}"
        title(axes, column * cell, y, text, quiet=True)


def _statistics(records: Mapping[str, FeatureRecord]) -> Iterator[tuple[object, ...]]:
    """Yield size, mean and deviation of the maps of all images, also those not shown."""
    for label, record in records.items():
        for place, row in enumerate(record.rows):
            for name, maps in record.stages.items():
                values = maps[place].astype(np.float32)
                with np.errstate(invalid="ignore"):  # infinite activations have no spread
                    spread = values.std()
                yield label, int(row), name, *values.shape, values.mean(), spread


def _limit_to_bulk(
    axes: Axes, curves: Mapping[str, npt.NDArray[np.float64]], source: Source
) -> None:
    """Limit an axis to 0 and the bulk of the models, with arrows for values beyond."""
    with_zero = [np.stack([np.minimum(one, 0), np.maximum(one, 0)], 1) for one in curves.values()]
    shown = of_curves(with_zero, LEAST)
    if shown is None:
        return
    axes.set_ylim(padded(shown, LEAST))
    arrows = (
        (source.looks[label].colour, range(1, len(values) + 1), values)
        for label, values in curves.items()
    )
    arrows_of_curves(axes, arrows, plain_number, nearest=True)


@register.plot("activation-statistics", needs=FEATURES, first_seed=True)
def activation_statistics(source: Source) -> list[Drawing]:
    """Mean, spread and share of dead units of each layer's activations."""
    every = dict(source.features())
    records = {label: record for label, record in every.items() if record.layers}
    if not records:
        raise no_activation()
    none = without(every, records, NO_ACTIVATION)
    figure, axes = panels(3, 3, 2.3)
    figures = (("mean", "mean activation"), ("std", "standard deviation"), ("dead", "dead units"))
    for one, (key, heading) in zip(axes, figures, strict=True):
        is_share = key == "dead"
        scale = 100 if is_share else 1
        curves = {label: scale * getattr(record, key) for label, record in records.items()}
        for label, values in curves.items():
            one.plot(range(1, len(values) + 1), values, **source.looks[label].line())
        if is_share:
            most = max((values.max(initial=0.0) for values in curves.values()), default=0.0)
            one.set_ylim(padded((0.0, float(most)), LEAST_SHARE, PERCENT))
        else:
            _limit_to_bulk(one, curves, source)
        one.set_title(heading)
        count_axis(one.xaxis)
    outer_labels(axes, 3, "activation layer", "activation (no unit)")
    axes[1].set_ylabel("activation (no unit)")
    axes[2].set_ylabel("share of the units (%)")
    ends = [(source.looks[label], 100 * record.dead[-1]) for label, record in records.items()]
    name_models(figure, axes[2:], ends)
    data = [
        (label, i + 1, layer, record.mean[i], record.std[i], record.dead[i])
        for label, record in records.items()
        for i, layer in enumerate(record.layers)
    ]
    caption = (
        "A unit is dead when it is zero or less for every one of the images. An arrow with a "
        "number marks what lies beyond an axis."
    )
    columns = ("model", "depth", "layer", "mean", "std", "dead")
    dead = "; ".join(f"{m} {100 * r.dead.max():.1f} %" for m, r in records.items() if len(r.dead))
    alt = f"Largest share of dead units in a layer: {dead}."
    key = f"layers from the input{none}"
    return [Drawing("activation-statistics", figure, caption, columns, data, alt, key)]
