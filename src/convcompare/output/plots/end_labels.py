"""Names of models in a legend, or, of many, at the ends of their curves without overlap."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from .figure import grow, legend_below

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .style import ModelStyle

MOST_IN_LEGEND = 8
LINE = 0.13
"""Height of a label in inches."""
AWAY = 22
"""Points from the axes to the labels."""
Ends = Sequence[tuple["ModelStyle", float]]


def name_models(figure: Figure, axes: Sequence[Axes], ends: Ends) -> None:
    """Name the models of a figure: in a legend, or more than 8 at the right of each of `axes`.

    Args:
        figure: The figure; it grows by the space for the names.
        axes: Axes at the right edge of the figure.
        ends: Style of each model, and the end of its curve in data coordinates.
    """
    if len(ends) <= MOST_IN_LEGEND:
        legend_below(figure, [look for look, _ in ends])
        return
    figure.draw_without_rendering()
    height = min(one.get_position().height for one in axes) * figure.get_figheight()
    needed = len(ends) * LINE
    if height < needed:
        grow(figure, len(axes) * (needed - height))
        height = needed
    for one in axes:
        _label(figure, one, ends, height)


def spread(wanted: Sequence[float], gap: float) -> list[float]:
    """Return positions at least `gap` apart, in the order of `wanted` and close to it.

    Least squares by pooling neighbours (Barlow et al. 1972). If they do not fit between 0 and 1,
    they start at 0.
    """
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    pools: list[tuple[float, int]] = []
    for rank, i in enumerate(order):
        pools.append((wanted[i] - rank * gap, 1))
        while len(pools) > 1 and pools[-2][0] >= pools[-1][0]:
            (a, n), (b, m) = pools[-2:]
            pools[-2:] = [((n * a + m * b) / (n + m), n + m)]
    levels = [level for level, count in pools for _ in range(count)]
    top = max(0.0, 1.0 - (len(wanted) - 1) * gap)
    places = [0.0] * len(wanted)
    for rank, (i, level) in enumerate(zip(order, levels, strict=True)):
        places[i] = min(max(level, 0.0), top) + rank * gap
    return places


def _label(figure: Figure, axes: Axes, ends: Ends, height: float) -> None:
    """Add labels at the right of axes of `height` inches, each joined with its position."""
    from matplotlib.transforms import ScaledTranslation

    places = [min(1.0, max(0.0, place)) for place in _fractions(axes, (end for _, end in ends))]
    aside = axes.transAxes + ScaledTranslation((AWAY - 6) / 72, 0, figure.dpi_scale_trans)
    for (look, _), place, y in zip(ends, places, spread(places, LINE / height), strict=True):
        line = {"arrowstyle": "-", "color": look.colour, "linewidth": 0.5, "shrinkA": 0,
                "shrinkB": 0, "relpos": (0, 0.5)}  # fmt: skip
        axes.annotate(
            look.name, (1, place), xycoords="axes fraction", va="center", fontsize=7,
            xytext=(AWAY, 72 * height * (y - place)), textcoords="offset points",
            annotation_clip=False, arrowprops=line,
        )  # fmt: skip
        axes.plot([1], [y], transform=aside, clip_on=False, zorder=5, **_mark(look))


def _mark(look: ModelStyle) -> dict[str, Any]:
    """Return the mark of a model beside its name, without a label of its own."""
    return look.dots() | {"markersize": 4, "label": "_"}


def _fractions(axes: Axes, values: Iterable[float]) -> list[float]:
    """Return the positions of values along the height of the axes, from 0 to 1."""
    x = axes.get_xlim()[0]
    points = axes.transData.transform([(x, value) for value in values])
    return [float(y) for _, y in axes.transAxes.inverted().transform(points)]
