"""A table of a report for ``\\input`` in LaTeX; the first line names the packages it needs."""

from __future__ import annotations

import dataclasses

from ..tables.latex_layout import SMALLER, layout
from ..tables.markup import with_code
from ..tables.page_cells import Folded
from ..tables.table import Column, Table
from .document import TableBlock


def to_latex(block: TableBlock, number: int) -> str:
    """Return a table with its caption and its notes; columns that a page folds are left out."""
    head = f"\\caption{{{with_code(block.caption, 'latex')}}}\n\\label{{tab:convcompare-{number}}}"
    printed = dataclasses.replace(block.table, columns=_printed(block.table))
    made = layout(printed, head, small=True)
    if made.is_long:
        return f"{made.needs}{{{SMALLER}\n{made.body}\n\\par}}\n"
    return (
        f"{made.needs}\\begin{{table}}\n\\centering{SMALLER}\n{head}\n\n\\medskip\n{made.body}\n"
        "\\end{table}\n"
    )


def _printed(table: Table) -> tuple[Column, ...]:
    folded = {key for row in table.rows for key, value in row.items() if isinstance(value, Folded)}
    return tuple(one for one in table.shown if one.key not in folded)
