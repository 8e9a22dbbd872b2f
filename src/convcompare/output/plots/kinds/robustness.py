"""Accuracy on damaged images by severity, and the images themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from convcompare.comparison.robustness import MeasuredModel, Robustness, over_kinds
from convcompare.core.corruptions import Corruption
from convcompare.core.registry import register
from convcompare.data.damaged import CHUNK, damaged

from ..end_labels import name_models
from ..figure import WIDTH, Drawing, outer_labels, panels, without
from ..limits import PERCENT, padded
from ..pictures import canvas, show_image, title
from ..style import BAND_KEY, draw_band

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..source import Source

ACROSS = 3
LEAST = 2.0
"""Smallest span of an axis in percentage points."""
SHOWN = 2
"""Number of test images shown with every damage."""
LEFT, TOP = 0.95, 0.2
"""Inches for the names of the kinds of damage, and for the severities."""
GAP = 0.05
"""Inches between two pictures."""
COLUMNS = ("model", "seed", "corruption", "severity", "level", "unit", "accuracy", "consistency")


@register.plot("robustness")
def robustness(source: Source) -> list[Drawing]:
    """Accuracy under each kind of damage by severity, and the damaged images."""
    found = Robustness(source.comparison, source.store)
    return [_curves(found, source), _pictures(found, source)]


def _curves(found: Robustness, source: Source) -> Drawing:
    figure, axes = panels(len(found.kinds), ACROSS, 1.75, sharey=True)
    bands = []
    for one, kind in zip(axes, found.kinds, strict=True):
        for model in found.models:
            bands.append(_curve(one, model, kind, source))
        one.set_title(kind.name)
        one.set_xticks((0, *kind.severities), ("–", *(f"{level:g}" for level in kind.levels)))
        one.set_xlim(-0.2, max(len(k.levels) for k in found.kinds) + 0.2)
    ends = np.concatenate(bands)
    axes[0].set_ylim(padded((ends.min(), ends.max()), LEAST, PERCENT))
    outer_labels(axes, ACROSS, "", "test accuracy (%)")
    for one, kind in zip(axes, found.kinds, strict=True):
        one.set_xlabel(kind.unit, fontsize=7)
    ends_of = [(source.look(m.group, "accuracy"), bands[-1][-1].mean()) for m in found.models]
    name_models(figure, axes[-1:], ends_of)
    none = without(
        (g.label for g in source.groups), [m.label for m in found.models], "not measured"
    )
    caption = (
        f"Accuracy on {found.images_words}, as they are (–) and under each kind of damage, at the "
        "severities of its axis; the same images for every network. The band reaches from the "
        "lowest to the highest seed."
    )
    key = f"{BAND_KEY} · –: undamaged{none}"
    rows = [[row[name] for name in COLUMNS] for row in found.rows()]
    return Drawing("robustness", figure, caption, COLUMNS, rows, _alt(found), key)


def _curve(axes: Axes, model: MeasuredModel, kind: Corruption, source: Source) -> np.ndarray:
    """Draw the curve of a model; return the ends of its band in percent, (severities + 1, 2)."""
    by_run = np.column_stack([model.undamaged, model.accuracies(kind.name)])
    at, shares = range(by_run.shape[1]), 100 * by_run
    look = source.look(model.group, "accuracy")
    axes.plot(at, shares.mean(0), **look.line())
    low, high = shares.min(0), shares.max(0)
    draw_band(axes, look, at, low, high)
    return np.stack([low, high], axis=1)


def _alt(found: Robustness) -> str:
    """Describe the means over the kinds of damage."""
    parts = []
    for model in found.models:
        shares = {kind.name: model.accuracies(kind.name) for kind in found.kinds}
        before, after = 100 * model.undamaged.mean(), 100 * over_kinds(shares).mean()
        parts.append(f"{model.label} {before:.1f} % undamaged, {after:.1f} % damaged")
    return f"Test accuracy, mean over the kinds of damage and the seeds: {'; '.join(parts)}."


def _pictures(found: Robustness, source: Source) -> Drawing:
    """Draw a few images of the first chunk, damaged in the same way as in the measurement."""
    most = max(len(kind.levels) for kind in found.kinds)
    rows = found.models[0].records[0].rows[:CHUNK]
    part = np.stack([source.image(int(row)) for row in rows])
    places = [len(rows) * (2 * i + 1) // (2 * SHOWN) for i in range(SHOWN)]
    cell = (WIDTH - LEFT - SHOWN * 3 * GAP) / (SHOWN * (most + 1))
    lefts = [LEFT + i * ((most + 1) * cell + 3 * GAP) for i in range(SHOWN)]
    figure, axes = canvas(WIDTH, TOP + len(found.kinds) * cell)
    for place, left in zip(places, lefts, strict=True):
        title(axes, left, 0, f"test image {rows[place]}", quiet=True)
    for number, kind in enumerate(found.kinds):
        top = TOP + number * cell
        title(axes, 0, top + 0.04, kind.name)
        title(axes, 0, top + 0.17, f"{kind.levels[0]:g} to {kind.levels[-1]:g}", quiet=True)
        for severity in (0, *kind.severities):
            seen = damaged(part, kind, severity)[places]
            for image, left in zip(seen, lefts, strict=True):
                show_image(axes, image, (left + severity * cell, top), cell - GAP)
    what = "; ".join(
        f"{kind.name}: {', '.join(f'{level:g}' for level in kind.levels)} {kind.unit}".strip()
        for kind in found.kinds
    )
    caption = f"Test images as they are, on the left, and at each severity of each damage. {what}."
    data = [
        (kind.name, severity, level, kind.unit)
        for kind in found.kinds
        for severity, level in zip(kind.severities, kind.levels, strict=True)
    ]
    names = ", ".join(kind.name for kind in found.kinds)
    alt = f"{SHOWN} test images, undamaged and under {names}."
    key = "left: undamaged · then each severity"
    columns = ("corruption", "severity", "level", "unit")
    return Drawing("damaged-images", figure, caption, columns, data, alt, key)
