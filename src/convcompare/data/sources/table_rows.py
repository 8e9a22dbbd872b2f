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
_LONGEST_LINE = 1 << 20
"""Maximum number of characters of the first line that are looked at."""
_MARK, _COUNT = re.compile("sep=."), re.compile("[0-9]+")
_NUMBER = re.compile(r"[-+]?\d*\.?\d+")
OLD = "cp1252"
"""The encoding of old spreadsheets."""
LISTS, _JSON = (".txt", ".lst", ".list"), ".json"
"""Extensions of lists and of annotations; other such files are not tables."""
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
        return ending in _ENDINGS or (ending in (*LISTS, *_BY_ROWS) and bool(self.columns))

    @property
    def by_place(self) -> bool:
        """Whether rows have the number of an image, from 1, in place of its name."""
        return PLACE in self.columns

    @cached_property
    def columns(self) -> list[str]:
        """Columns from the heading or the first row; empty if it is not a table."""
        by_rows = self.path.suffix.lower() in _BY_ROWS
        return list(self.first if by_rows else self._heading.columns)

    @property
    def is_list(self) -> bool:
        """Whether it has no heading, and each line begins with an image."""
        return not self._heading.above and self.columns[0] == "file"

    @property
    def starts_with_numbers(self) -> bool:
        """Whether the first line is a row of ten whole numbers or more, as of pixels."""
        if self.path.suffix.lower() != ".csv":
            return False
        with self.path.open(encoding="latin-1") as lines:
            cells = lines.readline(_LONGEST_LINE).split(",")
        return len(cells) > 9 and all(_COUNT.fullmatch(cell.strip()) for cell in cells[:10])

    @cached_property
    def _heading(self) -> _Heading:
        path = self.path
        wide = _wide_encoding(path)
        for encoding in (wide,) if wide else ("utf-8-sig", "cp1252", "latin-1"):
            with (
                suppress(csv.Error, UnicodeError, DataError),
                path.open(encoding=encoding) as lines,
            ):
                if path.suffix.lower() in _LINES:
                    return _Heading("", list(next(_json_rows(lines, path), {})))
                return _heading(lines, path)
        return _Heading("", ())

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


def _first_line(lines: Iterator[str], is_list: bool) -> str:
    """Return the first line with content, after the one that declares the separator (``sep=;``).

    Before lists, comments and the number of rows are passed over, too.
    """
    for line in lines:
        text = line.strip()
        passed = is_list and (text.startswith("#") or _COUNT.fullmatch(text))
        if text and not passed and not _MARK.fullmatch(text):
            return line
    return ""


class _Heading(NamedTuple):
    """The start of a CSV or list.

    Attributes:
        mark: the separator.
        columns: the columns; empty if it is no table.
        rows: the first lines that are rows.
        above: number of lines above the rows; 0 without a heading.
    """

    mark: str
    columns: Sequence[str]
    rows: Sequence[str] = ()
    above: int = 1


def _heading(lines: Iterator[str], path: Path) -> _Heading:
    is_list = path.suffix.lower() in LISTS
    line = _first_line(lines, is_list)
    mark = max(",;\t|", key=line.count)
    if is_list and mark not in line:
        mark = " "
    cells = _cells(line, mark)
    while len(cells) > 2 and not cells[-1]:  # empty columns of a spreadsheet
        cells.pop()
    if len(cells) > 1 and names_image(cells[0]):  # no heading: file, class
        if len(cells) == 2:
            return _Heading(mark, ("file", "label"), [line], above=0)
        if is_list and mark != " " and not _NUMBER.fullmatch(cells[1]):  # file, class, box
            rest = [f"cell {number}" for number in range(3, len(cells) + 1)]
            return _Heading(mark, ("file", "label", *rest), [line], above=0)
    if is_list:
        return _of_list(mark, cells, line, next(lines, ""))
    return _Heading(mark, cells if len(set(cells)) == len(cells) > 1 else ())


def _of_list(mark: str, cells: Sequence[str], line: str, following: str) -> _Heading:
    """Return the heading of a list from its first line and the following one.

    A heading names no image, and has a column per cell of the row below it, or all but the first
    (CelebA). Rows of a number, a class and an image (im2rec of MXNet) have no heading. The cells of
    other rows with an image are numbered, so that one can be chosen as class (COVIDx).
    """
    row = _cells(following, mark)
    images, first = ([*map(names_image, one)] for one in (row, cells))
    if any(images) and len(set(cells)) == len(cells) and not any(first):
        named = cells if len(cells) == len(row) else ("file", *cells)
        if len(named) == len(row) > 1 and (named is cells or images[0]):
            return _Heading(mark, named, [following])
    numbers = all(map(_NUMBER.fullmatch, cells[:2]))
    if first == [False, False, True] and numbers:
        return _Heading(mark, ("index", "label", "file"), [line, following], above=0)
    if first == images and sum(images) == 1 and len(cells) > 2:
        numbered = ["file" if image else f"cell {n}" for n, image in enumerate(images, start=1)]
        return _Heading(mark, numbered, [line, following], above=0)
    return _Heading(mark, ())


def _cells(line: str, mark: str) -> list[str]:
    text = line.strip() if mark == " " else line
    return [cell.strip() for cell in next(_reader([text], mark), [])]


def _reader(lines: Iterable[str], mark: str) -> Any:
    """Return a reader of CSV rows that skips spaces before cells."""
    return csv.reader(lines, delimiter=mark, strict=True, skipinitialspace=True)


def _csv_rows(lines: Iterable[str], path: Path) -> Iterator[dict[str, object]]:
    source = iter(lines)
    mark, columns, first, above = _heading(source, path)
    rows = _reader(chain(first, source), mark)
    for row in rows if columns else ():
        if any(cell.strip() for cell in row[len(columns) :]):
            raise csv.Error(
                f"line {rows.line_num + above} has {len(row)} cells and the first line "
                f"{len(columns)}: a cell with {quote(mark)} in it needs quotes around it"
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
