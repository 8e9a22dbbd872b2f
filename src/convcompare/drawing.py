"""What every figure shares: size, style, colours, and how it is saved with its data.

Figures are made without pyplot, so that nothing global is kept and no window is opened.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import files
from .errors import UsageError, did_you_mean, quote
from .tables import csv_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito 2008: seven colours that people with any colour vision tell apart."""
MARKERS = "osD^vPX"
FORMATS = ("png", "svg", "pdf")
STYLE = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "legend.frameon": False,
    "svg.hashsalt": "convcompare",
}


@dataclass(frozen=True)
class Drawing:
    """A figure, what it is called, what to see in it, and the data that it shows."""

    name: str
    figure: Figure
    caption: str
    columns: Sequence[str]
    rows: Iterable[Sequence[Any]]

    def to_json(self) -> dict[str, Any]:
        """What it shows, as data."""
        rows = [list(row) for row in self.rows]
        return {"name": self.name, "caption": self.caption, "columns": self.columns, "rows": rows}

    def save(self, folder: Path, kind: str = "png") -> Path:
        """Write the figure and, beside it, its data as CSV; the path of the figure."""
        if kind not in FORMATS:
            raise UsageError(
                f"there is no figure format {quote(kind)}",
                did_you_mean(kind, FORMATS) or f"formats: {', '.join(FORMATS)}",
            )
        files.make_folder(folder)
        buffer = io.BytesIO()
        self.figure.savefig(buffer, format=kind, dpi=160, bbox_inches="tight")
        path = folder / f"{self.name}.{kind}"
        files.write(path, buffer.getvalue())
        files.write(folder / f"{self.name}.csv", csv_text(self.columns, self.rows).encode())
        return path


def panels(rows: int, columns: int, width: float, height: float) -> tuple[Figure, list[list[Axes]]]:
    """A figure of rows × columns axes; width and height of one panel in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False)
    return figure, [list(row) for row in axes]


def look(labels: Sequence[str]) -> Mapping[str, dict[str, Any]]:
    """One colour, marker and line a model, the same in every figure of a comparison."""
    lines = ("-", "--", ":")
    return {
        label: {
            "color": COLOURS[i % len(COLOURS)],
            "marker": MARKERS[i % len(MARKERS)],
            "linestyle": lines[i // len(COLOURS) % len(lines)],
            "markersize": 3.5,
            "linewidth": 1.4,
        }
        for i, label in enumerate(labels)
    }


def count_axis(axes: Axes, label: str) -> None:
    """The horizontal axis counts something: whole numbers only."""
    from matplotlib.ticker import MaxNLocator

    axes.set_xlabel(label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def plain(text: str) -> str:
    """A name as matplotlib shows it: a dollar sign starts no formula."""
    return text.replace("$", r"\$")


def styled() -> AbstractContextManager[None]:
    """Within it, everything is drawn in the style of the tool."""
    import matplotlib

    return matplotlib.rc_context(STYLE)  # type: ignore[arg-type]
