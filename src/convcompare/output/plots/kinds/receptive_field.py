"""Receptive fields: exact ones by layer, and effective ones side by side."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from convcompare.core.registry import register
from convcompare.store.receptive_field_record import FIELDS, FieldRecord

from ..figure import Drawing, headline, outer_labels, panels
from ..style import plain, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..source import Source
    from ..style import ModelStyle

ACROSS = 3
MOST = 16
"""Number of layers up to which each has a row as high as its name."""
FEWEST = 4
"""Smallest number of rows of a panel, so that one bar does not fill it."""


@dataclass(frozen=True)
class Panel:
    """One heat map: the gradient (h, w) with sum 1, and the rows and columns of the exact field."""

    title: str
    subtitle: str
    gradient: npt.NDArray[np.float64]
    rows: tuple[int, int]
    columns: tuple[int, int]
    effective: float


@dataclass(frozen=True)
class Step:
    """A layer in which the field grows: its name, and the side in pixels; None: whole image."""

    layer: str
    size: int | None


@register.plot("receptive-field", needs=FIELDS, first_seed=True)
def receptive_field(source: Source) -> list[Drawing]:
    """Receptive field of each layer up to the features, and where the trained networks look."""
    records = dict(source.fields())
    drawings = [_sizes(source, records)]
    maps = [_panel(source.looks[m].shown, r) for m, r in records.items() if r.gradient.size]
    if maps:
        without = [label for label, record in records.items() if not record.gradient.size]
        more = f" Without such a unit: {', '.join(without)}." if without else ""
        caption = (
            "Where the central unit of the features looks: squared gradient by the pixels, mean "
            "over test images, trained weights of the first seed. Solid: the exact field within "
            "the image, without gates that see all of it; dashed: the square with the area that "
            "holds 95.45 % of the gradient." + more
        )
        drawings.append(effective_fields(maps, caption, own_line=False))
    return drawings


def steps(record: FieldRecord) -> list[Step]:
    """Return the layers up to the features in which the field grows."""
    last = record.features if record.features >= 0 else len(record.layers) - 1
    found: list[Step] = []
    for name, sides in zip(record.layers[: last + 1], record.size, strict=False):
        if np.isnan(sides).any():
            return [*found, Step(name, None)]
        if not found or sides.max() > (found[-1].size or 0):
            found.append(Step(name, int(sides.max())))
    return found


def _sizes(source: Source, records: dict[str, FieldRecord]) -> Drawing:
    tallest = max(FEWEST, min(MOST, max(len(steps(record)) for record in records.values())))
    figure, axes = panels(len(records), ACROSS, 0.8 + 0.15 * tallest, sharex=True)
    for one, (label, record) in zip(axes, records.items(), strict=True):
        _bars(one, record, source.looks[label])
        one.set_title(source.looks[label].name)
    outer_labels(axes, ACROSS, "side of the field (pixels)", "")
    side = max(max(record.image) for record in records.values())
    widest = max((s.size or side for r in records.values() for s in steps(r)), default=side)
    axes[0].set_xlim(0, 1.22 * max(widest, side))
    caption = (
        "Side of the exact receptive field of each layer in which it grows, from the input (above) "
        f"to the features. The line is the side of the images, {side} pixels; a hatched bar ends "
        "there, because its units see the whole image."
    )
    alt = "; ".join(f"{label} {_words(record)}" for label, record in records.items())
    columns = ("model", "layer", "height", "width", "stride_height", "stride_width", "features")
    key = "bar: side of the exact field · hatched: the whole image · dashed line: side of the image"
    return Drawing(
        "receptive-field", figure, caption, columns, list(_rows(records)),
        f"Receptive field of the features: {alt}.", key,
    )  # fmt: skip


def _bars(axes: Axes, record: FieldRecord, look: ModelStyle) -> None:
    found, side = steps(record), max(record.image)
    for y, step in enumerate(found):
        whole = step.size is None
        style = look.bar() | {"hatch": "xxxxx" if whole else "", "linewidth": 0.6}
        axes.barh(y, step.size or side, height=0.7, **style)
        if len(found) <= MOST:
            axes.annotate(
                "all" if whole else str(step.size), (step.size or side, y), va="center",
                xytext=(2, 0), textcoords="offset points", fontsize=7,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
            )  # fmt: skip
    axes.axvline(side, color="#888888", linewidth=0.9, linestyle=(0, (4, 2)))
    shown = range(0, len(found), -(-len(found) // MOST))
    axes.set_yticks(shown, [short(found[i].layer, 12) for i in shown])
    axes.set_ylim(max(len(found), FEWEST) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(False, axis="y")


def _words(record: FieldRecord) -> str:
    size = record.features_size
    return "the whole image" if size is None else f"{size[0]}×{size[1]} pixels"


def _rows(records: dict[str, FieldRecord]) -> Iterator[tuple[object, ...]]:
    for label, record in records.items():
        for i, layer in enumerate(record.layers):
            sides = [None if np.isnan(v) else int(v) for v in record.size[i]]
            strides = [None if np.isnan(v) else float(v) for v in record.stride[i]]
            yield (label, layer, *sides, *strides, int(i == record.features))


def _panel(name: str, record: FieldRecord) -> Panel:
    (top, bottom), (left, right) = ((int(a), int(b)) for a, b in record.span)
    exact = math.sqrt((bottom - top + 1) * (right - left + 1))
    size = record.effective_size
    subtitle = share_words(size, size / exact, record.features_size is None)
    return Panel(name, subtitle, record.gradient, (top, bottom), (left, right), size)


def share_words(size: float, share: float, gated: bool) -> str:
    """Return an effective field in pixels, and as a share of the exact one without gates."""
    return f"{size:.1f} px, {100 * share:.0f} % {'without gates' if gated else 'of the field'}"


def effective_fields(maps: Sequence[Panel], caption: str, own_line: bool = True) -> Drawing:
    """Draw each map from its own smallest to its own largest root of the gradient.

    The root shows the tails, which would be black in a map of the gradient itself. `own_line`
    writes the caption above the maps.
    """
    figure, axes = panels(len(maps), ACROSS, 2.5, 4.2 if len(maps) == 1 else 7.0)
    for one, panel in zip(axes, maps, strict=True):
        shown = one.imshow(np.sqrt(panel.gradient / panel.gradient.max()), cmap="magma", vmin=0)
        _frames(one, panel)
        one.grid(False)
        one.set_title(f"{short(panel.title)}\n{plain(panel.subtitle)}")
        one.set_xlabel("pixels")
    bar = figure.colorbar(shown, ax=axes, shrink=min(1.0, 2.4 / len(axes)), pad=0.01)
    bar.set_label("√(gradient / largest)")
    if own_line:
        headline(figure, caption)
    data = [
        (panel.title, row, column, f"{value:.6g}")
        for panel in maps
        for (row, column), value in np.ndenumerate(panel.gradient)
    ]
    alt = "; ".join(f"{panel.title}: {panel.subtitle}" for panel in maps)
    columns = ("model", "row", "column", "gradient")
    return Drawing(
        "effective-field", figure, caption, columns, data, f"Effective receptive field of {alt}.",
        "solid: exact field within the image · dashed: square with 95.45 % of the gradient",
    )  # fmt: skip


def _frames(axes: Axes, panel: Panel) -> None:
    """Draw the exact field, and a square of the effective size around the centre of mass."""
    from matplotlib.patches import Rectangle

    (top, bottom), (left, right) = panel.rows, panel.columns
    exact = Rectangle((left - 0.5, top - 0.5), right - left + 1, bottom - top + 1)
    exact.set(fill=False, edgecolor="#35d0ff", linewidth=1.6, clip_on=False)
    side, (x, y) = panel.effective, _centre(panel.gradient)
    effective = Rectangle((x - side / 2, y - side / 2), side, side)
    effective.set(fill=False, edgecolor="white", linewidth=1.2, linestyle=(0, (3, 2)))
    axes.add_patch(exact)
    axes.add_patch(effective)


def _centre(gradient: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Return the centre of mass: column, row."""
    rows, columns = np.indices(gradient.shape)
    total = gradient.sum()
    return float((columns * gradient).sum() / total), float((rows * gradient).sum() / total)
