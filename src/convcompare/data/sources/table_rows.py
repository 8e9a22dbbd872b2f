"""Rows of tables by column: CSV, TSV, JSON, and lists of a file and a class per line."""

from __future__ import annotations

import codecs
import csv
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any, NamedTuple

from convcompare.core.errors import DataError, quote

from .image_files import names_image
from .json_tables import annotation_rows
from .matlab_files import MATLAB, PLACE, matlab_rows
from .stand_ins import stand_in

_LINES = (".jsonl", ".ndjson")
"""Endings of files with a JSON object per line."""
_ENDINGS = (".csv", ".tsv", *_LINES)
MOST_TABLES = 50
"""Maximum number of tables in a folder that are read unasked; more may be one per image."""
_MARK = re.compile("sep=.")
_NUMBER = re.compile(r"[-+]?\d*\.?\d+")
OLD = "cp1252"
"""The encoding of old spreadsheets."""
_LIST, _JSON = ".txt", ".json"
"""Extensions of lists without a heading and of annotations; other such files are not tables."""
_BY_ROWS = (_JSON, MATLAB)
"""Extensions of files whose columns are those of their rows."""


@dataclass(frozen=True)
class TableFile:
    """A file that may be a table; each part is read once, on first access."""

    path: Path

    @property
    def is_table(self) -> bool:
        """Whether it is a table, by its extension, or a list or annotations that name images."""
        if not self.path.is_file():
            return False
        ending = self.path.suffix.lower()
        if ending == MATLAB and self.instead:
            return True
        return ending in _ENDINGS or (ending in (_LIST, *_BY_ROWS) and bool(self.columns))

    @property
    def by_place(self) -> bool:
        """Whether rows have the number of an image, from 1, in place of its name."""
        return PLACE in self.columns

    @cached_property
    def columns(self) -> list[str]:
        """Columns from the heading or the first row; empty if it is not a table."""
        path = self.path
        if path.suffix.lower() in _BY_ROWS:
            return list(self.first)
        wide = _wide_encoding(path)
        for encoding in (wide,) if wide else ("utf-8-sig", "cp1252", "latin-1"):
            with (
                suppress(csv.Error, UnicodeError, DataError),
                path.open(encoding=encoding) as lines,
            ):
                if path.suffix.lower() in _LINES:
                    return list(next(_json_rows(lines, path), {}))
                return list(_heading(_first_line(lines), path).columns)
        return []

    @property
    def instead(self) -> str:
        """What the file is that is no table, as a web page; empty if that is not known."""
        if self.path.suffix.lower() == MATLAB:
            return self._matlab[1]
        with self.path.open("rb") as file:
            packed = file.read(4) == b"PK\3\4"
        return "a spreadsheet or an archive: save it as CSV" if packed else stand_in(self.path)

    @cached_property
    def first(self) -> dict[str, object]:
        """First row by column; empty if there is none that can be read."""
        if self.path.suffix.lower() in _BY_ROWS:
            return next(iter(self.rows), {})
        with suppress(csv.Error, UnicodeError, DataError):
            return next(_records(self.path, encoding_of(self.path)), {})
        return {}

    @cached_property
    def rows(self) -> list[dict[str, object]]:
        """Rows by column; raises DataError if they cannot be read."""
        if self.path.suffix.lower() == _JSON:
            return annotation_rows(self.path)
        if self.path.suffix.lower() == MATLAB:
            return self._matlab[0]
        try:
            return list(_records(self.path, encoding_of(self.path)))
        except (csv.Error, UnicodeError) as error:
            raise DataError(
                f"{quote(self.path)} cannot be read as a table ({error})", "fix or remove the file"
            ) from error

    @cached_property
    def _matlab(self) -> tuple[list[dict[str, object]], str]:
        """Rows of a MATLAB file, and what it is if it cannot be read."""
        try:
            return matlab_rows(self.path), ""
        except ValueError as error:
            return [], str(error)


def _records(path: Path, encoding: str) -> Iterator[dict[str, object]]:
    """Yield the rows of a table by column; raise csv.Error, or UnicodeError if it is not text."""
    read = _json_rows if path.suffix.lower() in _LINES else _csv_rows
    with path.open(encoding=encoding) as lines:
        yield from read(lines, path)


def encoding_of(path: Path) -> str:
    """Return UTF-16 or UTF-8; else Windows-1252, or Latin-1, which decodes any bytes."""
    if wide := _wide_encoding(path):
        return wide
    for encoding in ("utf-8-sig", OLD):
        with suppress(UnicodeDecodeError), path.open(encoding=encoding) as lines:
            for _ in lines:
                pass
            return encoding
    return "latin-1"


def _wide_encoding(path: Path) -> str:
    """The kind of UTF-16 of a file, by its mark or the zeros in its first two letters; or empty."""
    with path.open("rb") as file:
        start = file.read(4)
    if start[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    if [byte == 0 for byte in start] == [False, True, False, True]:
        return "utf-16-le"
    return "utf-16-be" if [byte == 0 for byte in start] == [True, False, True, False] else ""


def _first_line(lines: Iterator[str]) -> str:
    """Return the first line with content, after the one that declares the separator (``sep=;``)."""
    return next((line for line in lines if line.strip() and not _MARK.fullmatch(line.strip())), "")


class _Heading(NamedTuple):
    """The first line of a CSV: the separator, the columns, and its cells if it is itself a row."""

    mark: str
    columns: Sequence[str]
    row: Sequence[str] = ()


def _heading(line: str, path: Path) -> _Heading:
    mark = max(",;\t|", key=line.count)
    is_list = path.suffix.lower() == _LIST
    if is_list and mark not in line:
        mark = " "
    cells = [cell.strip() for cell in next(_reader([line.strip() if is_list else line], mark), [])]
    while len(cells) > 2 and not cells[-1]:  # empty columns of a spreadsheet
        cells.pop()
    if len(cells) > 1 and names_image(cells[0]):  # no heading: file, class
        if len(cells) == 2:
            return _Heading(mark, ("file", "label"), cells)
        if is_list and mark != " " and not _NUMBER.fullmatch(cells[1]):  # file, class, box
            rest = [f"cell {number}" for number in range(3, len(cells) + 1)]
            return _Heading(mark, ("file", "label", *rest), cells)
    is_heading = not is_list and len(set(cells)) == len(cells) > 1
    return _Heading(mark, cells if is_heading else ())


def _reader(lines: Iterable[str], mark: str) -> Any:
    """Return a reader of CSV rows that skips spaces before cells."""
    return csv.reader(lines, delimiter=mark, strict=True, skipinitialspace=True)


def _csv_rows(lines: Iterable[str], path: Path) -> Iterator[dict[str, object]]:
    source = iter(lines)
    mark, columns, first = _heading(_first_line(source), path)
    rows = _reader(source, mark)
    for row in chain([first] * bool(first), rows if columns else ()):
        if any(cell.strip() for cell in row[len(columns) :]):
            raise csv.Error(
                f"line {rows.line_num + 1} has {len(row)} cells and the first line {len(columns)}: "
                f"a cell with {quote(mark)} in it needs quotes around it"
            )
        yield dict(zip_longest(columns, row[: len(columns)], fillvalue=""))


def _json_rows(lines: Iterable[str], path: Path) -> Iterator[dict[str, object]]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        if not isinstance(record, dict):
            raise DataError(
                f"line {number} of {quote(path)} is not a JSON object", "fix or remove the file"
            )
        yield record
