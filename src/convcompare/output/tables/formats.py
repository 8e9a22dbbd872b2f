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

from .latex_layout import latex
from .markup import tabulated, with_code
from .table import Table

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
        keys = [column.key for column in table.columns]
        return csv_text(keys, ([row.get(key) for key in keys] for row in table.rows)).rstrip("\n")
    if kind == "json":
        rows = [_nested(table, row) for row in table.rows]
        record = {"schema_version": 1, table.noun: rows, "notes": list(table.notes)}
        return json.dumps(record, indent=1, ensure_ascii=False)
    if kind == "latex":
        return latex(table)
    return tabulated(table, "markdown") + _items(table.notes)


def _items(notes: Sequence[str]) -> str:
    """Return the notes as a Markdown list below a table."""
    texts = (with_code(note, "markdown") for note in notes)
    items = (re.sub(r"^(?=[#+-]|\d+[.)])", r"\\", text) for text in texts)  # no headings
    return "\n" + "".join(f"\n- {item}" for item in items) if notes else ""


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


_SIGNED_NUMBER = re.compile(r"[+-][0-9]+(\.[0-9]+)?")


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return rows as CSV in full precision, without names that spreadsheets take for formulas."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerows([_plain(value) for value in row] for row in (columns, *rows))
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
