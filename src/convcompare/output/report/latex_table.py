"""A table of a report for ``\\input`` in LaTeX, at most as wide as the text.

Needs ``array`` if a column breaks lines, and ``longtable`` if the table is longer than a page; the
first line of the file names them.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

from convcompare.core.formatting import no_break

from ..tables.cell_values import Folded
from ..tables.formats import render, with_code
from ..tables.table import Column, Table
from .document import TableBlock

TEXT, GAP = 74, 2
"""Characters per line of the class ``article`` at ``\\footnotesize``, and between columns."""
SMALL = "\\footnotesize\\tabcolsep=4pt"
BREAK = re.compile("[ -]")
"""Characters at which a cell is broken into lines; no-break spaces are not among them."""
MARK = re.compile(r"^(\W) ")
"""A sign at the start of a cell, and the space after it."""
NARROWEST = 11
"""Minimum characters of a column of text whose lines are broken."""
RAGGED = r">{\raggedright\arraybackslash}"
"""Prefix of a column that breaks lines: a justified line of two words would have a gap."""
PAGE = 45
"""Lines of a table that fit on a page."""


def to_latex(block: TableBlock, number: int) -> str:
    """Return a table with its caption and its notes, to be included by ``\\input``.

    Columns of text break lines. Columns that still do not fit are placed below the others, with the
    names of the rows repeated. Columns that a page folds are left out.
    """
    table = _unbroken(dataclasses.replace(block.table, columns=_printed(block.table)))
    head = f"\\caption{{{with_code(block.caption, 'latex')}}}\n\\label{{tab:convcompare-{number}}}"
    parts = [dataclasses.replace(table, columns=one) for one in _parts(table)]
    rooms = [_rooms(part) for part in parts]
    if len(parts) == 1 and _lines(table, rooms[0]) > PAGE:
        return _over_pages(parts[0], rooms[0], head)
    notes = [table.notes if part is parts[-1] else () for part in parts]
    body = "\n\n\\medskip\n".join(
        _tabular(dataclasses.replace(part, notes=shown), room)
        for part, shown, room in zip(parts, notes, rooms, strict=True)
    )
    needs = _packages("array") if any(filter(None, chain(*rooms))) else ""
    return (
        f"{needs}\\begin{{table}}\n\\centering{SMALL}\n{head}\n\n\\medskip\n{body}\n"
        "\\end{table}\n"
    )


def _printed(table: Table) -> tuple[Column, ...]:
    folded = {key for row in table.rows for key, value in row.items() if isinstance(value, Folded)}
    return tuple(one for one in table.shown if one.key not in folded)


def _unbroken(table: Table) -> Table:
    """Return the table with no-break spaces in numbers with a margin or a unit, and after marks."""

    def shown(column: Column) -> Callable[[Any], str]:
        return lambda value: no_break(MARK.sub("\\1\u00a0", column.show(value)))

    columns = tuple(dataclasses.replace(one, show=shown(one)) for one in table.columns)
    return dataclasses.replace(table, columns=columns, notes=tuple(map(no_break, table.notes)))


def _over_pages(table: Table, room: Sequence[int | None], head: str) -> str:
    text = _tabular(table, room).replace("{tabular}", "{longtable}")
    opening, first, rest = text.partition("\\hline\n")
    heading, rule, rows = rest.partition("\\hline\n")
    body = f"{opening}{head}\\\\\n{first}{heading}{rule}\\endhead\n{rows}"
    return f"{_packages('array', 'longtable')}{{{SMALL}\n{body}\n\\par}}\n"


def _packages(*names: str) -> str:
    return f"% \\usepackage{{{','.join(names)}}}\n"


def _tabular(table: Table, rooms: Sequence[int | None]) -> str:
    kinds = "".join(
        column.align[0] if room is None else f"{RAGGED}p{{{room / TEXT:.2f}\\textwidth}}"
        for column, room in zip(table.shown, rooms, strict=True)
    )
    return re.sub(
        r"(?<=\\begin\{tabular\})\{\w*\}", lambda _: f"{{{kinds}}}", render(table, "latex")
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
        used = sum(least[one.key] + GAP for one in parts[-1])
        if parts[-1] and used + least[column.key] > TEXT:
            parts.append([name])
        parts[-1].append(column)
    return [tuple(part) for part in parts]


def _rooms(table: Table) -> list[int | None]:
    """Return the width of each column that breaks lines; None for the others.

    Columns of text get their longest piece, and share the remaining width in proportion to what
    they lack, as in the automatic table layout of CSS 2.2 (section 17.5.2.2).
    """
    columns = table.shown
    widest = [_widest(table, one) for one in columns]
    room = TEXT - GAP * (len(columns) - 1) - sum(widest)
    if room >= 0:
        return [None] * len(columns)
    texts = [place for place, one in enumerate(columns) if one.align == "left"]
    least = {place: _longest_piece(table, columns[place]) for place in texts}
    lack = sum(widest[place] - least[place] for place in texts)
    spare = max(0, lack + room)
    found: list[int | None] = [None] * len(columns)
    for place in texts:
        if more := widest[place] - least[place]:
            found[place] = least[place] + spare * more // lack
    return found


def _lines(table: Table, rooms: Sequence[int | None]) -> int:
    """Return the approximate number of lines of its rows."""
    broken = [
        (column, room) for column, room in zip(table.shown, rooms, strict=True) if room is not None
    ]
    return sum(
        max((-(-len(table.text(row, column)) // room) for column, room in broken), default=1)
        for row in range(len(table.rows))
    )


def _longest_piece(table: Table, column: Column) -> int:
    """Return the characters of the longest unbroken part of a column.

    Words count at most NARROWEST, since LaTeX hyphenates them.
    """
    cells = (table.text(row, column) for row in range(len(table.rows)))
    pieces = [piece for cell in (column.title, *cells) for piece in BREAK.split(cell)]
    return max(len(one) if "\u00a0" in one else min(len(one), NARROWEST) for one in pieces)


def _widest(table: Table, column: Column) -> int:
    cells = (len(table.text(row, column)) for row in range(len(table.rows)))
    return max(len(column.title), max(cells, default=0))
