"""Size, style and layout shared by all figures, and how a figure is saved with its data.

Figures are made without pyplot, which keeps global state and may open windows.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convcompare.core.errors import one_of, quote
from convcompare.store import atomic_files

from ..tables.formats import csv_text
from .fonts import installed, without_warnings
from .style import ModelStyle, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure

GREY = "#555555"
HEADLINE: Mapping[str, Any] = {"x": 0.01, "ha": "left", "fontsize": 7, "color": GREY}
FORMATS = ("png", "svg", "pdf")
WIDTH = 7.0
"""Maximum width on a page in inches, at which letters of 7 points are readable."""
STYLE = {
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.titlesize": 7.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titley": 1.0,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "axes.edgecolor": "#888888",
    "axes.linewidth": 0.6,
    "xtick.color": "#888888",
    "ytick.color": "#888888",
    "xtick.labelcolor": "black",
    "ytick.labelcolor": "black",
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.5,
    "hatch.linewidth": 0.6,
    "legend.frameon": False,
    "svg.hashsalt": "convcompare",
}


@dataclass(frozen=True)
class Drawing:
    """A figure of a plot, with its caption and the data that it shows.

    ``name`` is the stem of its files, ``figure`` a matplotlib figure. ``columns`` and ``rows`` are
    the data, which are saved as CSV beside it. ``key`` explains lines, bands and bars in a few
    words above the panels. ``alt`` describes the figure in one sentence for people who cannot see
    it [default: the caption].
    """

    name: str
    figure: Figure
    caption: str
    columns: Sequence[str]
    rows: Iterable[Sequence[Any]]
    alt: str = ""
    key: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "alt", self.alt or self.caption)

    def to_json(self) -> dict[str, Any]:
        """Return the content of the figure as data."""
        rows = [list(row) for row in self.rows]
        about = {"name": self.name, "caption": self.caption, "alt": self.alt}
        return {**about, "columns": self.columns, "rows": rows}

    def picture(self, kind: str = "png") -> bytes:
        """Return the figure as the bytes of a file."""
        lay_out(self.figure)
        return encoded(self.figure, kind, 160)

    def save(self, folder: Path, kind: str = "png") -> Path:
        """Write the figure and, beside it, its data as CSV; return the path of the figure."""
        hint = f"formats: {', '.join(FORMATS)}"
        one_of(FORMATS, kind, f"there is no figure format {quote(kind)}", hint)
        atomic_files.make_folder(folder)
        path = folder / f"{self.name}.{kind}"
        atomic_files.write(path, self.picture(kind))
        atomic_files.write(folder / f"{self.name}.csv", csv_text(self.columns, self.rows).encode())
        return path


def panels(
    count: int, across: int, height: float, width: float = WIDTH, **shared: Any
) -> tuple[Figure, list[Axes]]:
    """Create a figure of `count` panels, `across` of them per row.

    Args:
        count: Number of panels.
        across: Panels per row.
        height: Height of a panel in inches.
        width: Width of the figure in inches.
        shared: ``sharex`` and ``sharey``; with them, ticks and labels are only at the left and
            below.

    Returns:
        The figure, and the axes of each panel.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    across = min(across, count)
    rows = math.ceil(count / across)
    figure = Figure(figsize=(width, height * rows), layout="constrained")
    FigureCanvasAgg(figure)
    figure.get_layout_engine().set(w_pad=0.07, h_pad=0.05)  # type: ignore[union-attr,call-arg]
    axes = list(figure.subplots(rows, across, squeeze=False, **shared).flat)
    for one in axes[count:]:
        figure.delaxes(one)
    for one in axes[max(0, count - across) : count]:
        one.tick_params(labelbottom=True)
    return figure, axes[:count]


def stacked(heights: Sequence[float]) -> tuple[Figure, list[Axes]]:
    """Create a figure of panels below each other with given heights in inches, and their axes."""
    figure, _ = panels(1, 1, sum(heights))
    figure.clear()
    shares = [height / sum(heights) for height in heights]
    axes = figure.subplots(len(heights), 1, squeeze=False, height_ratios=shares)
    return figure, list(axes.flat)


def model_rows(shown: Sequence[ModelStyle], across: int) -> tuple[Figure, list[Axes]]:
    """Create a figure of `across` panels with one row per model.

    The names of the models are at the left.

    Args:
        shown: Styles of the models, from `PlotSource.looks`; the first is the top row, row 0.
        across: Number of panels.

    Returns:
        The figure, and the axes of each panel.
    """
    figure, axes = panels(across, across, 0.55 + 0.27 * len(shown), sharey=True)
    axes[0].set_yticks(range(len(shown)), [look.name for look in shown])
    axes[0].set_ylim(len(shown) - 0.45, -0.55)
    for one in axes:
        one.tick_params(axis="y", length=0)
        one.grid(False, axis="y")
    return figure, axes


def side_text(axes: Axes, y: float, text: str) -> None:
    """Write text at the right of a row."""
    axes.annotate(
        text, (1, y), xytext=(4, 0), textcoords="offset points", va="center", fontsize=7,
        xycoords=axes.get_yaxis_transform(), annotation_clip=False,
    )  # fmt: skip


def without(every: Iterable[str], shown: Container[str], what: str) -> str:
    """Describe the models that are not in a figure: `` · no convolution: fcn``; empty if none."""
    none = [label for label in every if label not in shown]
    return f" · {what}: {', '.join(none)}" if none else ""


def outer_labels(axes: Sequence[Axes], across: int, x: str, y: str) -> None:
    """Label the axes at the left of each row and at the bottom of each column."""
    for i, one in enumerate(axes):
        one.set_xlabel(x if i + across >= len(axes) else "")
        one.set_ylabel(y if i % across == 0 else "")


