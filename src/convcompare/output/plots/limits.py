"""Limits of axes: the bulk of the values, with arrows and numbers for values beyond."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from convcompare.comparison.stats.estimates import Estimate

GAP = 3.0
"""Factor by which a network must reach further than the others to be left outside."""
SPIKE = 50.0
"""The same for single points of curves, since a first epoch may be far from the others."""
ROOM = 0.06
"""Margin around the shown span, as a share of it."""
BEHIND = {"facecolor": "white", "edgecolor": "none", "pad": 0.5, "alpha": 0.8}
"""Box behind letters within a panel, so that curves do not cross them."""
Span = tuple[float, float]
PERCENT: Span = (0.0, 100.0)
LEAST_POINTS = 0.5
"""Smallest span of an axis of accuracies, in percentage points."""
Values = npt.NDArray[np.float64]


def bulk(spans: Iterable[Span], least: float, gap: float = GAP) -> Span | None:
    """Return the ends of an axis that shows the bulk of the networks; None if none is finite.

    At least half of them are within. Above those, and likewise below, the first that reaches more
    than `gap` times as far as the one before it is outside, with all that reach further; for two
    networks, twice `gap`. Spans that are not finite are outside.

    Args:
        spans: (lowest, highest) of each network.
        least: Smallest distance; shorter ones count as this.
        gap: Factor beyond which a network is outside.
    """
    known = [span for span in spans if all(map(math.isfinite, span))]
    if not known:
        return None
    lowest, half = min(low for low, _ in known), (len(known) + 1) // 2
    far = _reach([high - lowest for _, high in known], half, least, gap)
    inside = [span for span in known if span[1] - lowest <= far]
    high = max(high for _, high in inside)
    far = _reach([high - low for low, _ in inside], half, least, gap)
    return min(low for low, _ in inside if high - low <= far), high


def _reach(distances: Sequence[float], half: int, least: float, gap: float) -> float:
    """Return the largest distance that is shown; at least `half` of them are."""
    order = sorted(distances)
    needed = gap if len(order) > 2 else 2 * gap
    place = min(half, len(order)) - 1
    while place + 1 < len(order):
        if max(order[place + 1], least) > needed * max(order[place], least):
            break
        place += 1
    return order[place]


def of_curves(curves: Sequence[Values], least: float) -> Span | None:
    """Return the ends of an axis for curves; spikes of single epochs may be outside.

    Curves of a single epoch have no length to compare with, and count as such spikes.

    Args:
        curves: (lowest, highest) by epoch of each network, (n, 2).
        least: Smallest distance, as in `bulk`.
    """
    finite = [curve[np.isfinite(curve).all(axis=1)] for curve in curves]
    gap = SPIKE if all(len(curve) <= 1 for curve in finite) else GAP
    shown = bulk([(c[:, 0].min(), c[:, 1].max()) for c in finite if len(c)], least, gap)
    if shown is None:
        return None
    points = np.concatenate(finite)
    points = points[(points[:, 0] >= shown[0]) & (points[:, 1] <= shown[1])]
    spikes = bulk(map(tuple, points.tolist()), least, SPIKE) if len(points) > 2 else None
    return (shown[0], spikes[1]) if spikes else shown


def padded(span: Span, least: float, within: Span = (-math.inf, math.inf)) -> Span:
    """Return a span with a margin; it is at least `least` long and, without margin, in `within`."""
    low, high = span
    short = max(0.0, least - (high - low)) / 2
    shift = max(0.0, within[0] - (low - short)) - max(0.0, high + short - within[1])
    low, high = low - short + shift, high + short + shift
    return low - ROOM * (high - low), high + ROOM * (high - low)


def percent_interval(estimate: Estimate) -> Span | None:
    """Return the interval of an accuracy in per cent, clipped to 0 and 100, or None."""
    if estimate.ends is None:
        return None
    low, high = estimate.ends
    return max(0.0, 100 * low), min(100.0, 100 * high)


def arrow_in_row(axes: Axes, y: float, values: Iterable[float], colour: str,
                 show: Callable[[float], str] | None) -> None:  # fmt: skip
    """Draw an arrow at the end of row `y` if a value lies beyond it, with the farthest value."""
    low, high = axes.get_xlim()
    found = list(values)
    for end, beyond, marker, away in (
        (low, [v for v in found if v < low], "<", min),
        (high, [v for v in found if v > high], ">", max),
    ):
        if not beyond:
            continue
        axes.plot([end], [y], marker=marker, color=colour, markersize=4.5, clip_on=False, zorder=4)
        if show is not None:
            axes.annotate(
                show(away(beyond)), (end, y), xytext=(6 if marker == "<" else -6, 0),
                textcoords="offset points", va="center", fontsize=7, color=colour,
                ha="left" if marker == "<" else "right",
            )  # fmt: skip


def arrows_of_curves(
    axes: Axes,
    curves: Iterable[tuple[str, Sequence[float], Values]],
    show: Callable[[float], str],
    nearest: bool = False,
) -> None:
    """Draw an arrow at the edge for each curve that leaves the axis, with its farthest value.

    Args:
        axes: The axes.
        curves: Colour, positions and values, (n,) or (n, 2), of each curve.
        show: Formats a value.
        nearest: Whether a curve that is entirely beyond the axis also has its nearest value.
    """
    low, high = axes.get_ylim()
    count = 0
    for colour, x, values in curves:
        rows = values.reshape(len(x), -1)
        top = np.where(np.isnan(rows), -np.inf, rows).max(axis=1)
        bottom = np.where(np.isnan(rows), np.inf, rows).min(axis=1)
        for extreme, least, place, end, marker, beyond in (
            (float(top.max()), float(top.min()), int(top.argmax()), high, "^", top > high),
            (float(bottom.min()), float(bottom.max()), int(bottom.argmin()), low, "v",
             bottom < low),
        ):  # fmt: skip
            if not beyond.any():
                continue
            both = nearest and beyond.all() and show(least) != show(extreme)
            text = f"{show(least)} to {show(extreme)}" if both else show(extreme)
            axes.plot([x[place]], [end], marker=marker, color=colour, markersize=5,
                      clip_on=False, zorder=4)  # fmt: skip
            down = -4 - 9 * count if marker == "^" else 4 + 9 * count
            last = 2 * place >= len(x)
            axes.annotate(
                text, (x[place], end), xytext=(-6 if last else 6, down),
                textcoords="offset points", va="top" if marker == "^" else "bottom",
                ha="right" if last else "left", fontsize=7, color=colour,
                bbox=BEHIND,
            )  # fmt: skip
            count += 1


def plain_number(value: float) -> str:
    """Format a value beyond an axis: ``8.2e+06``, or ``not finite``."""
    return f"{value:.3g}" if math.isfinite(value) else "not finite"
