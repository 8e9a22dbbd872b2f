"""Quick figures as plain text for a terminal: curves in Braille dots, bars and dots in rows.

Plain text without colour is the same on every terminal and in a pipe; letters distinguish models.
Written here because plotext, the library for this, keeps its figure as global state and ships
compiled wheels for some platforms only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from string import ascii_letters

import numpy as np
from rich.cells import cell_len, set_cell_size

from ..names import fitted
from .limits import bulk, of_curves
from .style import LONGEST

HEIGHT = 14
"""Lines of a panel of curves."""
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Bits of a Braille character: two dots across, four down."""


def curves(
    lines: Mapping[str, Iterable[float]], width: int, title: str, x: str, least: float = 0.02
) -> str:
    """Return curves of values at 1, 2, 3, …, with the letter of a line at each point.

    Letters at the same position hide one another, so the last value of each line is written below.
    The axis shows the bulk of the lines; if they are equal, a span of `least` around them. The
    extremes of the others are written below, too.
    """
    series = [[float(value) for value in line] for line in lines.values()]
    every = [value for line in series for value in line if math.isfinite(value)]
    longest = max((len(line) for line in series), default=0)
    if not every:
        return f"{title}\n(no finite values)"
    shown = of_curves([np.array([line, line]).T for line in series if line], least)
    low, high = _range(shown or every, least)
    places = (0, HEIGHT // 2, HEIGHT - 1)
    ticks = dict(zip(places, _alike([high, (low + high) / 2, low]), strict=True))
    margin = max(len(text) for text in ticks.values())
    columns = max(10, width - margin - 3)
    canvas = Canvas(columns, HEIGHT)
    for letter, line in zip(ascii_letters, series, strict=False):
        points = [
            (i / max(1, longest - 1), min(1.0, max(0.0, (value - low) / (high - low))))
            for i, value in enumerate(line)
            if math.isfinite(value)
        ]
        canvas.line(points, letter)
    rows = [f"{ticks.get(i, ''):>{margin}} ┤{row}" for i, row in enumerate(canvas.rows())]
    ends = f"1{str(longest) if longest > 1 else '':>{columns - 1}}"
    blank = " " * margin
    foot = [f"{blank} └{'─' * columns}", f"{blank}  {ends}", f"{blank}  {x:^{columns}}".rstrip()]
    beyond = _beyond(series, low, high)
    return "\n".join([title, *rows, *foot, *beyond, *_names(lines, series, width)])


def _beyond(series: Sequence[Sequence[float]], low: float, high: float) -> list[str]:
    """Describe how far the lines go that leave the axis."""
    found = []
    for letter, line in zip(ascii_letters, series, strict=False):
        known = [value for value in line if math.isfinite(value)]
        for mark, end in (("▲", max(known, default=high)), ("▼", min(known, default=low))):
            if end > high if mark == "▲" else end < low:
                found.append(f"{mark} {letter} to {_number(end)}")
    return ["  ".join(found)] if found else []


def bars(values: Mapping[str, float], width: int, title: str, show: Callable[[float], str]) -> str:
    """Return one bar per row, from zero to its value."""
    names, longest = _column(values)
    shown = [show(value) for value in values.values()]
    room = max(8, width - longest - max(map(len, shown)) - 2)
    largest = max(values.values()) or 1.0
    rows = [
        f"{name} {_bar(value / largest, room)} {text}"
        for name, value, text in zip(names, values.values(), shown, strict=True)
    ]
    return "\n".join([title, *rows])


def dots(values: Mapping[str, Sequence[float]], width: int, title: str) -> str:
    """Return a dot per value in the row of its name, or a number for several at one position.

    The axis shows the bulk of the rows. A row with values beyond it has an arrow at its end.
    """
    names, longest = _column(values)
    spans = [(min(row), max(row)) for row in values.values() if row]
    low, high = _range(bulk(spans, 0.5) or (0.0, 0.0))
    room = max(8, width - longest - 2)
    rows = []
    for name, row in zip(names, values.values(), strict=True):
        inside = [value for value in row if low <= value <= high]
        places = [round((value - low) / (high - low) * (room - 1)) for value in inside]
        counts = [places.count(place) for place in range(room)]
        text = "".join("·" if n == 0 else "●" if n == 1 else str(min(n, 9)) for n in counts)
        text = f"{'◂' if min(row, default=low) < low else text[0]}{text[1:]}"
        text = f"{text[:-1]}{'▸' if max(row, default=high) > high else text[-1]}"
        rows.append(f"{name} {text}")
    left, right = _alike([low, high])
    scale = f"{'':<{longest}} {left}{right:>{room - len(left)}}"
    return "\n".join([title, *rows, scale])


@dataclass(frozen=True)
class ForestLine:
    """A row of `forest`: a value, the ends of its interval if it has one, and a text.

    ``value`` is None if there is nothing to draw; ``filled`` selects the mark.
    """

    name: str
    value: float | None
    ends: tuple[float, float] | None
    filled: bool
    text: str


def forest(rows: Sequence[ForestLine], width: int, title: str, longest: int = LONGEST) -> str:
    """Return values with their intervals, one per row, beside a line at 0.

    Names take at most `longest` cells. An interval that extends beyond the row has an arrow at its
    end.
    """
    names, widest = _column((row.name for row in rows), longest)
    space = max(16, width - widest - max(len(row.text) for row in rows) - 4)
    ends = forest_range([(row.value, row.ends) for row in rows])
    lines = [title]
    for name, row in zip(names, rows, strict=True):
        cells = forest_cells(row, ends, space)
        lines.append(f"{name} {cells}  {row.text}".rstrip())
    return "\n".join(lines)


def forest_cells(row: ForestLine, axis: tuple[float, float], space: int) -> str:
    """Return a value with its interval in `space` characters, which show the range `axis`."""
    low, high = axis

    def place(value: float) -> int:
        share = (value - low) / (high - low)
        return round(min(1.0, max(0.0, share)) * (space - 1))

    cells = [" "] * space
    cells[place(0)] = "┊"
    if row.ends is not None:
        left, right = place(row.ends[0]), place(row.ends[1])
        for i in range(left, right + 1):
            cells[i] = "┼" if i == place(0) else "─"
        cells[left] = "◂" if row.ends[0] < low else "├"
        cells[right] = "▸" if row.ends[1] > high else "┤"
    if row.value is not None:
        mark = "●" if row.filled else "○"
        cells[place(row.value)] = "◂" if row.value < low else "▸" if row.value > high else mark
    return "".join(cells)


def forest_range(
    rows: Sequence[tuple[float | None, tuple[float, float] | None]],
) -> tuple[float, float]:
    """Return the ends of the axis of a forest plot, which contains 0 and the bulk of the values.

    It contains the intervals, too, unless one is so much longer than the others and than the
    distances of the values that these could not be distinguished.
    """
    known = [(min(value, 0.0), max(value, 0.0)) for value, _ in rows if value is not None]
    ends = [pair for _, pair in rows if pair is not None]
    narrowest = min((right - left for left, right in ends), default=0.0)
    low, high = bulk(known, max(narrowest, 1e-12)) or (0.0, 0.0)
    room = max(high - low, narrowest) or 1.0
    low = max(low - room, min([low, *(left for left, _ in ends)]))
    high = min(high + room, max([high, *(right for _, right in ends)]))
    margin = 0.06 * ((high - low) or room)
    return low - margin, high + margin


class Canvas:
    """Braille dots, two across and four down a character, with letters on top."""

    def __init__(self, columns: int, lines: int) -> None:
        self.columns, self.lines = columns, lines
        self._bits = [[0] * columns for _ in range(lines)]
        self._letters: dict[tuple[int, int], str] = {}

    def line(self, places: Sequence[tuple[float, float]], letter: str) -> None:
        """Join `places` and mark them: (x, y) from 0 at the left and the bottom to 1."""
        across, down = 2 * self.columns - 1, 4 * self.lines - 1
        points = [(round(x * across), round((1 - y) * down)) for x, y in places]
        for (x0, y0), (x1, y1) in pairwise(points):
            steps = max(abs(x1 - x0), abs(y1 - y0), 1)
            for step in range(steps + 1):
                self._set(x0 + (x1 - x0) * step // steps, y0 + (y1 - y0) * step // steps)
        for x, y in points[:: max(1, len(points) // 12)] + points[-1:]:
            self._letters[y // 4, x // 2] = letter

    def rows(self) -> list[str]:
        """Return the lines of text, from the top."""
        return [
            "".join(
                self._letters.get((y, x)) or (chr(0x2800 + bits) if bits else " ")
                for x, bits in enumerate(line)
            ).rstrip()
            for y, line in enumerate(self._bits)
        ]

    def _set(self, x: int, y: int) -> None:
        self._bits[y // 4][x // 2] |= _DOTS[y % 4][x % 2]


def _range(values: Sequence[float], least: float = 1.0) -> tuple[float, float]:
    """Return the lowest and the highest value, or a span of `least` around them if all are equal.

    Such a span is not below zero unless the values are.
    """
    low, high = min(values), max(values)
    if high > low:
        return low, high
    start = max(0.0, low - least / 2) if low >= 0 else low - least / 2
    return start, start + least


def _number(value: float) -> str:
    return f"{value:.4g}"


def _alike(values: Sequence[float]) -> list[str]:
    """Format numbers with equal decimals: four digits of the largest, without trailing zeros."""
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    if not 0.01 <= largest < 1e4:
        return [*map(_number, values)]
    decimals = 3 - math.floor(math.log10(largest))
    found = [f"{value:.{decimals}f}" for value in values]
    while all("." in text and text.endswith("0") for text in found):
        found = [text[:-1].removesuffix(".") for text in found]
    return found


def _bar(share: float, room: int) -> str:
    """Return a bar of `share` of the cells of a row, to an eighth of a cell."""
    whole, rest = divmod(round(8 * share * room), 8)
    return "█" * whole + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[rest]


def _column(labels: Iterable[str], room: int = LONGEST) -> tuple[list[str], int]:
    """Return the names, padded to the same width, and that width in cells."""
    names = fitted([*labels], room)
    widest = max(map(cell_len, names))
    return [set_cell_size(name, widest) for name in names], widest


def _names(labels: Iterable[str], series: Sequence[Sequence[float]], width: int) -> list[str]:
    """Return the letter, name and last value of each model, as many per line as fit."""
    names, longest = _column(labels)
    ends = _alike([line[-1] for line in series])
    widest = max(map(len, ends))
    across = max(1, (width + 3) // (longest + widest + 6))
    texts = [
        f"{letter} {name} {end:>{widest}}"
        for letter, name, end in zip(ascii_letters, names, ends, strict=False)
    ]
    return ["   ".join(texts[i : i + across]).rstrip() for i in range(0, len(texts), across)]