def headline(figure: Figure, text: str) -> None:
    """Write a subdued line above the panels, and make the figure higher by it.

    It is wrapped when the figure is drawn, at the width that the figure then has.
    """
    title = figure.suptitle(_in_lines(plain(text), figure.get_figwidth()), **HEADLINE)
    grow(figure, 0.12 + title.get_window_extent(renderer(figure)).height / figure.dpi)
    title.set(text=plain(text), wrap=True)


def encoded(figure: Figure, kind: str, dpi: int) -> bytes:
    """Return a figure as the bytes of a file; PNG without an alpha channel, which takes space."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, dpi=dpi, transparent=False)
    if kind != "png":
        return buffer.getvalue()
    from PIL import Image

    opaque = io.BytesIO()
    with Image.open(buffer) as picture:
        picture.convert("RGB").save(opaque, "png", dpi=(dpi, dpi))
    return opaque.getvalue()


def lay_out(figure: Figure) -> None:
    """Lay out a figure that keeps its size, once for all.

    Panels with a fixed aspect ratio have it only after a first pass, which measures their
    surroundings with other sides.
    """
    if text := figure.get_suptitle():  # else its wrapping is measured in every layout of the figure
        figure.suptitle(_in_lines(text, figure.get_figwidth()), **HEADLINE, wrap=False)
    if (engine := figure.get_layout_engine()) is not None:
        fixed = any(axes.get_aspect() != "auto" for axes in figure.axes)
        for _ in range(2 if fixed else 1):
            engine.execute(figure)
        figure.set_layout_engine("none")  # else `savefig` draws everything twice


def _in_lines(text: str, width: float) -> str:
    """Return a headline with breaks between words, for a figure of that width in inches."""
    room = width * (1 - 2 * HEADLINE["x"])
    space = inches("x x") - inches("xx")
    lines: list[str] = []
    used = math.inf
    for word in text.split(" "):
        if used + space + inches(word) <= room:
            lines[-1] += f" {word}"
            used += space + inches(word)
        else:
            lines.append(word)
            used = inches(word)
    return "\n".join(lines)


@lru_cache(maxsize=4096)
def inches(text: str, size: float = HEADLINE["fontsize"]) -> float:
    """Return the width of a text in letters of `size` points, by default those of a headline.

    This is an upper bound for pixels: letters fitted to pixels are up to 2.5 % wider than their
    outlines.
    """
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    points, _, _ = text_to_path.get_text_width_height_descent(
        text, FontProperties(size=size), ismath=False
    )
    return 1.025 * points / 72


def legend_below(figure: Figure, shown: Iterable[ModelStyle]) -> None:
    """Add a legend below the panels, in as many columns as fit; the figure grows."""
    from matplotlib.lines import Line2D

    models = list(shown)
    handles = [Line2D([], [], **model.line()) for model in models]
    for across in range(min(len(models), 6), 0, -1):
        columns = math.ceil(len(models) / math.ceil(len(models) / across))
        legend = figure.legend(handles=handles, loc="outside lower center", ncols=columns)
        extent = legend.get_window_extent(renderer(figure))
        if extent.width < figure.bbox.width or columns == 1:
            grow(figure, extent.height / figure.dpi)
            return
        legend.remove()


def colour_bar(axes: Sequence[Axes], shown: ScalarMappable, label: str, shrink: float) -> None:
    """Add a colour scale at the right of all `axes`, `shrink` times as high."""
    figure: Any = axes[0].figure
    bar = figure.colorbar(shown, ax=list(axes), shrink=shrink, aspect=25)
    bar.set_label(label)
    bar.outline.set_visible(False)


def renderer(figure: Figure) -> RendererAgg:
    """Return the renderer that measures text: ``artist.get_window_extent(renderer(figure))``."""
    canvas: Any = figure.canvas
    found: RendererAgg = canvas.get_renderer()
    return found


def grow(figure: Figure, height: float) -> None:
    """Make a figure higher, by inches."""
    figure.set_figheight(figure.get_figheight() + height)


def count_axis(axis: Axis) -> None:
    """Use evenly spaced integer ticks on an axis."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1))


def log_axis(axis: Axis, show: Callable[[float], str]) -> None:
    """Use few ticks on a logarithmic axis, formatted by `show`.

    The axis spans at least a factor of two, so that nearly equal values look nearly equal.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = axis.get_view_interval()
    if low > 0 and high < 2 * low:
        middle, reach = math.sqrt(low * high), math.sqrt(2)
        low, high = middle / reach, middle * reach
        axes = axis.axes
        (axes.set_xlim if axis is axes.xaxis else axes.set_ylim)(low, high)
    span = high / low if low > 0 else math.inf
    subs = (1, 1.5, 2, 3, 4, 6, 8) if span < 6 else (1, 2, 5) if span < 300 else (1,)
    axis.set_major_locator(LogLocator(subs=subs, numticks=8))
    axis.set_major_formatter(FuncFormatter(lambda value, _: show(value)))
    axis.set_minor_formatter(NullFormatter())


def ticks_at(axes: Axes, values: Sequence[float], show: Callable[[float], str]) -> None:
    """Make a horizontal axis logarithmic, with a tick at each of `values`, formatted by `show`."""
    axes.set_xscale("log")
    axes.set_xticks(list(values), [show(value) for value in values])
    axes.set_xticks([], minor=True)


@contextmanager
def styled() -> Iterator[None]:
    """Draw everything within this context in the style of convcompare."""
    with without_warnings():
        import matplotlib

        style: dict[Any, Any] = STYLE | {"font.family": installed()}
        with matplotlib.rc_context(style):
            yield
