"""The layout of tables for LaTeX: at most as wide as the text of the class ``article``.

As on a terminal, headings are folded first, then columns without a meaning of their own are left
out and names broken into lines. Columns that still do not fit are placed below the others, with the
names of the rows repeated. Tables longer than a page are continued on the next one.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

from convcompare.core.formatting import no_break

from .markup import BREAK, tabulated, with_code
from .table import SPARE, Column, Table, fold

TEXT = 340.0
"""Width of a table in points: little less than the text of the class ``article`` (345)."""
NARROW, WIDE, SIGNS = "fijlrstI.,:;!|'`()[]/- \u00a0", "mwMWQ@%№", "=+±−×<>≥≤≠≈→∞"
"""Characters that are narrower or wider than letters and digits, and mathematical signs."""


@dataclass(frozen=True)
class _Size:
    """A size of type: factor on the widths of characters at 10 points, and points between columns.

    The widths are those of Computer Modern Roman, rounded up.
    """

    factor: float
    gap: float

    def points(self, text: str) -> float:
        """Return the width of a text in points."""
        return self.factor * sum(map(_points, text))

    def left(self, widths: Sequence[float]) -> float:
        """Return the points that are left beside columns of these widths."""
        return TEXT - self.gap * len(widths) - sum(widths)


def _points(character: str) -> float:
    if character in NARROW:
        return 3.6
    if character in WIDE:
        return 8.4
    if character in SIGNS:
        return 7.8
    return 5.2 if character.isdigit() or character.islower() else 7.0


NORMAL = _Size(factor=1.0, gap=12)
SMALL = _Size(factor=0.85, gap=8)
"""At ``\\footnotesize``, with columns that stand closer together."""
SMALLER = "\\footnotesize\\tabcolsep=4pt"
PIECES = re.compile(r"[ -]|(?<=[,:/])(?=[^\d\s])")
"""Where a cell may be broken into lines: never at a no-break space, nor within numbers."""
MARK = re.compile(r"^(\W) ")
"""A sign at the start of a cell, and the space after it."""
NARROWEST = 50.0
"""Minimum points of a column of text whose lines are broken."""
BOLDER = 1.12
"""Factor on the width of a cell in bold."""
LONG = 100.0
"""Points from which a word of a note may be broken."""
RAGGED = r">{\raggedright\arraybackslash}"
"""Prefix of a column that breaks lines: a justified line of two words would have a gap."""
PAGE = 45
"""Lines of a table that fit on a page."""


@dataclass(frozen=True)
class TypesetTable:
    """A table for LaTeX: tabulars below each other, then the notes.

    Attributes:
        body: The text, for `SMALLER` unless it fits without.
        packages: What it needs.
        parts: Number of tabulars.
        is_small: Whether it fits only in `SMALLER`.
        is_long: Whether it is continued on the next page, so that it cannot be in a ``table``.
    """

    body: str
    packages: tuple[str, ...]
    parts: int
    is_small: bool
    is_long: bool

    @property
    def needs(self) -> str:
        """A comment with the packages; empty if there are none."""
        return f"% \\usepackage{{{','.join(self.packages)}}}\n" if self.packages else ""


def latex(table: Table) -> str:
    """Return a table with its notes, for ``\\input``; comments tell how it was made to fit."""
    made = layout(table)
    if not made.is_small:
        return f"{made.needs}{made.body}"
    how = "% in small type, at most as wide as the text of article\n"
    if made.parts > 1:
        how = f"% in {made.parts} parts, for the text of article; fewer `--columns` need fewer\n"
    return f"{made.needs}{how}{{{SMALLER}\\noindent\n{made.body}\n\\par}}"


def layout(table: Table, head: str = "", small: bool = False) -> TypesetTable:
    """Return the layout of a table.

    Args:
        table: The table.
        head: Caption and label, if the table is continued on the next page.
        small: Whether it is set in `SMALLER` in any case.
    """
    table = _unbroken(table)
    fitting = table if small else _fitting(table, NORMAL)
    is_small = small or fitting is None
    if fitting is None or small:
        fitting = _fitting(table, SMALL) or _without_spare(_folded(table))
    parts = [dataclasses.replace(fitting, columns=one) for one in _parts(fitting)]
    if not is_small:
        parts = [fitting]
    rooms = [_rooms(part) if is_small else [None] * len(part.shown) for part in parts]
    is_long = any(_lines(part, room) > PAGE for part, room in zip(parts, rooms, strict=True))
    tabulars = [_tabular(part, room) for part, room in zip(parts, rooms, strict=True)]
    if is_long:
        heads = [head, *[""] * (len(parts) - 1)]
        tabulars = [_over_pages(one, top) for one, top in zip(tabulars, heads, strict=True)]
    broken = any(one is not None for room in rooms for one in room)
    return TypesetTable(
        "\n\n\\medskip\\noindent\n".join(tabulars) + _notes(table.notes),
        tuple(name for name, needed in (("array", broken), ("longtable", is_long)) if needed),
        len(parts),
        is_small,
        is_long,
    )


def _notes(notes: Sequence[str]) -> str:
    """Return the notes below a table, one per paragraph; long names may be broken into lines."""
    if not notes:
        return ""
    lines = "\n\n".join(with_code(_with_breaks(note, LONG), "latex") for note in notes)
    return f"\n\n{{\\footnotesize\\raggedright\\parindent=0pt\n{lines}\n\\par}}"


def _with_breaks(text: str, room: float) -> str:
    """Return the text with marked places at which words wider than `room` may be broken."""
    words = text.split(" ")
    broken = (PIECES.sub(lambda found: found.group() or BREAK, word) for word in words)
    pairs = zip(words, broken, strict=True)
    return " ".join(pieces if SMALL.points(word) > room else word for word, pieces in pairs)


def _fitting(table: Table, size: _Size) -> Table | None:
    """Return the table if it fits, with folded headings if need be; None if it does not."""
    for one in (table, _folded(table)):
        if size.left([_widest(one, column, size) for column in one.shown]) >= 0:
            return one
    return None


def _folded(table: Table) -> Table:
    columns = (dataclasses.replace(one, title=fold(one.title)) for one in table.shown)
    return dataclasses.replace(table, columns=tuple(columns))


def _without_spare(table: Table) -> Table:
    kept = tuple(one for one in table.shown if one.priority < SPARE)
    return dataclasses.replace(table, columns=kept)


def _unbroken(table: Table) -> Table:
    """Return the table with no-break spaces in numbers with a margin or a unit, and after marks."""

    def shown(column: Column) -> Callable[[object], str]:
        return lambda value: no_break(MARK.sub("\\1\u00a0", column.show(value)))

    columns = tuple(dataclasses.replace(one, show=shown(one)) for one in table.columns)
    return dataclasses.replace(table, columns=columns, notes=tuple(map(no_break, table.notes)))


def _over_pages(tabular: str, head: str) -> str:
    opening, first, rest = tabular.replace("{tabular}", "{longtable}").partition("\\hline\n")
    heading, rule, rows = rest.partition("\\hline\n")
    above = f"{head}\\\\\n" if head else ""
    return f"{opening}{above}{first}{heading}{rule}\\endhead\n{rows}"


def _tabular(table: Table, rooms: Sequence[float | None]) -> str:
    kinds = "".join(
        column.align[0] if room is None else f"{RAGGED}p{{{room / TEXT:.2f}\\textwidth}}"
        for column, room in zip(table.shown, rooms, strict=True)
    )
    columns = (
        column if room is None else _breakable(column, room)
        for column, room in zip(table.shown, rooms, strict=True)
    )
    return re.sub(
        r"(?<=\\begin\{tabular\})\{\w*\}",
        lambda _: f"{{{kinds}}}",
        tabulated(dataclasses.replace(table, columns=tuple(columns)), "latex"),
    )


def _breakable(column: Column, room: float) -> Column:
    """Return the column with marked places at which long words may be broken."""

    return dataclasses.replace(
        column,
        show=lambda value: _with_breaks(column.show(value), room),
        title=column.title.replace("\n", " "),
    )


def _parts(table: Table) -> list[tuple[Column, ...]]:
    """Return the columns of each of the tables that are placed below each other."""
    columns = table.shown
    least = {
        one.key: (_longest_piece if one.align == "left" else _widest)(table, one) for one in columns
    }
    name = next((one for one in columns if one.names or one.align == "left"), columns[0])
    parts: list[list[Column]] = [[]]
    for column in columns:
        if parts[-1] and SMALL.left([least[one.key] for one in (*parts[-1], column)]) < 0:
            parts.append([name])
        parts[-1].append(column)
    return [tuple(part) for part in parts]


def _rooms(table: Table) -> list[float | None]:
    """Return the width of each column that breaks lines; None for the others.

    Columns of text get their longest piece, and share the remaining width in proportion to what
    they lack, as in the automatic table layout of CSS 2.2 (section 17.5.2.2).
    """
    columns = table.shown
    widest = [_widest(table, one) for one in columns]
    room = SMALL.left(widest)
    if room >= 0:
        return [None] * len(columns)
    texts = [place for place, one in enumerate(columns) if one.align == "left"]
    least = {place: _longest_piece(table, columns[place]) for place in texts}
    lack = sum(widest[place] - least[place] for place in texts)
    spare = max(0.0, lack + room)
    found: list[float | None] = [None] * len(columns)
    for place in texts:
        if more := widest[place] - least[place]:
            found[place] = least[place] + spare * more / lack
    return found


def _lines(table: Table, rooms: Sequence[float | None]) -> int:
    """Return the approximate number of lines of its rows."""
    columns = [_cells(table, column) for column in table.shown]
    lines = [
        [1] * len(table.rows) if room is None else [ceil(SMALL.points(one) / room) for one in cells]
        for cells, room in zip(columns, rooms, strict=True)
    ]
    return sum(map(max, zip(*lines, strict=True)))


def _longest_piece(table: Table, column: Column) -> float:
    """Return the points of the longest unbroken part of a column.

    Words of letters count at most NARROWEST, since LaTeX hyphenates them.
    """
    texts = (*column.title.split("\n"), *_cells(table, column))
    pieces = [(piece, SMALL.points(piece)) for text in texts for piece in PIECES.split(text)]
    return max(
        min(wide, NARROWEST) if piece.strip("(),.:;").isalpha() else wide for piece, wide in pieces
    )


def _widest(table: Table, column: Column, size: _Size = SMALL) -> float:
    best = table.best(column)
    cells = [
        size.points(text) * (BOLDER if row in best else 1)
        for row, text in enumerate(_cells(table, column))
    ]
    return max(*map(size.points, ("", *column.title.split("\n"))), *cells)


def _cells(table: Table, column: Column) -> list[str]:
    return [table.text(row, column) for row in range(len(table.rows))]
