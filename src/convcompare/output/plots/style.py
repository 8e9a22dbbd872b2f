"""Name, colour, marker and line of each model in all figures of a comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from convcompare.core.errors import printable

from ..names import elided, fitted
from .fonts import drawable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito 2008: seven colours that are distinct for any colour vision."""
MARKERS = "osD^vPX*<>pd"
LINES = ("-", "--", ":", "-.")
HATCHES = ("", "////", "....", "xxxx")
BAND = 0.18
"""Opacity of a band around a line."""
BAND_KEY = "line: mean of the seeds · band: lowest to highest seed"
"""Key of a line with a band over the seeds."""
BLACK, WHITE = "#010101", "#fefefe"
"""Text on coloured areas: a dark page replaces pure black and white, but not these."""
LONGEST = 24
"""Maximum number of characters of a name in a figure."""


ENOUGH_LIGHT = 0.179
"""Relative luminance at which black and white text have the same contrast, 4.6 : 1."""


@dataclass(frozen=True)
class ModelStyle:
    """Name and appearance of a model in all figures of a comparison."""

    shown: str
    """Its name as text, shortened."""
    colour: str
    marker: str
    linestyle: str
    hatch: str
    hollow: bool = False
    """Whether its marks are drawn without a fill, because its figures do not compare."""

    @property
    def name(self) -> str:
        """Its name as matplotlib shows it."""
        return plain(self.shown)

    def line(self) -> dict[str, Any]:
        """Return matplotlib arguments for a line with markers."""
        own = {"linestyle": self.linestyle, "markersize": 3.5, "linewidth": 1.3}
        return {**self.dots(), **own}

    def dots(self) -> dict[str, Any]:
        """Return matplotlib arguments for markers without a line."""
        return {
            "label": self.name,
            "color": self.colour,
            "marker": self.marker,
            "linestyle": "",
            **({"markerfacecolor": "white"} if self.hollow else {}),
        }

    def bar(self) -> dict[str, Any]:
        """Return matplotlib arguments for a bar with a pale fill and a strong edge."""
        from matplotlib.colors import to_rgba

        fill = to_rgba("white" if self.hollow else self.colour, 0.3)
        return {
            "label": self.name,
            "facecolor": fill,
            "edgecolor": self.colour,
            "hatch": self.hatch,
            "linewidth": 0.8,
        }


def draw_band(
    axes: Axes,
    look: ModelStyle,
    x: npt.ArrayLike,
    low: npt.ArrayLike,
    high: npt.ArrayLike,
    alpha: float = BAND,
) -> None:
    """Draw the band of a line from `low` to `high`; at a single `x`, without a width, a bar."""
    axes.fill_between(x, low, high, color=look.colour, linewidth=0, alpha=alpha)
    if np.size(x) == 1:
        axes.vlines(x, low, high, color=look.colour, linewidth=2.5, alpha=2 * alpha, zorder=1)


def looks(labels: Sequence[str]) -> Mapping[str, ModelStyle]:
    """Return a style per model, by its index among all labels; twelve differ in marker."""
    found: dict[str, ModelStyle] = {}
    names = distinct(labels, LONGEST)
    for i, label in enumerate(labels):
        turn = i // len(COLOURS)
        found[label] = ModelStyle(
            names[i],
            COLOURS[i % len(COLOURS)],
            MARKERS[i % len(MARKERS)],
            LINES[turn % len(LINES)],
            HATCHES[turn % len(HATCHES)],
        )
    return found


def distinct(names: Sequence[str], room: int) -> list[str]:
    """Return names in `room` characters, of which no two look the same in a figure."""
    found: list[str] = []
    seen: dict[str, str] = {}
    for name, cut in zip(names, fitted(names, room), strict=True):
        shown, number = cut, 2
        while seen.setdefault(plain(shown), name) != name:
            mark = f" ({number})"
            shown, number = elided(cut, room - len(mark)) + mark, number + 1
        found.append(shown)
    return found


def ink_on(colours: npt.NDArray[np.float64]) -> list[str]:
    """Return black or white for text on each colour, whichever is readable.

    Source: WCAG 2.2, relative luminance.

    Args:
        colours: Red, green and blue from 0 to 1, (n, 3 or more); further columns are ignored.

    Returns:
        A text colour for each.
    """
    rgb = colours[:, :3]
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    light = linear @ np.array([0.2126, 0.7152, 0.0722])
    return [BLACK if one > ENOUGH_LIGHT else WHITE for one in light.tolist()]


def short(label: str, longest: int = LONGEST) -> str:
    """Return a name as figures show it: at most `longest` terminal cells wide, and no formula."""
    return plain(elided(printable(label), longest))


def plain(text: str) -> str:
    """Return a text as matplotlib shows it verbatim: no formula, all characters with a font."""
    return drawable(text).replace("$", r"\$")
