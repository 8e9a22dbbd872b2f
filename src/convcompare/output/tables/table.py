"""Tables: described once, rendered for a terminal, Markdown, CSV, JSON or LaTeX."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import IO, TYPE_CHECKING, Any, Literal

from rich.cells import cell_len

from convcompare.core import formatting

from ..names import fitted

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as RichTable

GAP = 2
"""Columns of space between two columns of a table."""
NARROW = 60
"""Width of a terminal, in columns, below which names may be shortened to half of LEAST_NAME."""
SPARE = 8
"""Priority from which a column is dropped before names are shortened, and without a note."""
MOST_NOTES = 4
"""Lines of notes below the table of a comparison."""
ROUNDING = 1e-9
"""Relative difference up to which two values are equal except for rounding."""
LEAST_NAME = 12
"""Cells to which names are shortened before a column is dropped."""
LEAST_PROSE = 24
"""Cells to which sentences are wrapped before their column is dropped."""


@dataclass(frozen=True)
class Column:
    """A column: `key` into the rows, heading, alignment, and treatment if space is short.

    ``show`` formats a value for people; exports contain the value itself. ``best`` marks the
    largest or the smallest value. Higher ``priority`` is dropped first. ``exported`` columns are
    for programs: CSV has them, tables for people do not. ``missing`` is the text of a cell without
    a value. ``names`` are shortened before any column is dropped, and the sentences of ``prose``
    wrapped; so are titles that are a network's (``of_network``). In JSON, a cell ``under`` (group,
    name) is the member `name` of an object `group`.
    """

    key: str
    title: str
    align: Literal["left", "right"] = "right"
    show: Callable[[Any], str] = str
    best: Literal["high", "low"] | None = None
    priority: int = 0
    exported: bool = False
    missing: str = "–"
    names: bool = False
    prose: bool = False
    of_network: bool = False
    under: tuple[str, str] | None = None


class Caution(str):
    """A note that changes the meaning of a cell, and is therefore never left out."""

    __slots__ = ()


class StyleNote(str):
    """A note on the style of cells, which is left out where text has no styles."""

    __slots__ = ()


@dataclass(frozen=True)
class Link:
    """A text with an address, relative to the file that contains the table."""

    text: str
    address: str


@dataclass(frozen=True)
class Linked:
    """The value of a cell with links, for documents; elsewhere it is its text."""

    parts: tuple[str | Link, ...]

    def __str__(self) -> str:
        return "".join(one.text if isinstance(one, Link) else one for one in self.parts)


@dataclass(frozen=True)
class Table:
    """Rows of values under columns. A cell without a value is None, shown as a dash.

    ``float`` must convert a cell that is ranked or exported.
    """

    columns: tuple[Column, ...]
    rows: tuple[Mapping[str, Any], ...]
    notes: tuple[str, ...] = ()
    unranked: frozenset[int] = frozenset()
    """Rows that are excluded when the best is marked."""
    doubted: frozenset[tuple[int, str]] = frozenset()
    """Cells that are excluded when the best is marked, as row and key of the column."""
    noun: str = "rows"
    """Name of the rows in JSON."""

    @property
    def shown(self) -> list[Column]:
        """Columns of tables for people."""
        return [column for column in self.columns if not column.exported]

    def text(self, row: int, column: Column) -> str:
        """Return a cell as text."""
        value = self.rows[row].get(column.key)
        return column.missing if value is None else column.show(value)

    def best(self, column: Column) -> set[int]:
        """Return the rows with the best value of a column; none if there is nothing to compare."""
        if column.best is None:
            return set()
        values = {
            i: float(row[column.key])
            for i, row in enumerate(self.rows)
            if row.get(column.key) is not None
            and i not in self.unranked
            and (i, column.key) not in self.doubted
        }
        if len(values) < 2:
            return set()
        best = (max if column.best == "high" else min)(values.values())
        return {i for i, value in values.items() if math.isclose(value, best, rel_tol=ROUNDING)}


def _rich(table: Table, fit: _Fit) -> RichTable:
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    rich = RichTable(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, GAP - 1, 0, 0),
        header_style="bold",
        border_style="dim",
    )
    for column in fit.columns:
        space = max(_space(column, fit.folded), fit.widest(column))
        title = fold(column.title) if fit.folded else column.title
        rich.add_column(title, justify=column.align, no_wrap=True, vertical="bottom", width=space)
    best = {column.key: table.best(column) for column in fit.columns}
    for i in range(len(table.rows)):
        cells = []
        texts = {column.key: fit.cells[column.key][i] for column in fit.columns}
        lines = max(text.count("\n") for text in texts.values())
        for key, text in texts.items():
            style = "bold green" if i in best[key] else ""
            below = "\n" * (lines - text.count("\n"))  # else rich moves the text to the last line
            cells.append(Text(text + below, style="dim" if i in table.unranked else style))
        rich.add_row(*cells)
    return rich


def print_table(console: Console, table: Table, width: int | None, most: int | None = None) -> None:
    """Print a table with its notes.

    If space is short, headings are folded first, then names shortened and sentences wrapped, then
    columns dropped by priority: no other cell wraps. A note lists the dropped columns.

    Args:
        console: Where to print.
        table: The table.
        width: Columns of the terminal, or None for full width (a pipe).
        most: Maximum number of lines of notes [default: all]. A `Caution` is always printed; the
            last line counts the notes that are left out.
    """
    fit = _fit(table, width)
    shown = _rich(table, fit)
    console.print(shown)
    console.print("─" * console.measure(shown).maximum, style="dim")
    kept = {column.key for column in fit.columns}
    dropped = [one.title for one in table.shown if one.key not in kept and one.priority < SPARE]
    end = [f"no room in {width} columns for: {', '.join(dropped)}"] if dropped else []
    notes = [
        note for note in table.notes if console.color_system or not isinstance(note, StyleNote)
    ]
    for line in _note_lines(notes, end, width, most):
        console.print(f" {line}", style="dim", soft_wrap=True)


def plain_console(file: IO[str]) -> Console:
    """Return a console that writes tables as plain text without wrapping lines."""
    from rich.console import Console

    return Console(
        file=file,
        width=10_000,
        highlight=False,
        markup=False,
        emoji=False,
        force_jupyter=False,
        force_terminal=False,
        color_system=None,
    )


def _note_lines(
    notes: Sequence[str], end: list[str], width: int | None, most: int | None
) -> list[str]:
    """Return the lines of the notes; the last has the texts of `end` and the number left out."""
    wrapped = [_wrapped(note, width) for note in notes]
    last = _wrapped(" · ".join(end), width) if end else []
    if most is None or sum(map(len, [*wrapped, last])) <= most:
        return [line for lines in [*wrapped, last] for line in lines]
    pairs = list(zip(notes, wrapped, strict=True))
    room = most - 1 - sum(len(lines) for note, lines in pairs if isinstance(note, Caution))
    shown, left = [], 0
    for note, lines in pairs:
        if isinstance(note, Caution):
            shown += lines
        elif len(lines) <= room and not left:
            shown, room = [*shown, *lines], room - len(lines)
        else:
            left += 1
    if left:
        end = [*end, f"{formatting.several(left, 'more note')}: `--verbose`"]
    return [*shown, *_wrapped(" · ".join(end), width)]


def _wrapped(note: str, width: int | None) -> list[str]:
    return formatting.wrapped(note, width - 2) if width else [note]


def natural_width(table: Table) -> int:
    """Return the terminal cells of a table in which only headings are shortened."""
    fit = _fit(table, None)
    fit.folded = True
    return fit.width


@dataclass
class _Fit:
    """The columns that fit, the texts of their cells, and whether headings are folded."""

    columns: list[Column]
    cells: dict[str, list[str]]
    folded: bool

    def widest(self, column: Column) -> int:
        """Return the terminal cells of the widest text of a column."""
        texts = self.cells[column.key]
        return max((cell_len(line) for text in texts for line in text.split("\n")), default=0)

    @property
    def width(self) -> int:
        """Terminal cells of all columns together."""
        spaces = [max(_space(one, self.folded), self.widest(one)) for one in self.columns]
        return sum(spaces) + GAP * (len(spaces) - 1)


def _fit(table: Table, width: int | None) -> _Fit:
    """Return the part of a table that fits in `width` columns; all of it if None."""
    columns = table.shown
    cells = {c.key: [table.text(i, c) for i in range(len(table.rows))] for c in columns}
    fit = _Fit(columns, cells, folded=False)
    if width is None or fit.width <= width:
        return fit
    fit.folded = True
    if fit.width > width:
        columns[:] = [column for column in columns if column.priority < SPARE]
    if fit.width > width:
        columns[:] = _with_short_titles(columns)
    flexible = [column for column in columns if column.names or column.prose]
    whole = {column.key: cells[column.key] for column in flexible}
    for column in flexible if fit.width > width else ():
        least = LEAST_NAME if width >= NARROW else LEAST_NAME // 2
        cells[column.key] = _narrowed(column, whole[column.key], least)
    while len(columns) > 1 and fit.width > width:
        columns.remove(max(columns, key=lambda column: (column.priority, columns.index(column))))
    for column in flexible:
        room = width - fit.width + max(_space(column, True), fit.widest(column))
        cells[column.key] = _narrowed(column, whole[column.key], max(1, room))
    return fit


def _with_short_titles(columns: Sequence[Column]) -> list[Column]:
    """Return the columns; headings that are the name of a network are shortened."""
    long = [column.title for column in columns if column.of_network]
    short = dict(zip(long, fitted(long, LEAST_NAME), strict=True))
    return [
        replace(column, title=short[column.title]) if column.of_network else column
        for column in columns
    ]


def _narrowed(column: Column, texts: Sequence[str], room: int) -> list[str]:
    """Return the cells of a column in `room` terminal cells: names shortened, sentences wrapped."""
    if not column.prose:
        return fitted(texts, room)
    return ["\n".join(formatting.wrapped(text, max(LEAST_PROSE, room))) for text in texts]


def _space(column: Column, folded: bool) -> int:
    """Return the terminal cells of a heading."""
    title = fold(column.title) if folded else column.title
    return max(cell_len(line) for line in title.split("\n"))


def fold(title: str) -> str:
    """Return a heading in two lines if it has several words."""
    return "\n".join(title.split(" ", 1))
