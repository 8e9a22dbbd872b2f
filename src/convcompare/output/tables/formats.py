"""Tables as text for files and pipes: Markdown, CSV, JSON and LaTeX."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from numbers import Number
from pathlib import Path
from typing import Any, Literal

from convcompare.core.errors import UsageError, one_of, printable, quote

from ..code_spans import code, spans
from .cell_values import Folded
from .table import Column, Link, Linked, Table

Format = Literal["table", "json", "csv", "markdown", "latex"]
FORMATS: tuple[Format, ...] = ("table", "json", "csv", "markdown", "latex")
ENDINGS: Mapping[str, Format] = {
    ".csv": "csv",
    ".json": "json",
    ".md": "markdown",
    ".tex": "latex",
    ".txt": "table",
}
"""Format of a file by its suffix."""


def render(table: Table, kind: Format) -> str:
    """Return the table as text for a file or a pipe (for ``table``: see `print_table`)."""
    if kind == "csv":
        return _csv(table)
    if kind == "json":
        rows = [_nested(table, row) for row in table.rows]
        record = {"schema_version": 1, table.noun: rows, "notes": list(table.notes)}
        return json.dumps(record, indent=1, ensure_ascii=False)
    from tabulate import tabulate

    cells = [[_marked(table, i, c, kind) for c in table.shown] for i in range(len(table.rows))]
    text = tabulate(
        cells,
        headers=[escaped(column.title, kind) for column in table.shown],
        tablefmt="pipe" if kind == "markdown" else "latex_raw",
        colalign=[column.align for column in table.shown] if cells else None,
        disable_numparse=True,
    )
    notes = [with_code(note, kind) for note in table.notes]
    if kind == "latex":
        lines = "".join(f"\n\n\\noindent {{\\footnotesize {note}}}" for note in notes)
    else:
        items = (re.sub(r"^(?=[#+-]|\d+[.)])", r"\\", note) for note in notes)  # no headings
        lines = "\n" + "".join(f"\n- {item}" for item in items) if notes else ""
    return f"{text}{lines}"


def _nested(table: Table, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row as a JSON object."""
    found = dict(row)
    for column in table.columns:
        if column.under and column.key in found:
            group, name = column.under
            found.setdefault(group, {})[name] = found.pop(column.key)
    return found


def check_format(name: str) -> Format:
    """Return the format of that name or of that file ending, such as ``md``.

    Raises:
        UsageError: If there is none.
    """
    hint = f"formats: {', '.join(FORMATS)}"
    kind = ENDINGS.get(f".{name}")
    return kind or one_of(FORMATS, name, f"there is no format {quote(name)}", hint)


def chosen_format(name: str, out: Path | None) -> Format:
    """Return the format of that name, or of the output file.

    Raises:
        UsageError: If there is no such format or suffix, or if the two contradict.
    """
    kind = check_format(name)
    if out is None or not out.suffix:
        return kind
    found = ENDINGS.get(out.suffix.lower())
    if found is None:
        raise UsageError(
            f"no format writes {quote(out.suffix)} files", f"endings: {', '.join(ENDINGS)}"
        )
    if kind not in ("table", found):
        raise UsageError(f"`--out {printable(out)}` is not {quote(kind)}", "leave out `--format`")
    return found


def _marked(table: Table, row: int, column: Column, kind: Format) -> str:
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


def escaped(text: str, kind: Format) -> str:
    """Escape text from outside for Markdown or LaTeX; unprintable characters become ``�``."""
    special = _LATEX if kind == "latex" else _MARKDOWN
    parts = _HYPHENS.split(text) if kind == "latex" else [text]
    return "{}".join(
        "".join(special.get(c, c if c.isprintable() else "�") for c in part) for part in parts
    )


def with_code(text: str, kind: Format) -> str:
    """Return the same, with code spans in the syntax of the format."""
    return "".join(
        escaped(part, kind)
        if not is_code
        else f"\\texttt{{{escaped(part, kind)}}}"
        if kind == "latex"
        else code(part)
        for part, is_code in spans(text)
    )


_SIGNED_NUMBER = re.compile(r"[+-][0-9]+(\.[0-9]+)?")
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
}


def _csv(table: Table) -> str:
    keys = [column.key for column in table.columns]
    return csv_text(keys, ([row.get(key) for key in keys] for row in table.rows)).rstrip("\n")


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return rows as CSV in full precision, without names that spreadsheets take for formulas."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_plain(value) for value in row] for row in rows)
    return buffer.getvalue()


def _plain(value: Any) -> Any:
    """Return a value for a spreadsheet, with a quote before text that looks like a formula.

    A signed number such as ``-1`` is unchanged.
    """
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return value if _SIGNED_NUMBER.fullmatch(value) else "'" + value
    if value is None or isinstance(value, (str, Number)):
        return "" if value is None else value
    return float(value)
