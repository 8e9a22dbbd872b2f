"""Tables and texts in Markdown and LaTeX: escaped, with code spans in the format's syntax."""

from __future__ import annotations

import re
from typing import Literal

from ..code_spans import code, spans
from .page_cells import Folded
from .table import Column, Link, Linked, Table

Markup = Literal["markdown", "latex"]
BREAK = "\u200b"
"""A place at which a word may be broken into lines."""


def tabulated(table: Table, kind: Markup) -> str:
    """Return the rows and the headings of a table; lines of a heading are stacked in LaTeX."""
    from tabulate import tabulate

    cells = [[_marked(table, i, c, kind) for c in table.shown] for i in range(len(table.rows))]
    return tabulate(
        cells,
        headers=[_heading(column, kind) for column in table.shown],
        tablefmt="pipe" if kind == "markdown" else "latex_raw",
        colalign=[column.align for column in table.shown] if cells else None,
        disable_numparse=True,
    )


def _heading(column: Column, kind: Markup) -> str:
    lines = [escaped(line, kind) for line in column.title.split("\n")]
    stacked = r" \\ ".join(lines)
    return f"\\shortstack[{column.align[0]}]{{\\strut {stacked}}}" if len(lines) > 1 else lines[0]


def _marked(table: Table, row: int, column: Column, kind: Markup) -> str:
    value = table.rows[row].get(column.key)
    if isinstance(value, (Linked, Folded)) and kind == "markdown":
        return "".join(map(_markdown_link, value.parts))
    text = escaped(table.text(row, column), kind)
    if row not in table.best(column):
        return text
    return f"\\textbf{{{text}}}" if kind == "latex" else f"**{text}**"


def _markdown_link(part: str | Link) -> str:
    if isinstance(part, str):
        return escaped(part, "markdown")
    return f"[{escaped(part.text, 'markdown')}]({part.address})"


def escaped(text: str, kind: Markup) -> str:
    """Escape text from outside for Markdown or LaTeX; unprintable characters become ``�``."""
    special = _LATEX if kind == "latex" else _MARKDOWN
    parts = _HYPHENS.split(text) if kind == "latex" else [text]
    return "{}".join(
        "".join(special.get(c, c if c.isprintable() else "�") for c in part) for part in parts
    )


def with_code(text: str, kind: Markup) -> str:
    """Return the same, with code spans in the syntax of the format."""
    return "".join(
        escaped(part, kind)
        if not is_code
        else f"\\texttt{{{escaped(part, kind)}}}"
        if kind == "latex"
        else code(part)
        for part, is_code in spans(text)
    )


_HYPHENS = re.compile("(?<=-)(?=-)")
"""Between two hyphens, which LaTeX would join to a dash."""
_MARKDOWN = {**{c: f"\\{c}" for c in "\\`*_[]<>|$~&"}, "\n": " ", "\r": " "}
_LATEX = {
    **{c: f"\\{c}" for c in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "№": "No.",
    "–": "--",
    "−": "$-$",
    "×": r"$\times$",
    "·": r"$\cdot$",
    "Δ": r"$\Delta$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "≠": r"$\neq$",
    "≈": r"$\approx$",
    "∞": r"$\infty$",
    "√": r"$\surd$",
    "→": r"$\rightarrow$",
    "β": r"$\beta$",
    "σ": r"$\sigma$",
    "…": r"\ldots{}",
    "|": r"\textbar{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "²": "$^2$",
    "●": r"$\bullet$",
    "○": r"$\circ$",
    "✓": r"$\surd$",
    "✗": r"$\times$",
    "“": "``",
    "”": "''",
    "\u00a0": "~",
    BREAK: r"\allowbreak{}",
}
