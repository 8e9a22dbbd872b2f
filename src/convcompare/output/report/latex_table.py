"""A table of a report for ``\\input`` in LaTeX, as wide as the text at most.

Needs no package, except ``longtable`` if the table is longer than a page.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

from ..tables.cell_values import Folded
from ..tables.formats import escaped, render
from ..tables.table import Column, Table
from .document import TableBlock, spans

TEXT, GAP = 74, 3
"""Characters in a line of the class ``article`` at ``\\footnotesize``, and between columns."""
NARROWEST = 11
"""Characters to which a column of text may be narrowed by breaking its lines."""
PAGE = 45
"""Lines of a table that a page holds."""


def to_latex(block: TableBlock, number: int) -> str:
    """A table with its caption and its notes, to be included by ``\\input``.

    Columns of text break lines. Columns for which the text is still too narrow stand below the
    others, with the names of the rows repeated. Columns that a page folds are left out.
    """
    table = dataclasses.replace(block.table, columns=_printed(block.table))
    caption = "".join(
        f"\\texttt{{{escaped(part, 'latex')}}}" if is_code else escaped(part, "latex")
        for part, is_code in spans(block.caption)
    )
    head = f"\\caption{{{caption}}}\n\\label{{tab:convcompare-{number}}}"
    parts = [dataclasses.replace(table, columns=one) for one in _parts(table)]
    rooms = [_rooms(part) for part in parts]
    if len(parts) == 1 and _lines(table, rooms[0]) > PAGE:
        return _over_pages(parts[0], rooms[0], head)
    notes = [table.notes if part is parts[-1] else () for part in parts]
    body = "\n\n\\medskip\n".join(
        _tabular(dataclasses.replace(part, notes=said), room)
        for part, said, room in zip(parts, notes, rooms, strict=True)
    )
    return (
        f"\\begin{{table}}\n\\centering\\footnotesize\\sloppy\n{head}\n\n{body}\n\\end{{table}}\n"
    )


def _printed(table: Table) -> tuple[Column, ...]:
    folded = {key for row in table.rows for key, value in row.items() if isinstance(value, Folded)}
    return tuple(one for one in table.shown if one.key not in folded)


def _over_pages(table: Table, room: Sequence[int | None], head: str) -> str:
    text = _tabular(table, room).replace("{tabular}", "{longtable}")
    opening, first, rest = text.partition("\\hline\n")
    heading, rule, rows = rest.partition("\\hline\n")
    body = f"{opening}{head}\\\\\n{first}{heading}{rule}\\endhead\n{rows}"
    return f"% \\usepackage{{longtable}}\n{{\\footnotesize\\sloppy\n{body}\n\\par}}\n"


def _tabular(table: Table, rooms: Sequence[int | None]) -> str:
    kinds = "".join(
        column.align[0] if room is None else f"p{{{room / TEXT:.2f}\\textwidth}}"
        for column, room in zip(table.shown, rooms, strict=True)
    )
    rendered = render(table, "latex")
    return re.sub(r"(?<=\\begin\{tabular\})\{\w*\}", lambda _: f"{{{kinds}}}", rendered)


def _parts(table: Table) -> list[tuple[Column, ...]]:
    """The columns of each of the tables that stand below each other."""
    columns = table.shown
    least = {
        one.key: min(_widest(table, one), NARROWEST) if one.align == "left" else _widest(table, one)
        for one in columns
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
    """How wide each column is that breaks lines; None of the others.

    The shortest columns of text keep their width for as long as the rest can be narrowed.
    """
    columns = table.shown
    widest = [_widest(table, one) for one in columns]
    room = TEXT - GAP * (len(columns) - 1) - sum(widest)
    if room >= 0:
        return [None] * len(columns)
    texts = [place for place, one in enumerate(columns) if one.align == "left"]
    room += sum(widest[place] for place in texts)
    found: list[int | None] = [None] * len(columns)
    for left, place in enumerate(sorted(texts, key=widest.__getitem__)):
        share = max(NARROWEST, room // (len(texts) - left))
        if widest[place] > share:
            found[place] = share
        room -= min(widest[place], share)
    return found


def _lines(table: Table, rooms: Sequence[int | None]) -> int:
    """How many lines its rows take, roughly."""
    broken = [
        (column, room) for column, room in zip(table.shown, rooms, strict=True) if room is not None
    ]
    return sum(
        max((-(-len(table.text(row, column)) // room) for column, room in broken), default=1)
        for row in range(len(table.rows))
    )


def _widest(table: Table, column: Column) -> int:
    cells = (len(table.text(row, column)) for row in range(len(table.rows)))
    return max(len(column.title), max(cells, default=0))
