"""Feature maps by stage, and statistics of the activations by layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .. import register
from ..drawing import Drawing, count_axis, look, panels, plain
from .activations import blank, show_image

if TYPE_CHECKING:
    from ..plotting import Source


@register.plot("feature-maps")
def feature_maps(source: Source) -> list[Drawing]:
    """Mean feature map of each stage for the same test images, for every model that has maps."""
    records = {label: record for label, record in source.features() if record.stages}
    images = max((len(record.rows) for record in records.values()), default=1)
    stages = max((len(record.stages) for record in records.values()), default=1)
    figure, rows = panels(max(1, len(records) * images), stages + 1, 1.15, 1.2)
    data: list[tuple[object, ...]] = []
    for number, (label, record) in enumerate(records.items()):
        for place, row in enumerate(record.rows):
            axes = rows[number * images + place]
            show_image(axes[0], source.image(int(row)))
            if place == 0:
                axes[0].set_title(plain(label), fontsize=8, loc="left")
            for one in axes[1:]:
                blank(one)
            for one, (name, maps) in zip(axes[1:], record.stages.items(), strict=False):
                values = maps[place].astype(np.float32)
                one.imshow(values, cmap="viridis")
                if place == 0:
                    one.set_title(f"{plain(name)} {values.shape[0]}×{values.shape[1]}", fontsize=6)
                data.append((label, int(row), name, *values.shape, values.mean(), values.std()))
    caption = (
        "For each size of feature map the last layer of that size, averaged over its channels: "
        "what is bright is where the network looks."
    )
    columns = ("model", "image", "layer", "height", "width", "mean", "std")
    return [Drawing("feature-maps", figure, caption, columns, data)]


@register.plot("activation-statistics")
def activation_statistics(source: Source) -> list[Drawing]:
    """Mean, spread and share of dead units of each layer's activations."""
    records = dict(source.features())
    figure, rows = panels(1, 3, 2.9, 2.6)
    style = look(list(records))
    figures = (("mean", "mean activation"), ("std", "standard deviation"), ("dead", "dead units"))
    for axes, (key, title) in zip(rows[0], figures, strict=True):
        for label, record in records.items():
            values = getattr(record, key)
            axes.plot(range(1, len(values) + 1), values, label=plain(label), **style[label])
        axes.set_title(title)
        count_axis(axes, "activation layer, from the input")
    rows[0][2].set_ylabel("share of the units")
    rows[0][0].legend(fontsize=7)
    data = [
        (label, i + 1, layer, record.mean[i], record.std[i], record.dead[i])
        for label, record in records.items()
        for i, layer in enumerate(record.layers)
    ]
    caption = "A unit is dead when it is zero or less for every one of the images."
    columns = ("model", "depth", "layer", "mean", "std", "dead")
    return [Drawing("activation-statistics", figure, caption, columns, data)]
