"""Tables of image files and their classes: CSV, TSV and JSON lines."""

from __future__ import annotations

import codecs
import csv
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain, zip_longest
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from convcompare.core.errors import DataError, listed, quote

from .image_files import IMAGE_ENDINGS
from .split_names import SplitKind, split_words

_FILE = (
    *("filename", "file", "filenames", "files", "filepath", "filepaths", "path", "paths"),
    *("imagepath", "imgpath", "imagename", "imgname", "imagefile", "image", "images", "img"),
    *("imageid", "imgid", "idcode", "id", "photo", "picture"),
)
_LABEL = (
    *("label", "labels", "class", "classes", "classname", "labelname", "category", "categoryname"),
    *("target", "species", "breed", "diagnosis", "dx", "groundtruth", "y"),
    *("labelid", "classid", "categoryid"),
)
_MAY_BE_SPLIT = ("set", "dataset")
_SPLIT = ("split", "subset", "partition", "datasplit", *_MAY_BE_SPLIT)
_FOLDS = ("fold", "folds", "kfold", "foldid", "cvfold")
_ENDINGS = (".csv", ".tsv", ".jsonl")


@dataclass(frozen=True)
class LabelRow:
    """One image of a table: its file as written, its class or "", and its split or None."""

    file: str
    label: str
    split: SplitKind | None


@dataclass(frozen=True)
class LabelTable:
    """A table that has a column of files and one of classes.

    ``split`` is the split that its own name speaks of, as ``train.csv`` does, or None.
    ``unread_splits`` are columns that seem to speak of splits and are not read: ``is_test``,
    ``fold``, or a ``set`` that never names train, val or test.
    """

    path: Path
    file_column: str
    label_column: str
    split_column: str | None
    split: SplitKind | None
    unread_splits: tuple[str, ...]

    def rows(self, split_of_all: SplitKind | None = None) -> list[LabelRow]:
        """All rows that name a file, of the split given or that of their column.

        Raises DataError for a split that is not known.
        """
        found, unknown = [], set[str]()
        for row in self._read():
            file, label = _cell(row, self.file_column), _cell(row, self.label_column)
            split = split_of_all
            if self.split_column and not split:
                word = _cell(row, self.split_column)
                known = split_words(word)
                split = known[0] if known else None
                if not known:
                    unknown.add(word)
            if file:
                found.append(LabelRow(file, label, split))
        if unknown:
            raise DataError(
                f"column {quote(self.split_column)} of {quote(self.path)} names splits that are "
                f"not known: {listed(sorted(unknown))}",
                "known are train, val and test, and their usual other names",
            )
        return found

    @property
    def names_splits(self) -> bool:
        """Whether a row of its column of splits names one that is known."""
        column = self.split_column
        return column is not None and any(split_words(_cell(row, column)) for row in self._read())

    def _read(self) -> list[dict[str, object]]:
        try:
            return list(_records(self.path, _encoding(self.path)))
        except (csv.Error, UnicodeError) as error:
            raise DataError(
                f"{quote(self.path)} cannot be read as a table ({error})", "fix or remove the file"
            ) from error


def label_tables(folder: Path, label_column: str = "") -> list[LabelTable]:
    """The tables in `folder` with a column of files and one of classes, by name.

    `label_column` names the column of the classes where its name is not a usual one. Samples of a
    submission, whose classes are invented, are left out.
    """
    tables = (_table(path, label_column) for path in _table_files(folder))
    return [table for table in tables if table]


def unread_split_tables(folders: Iterable[Path]) -> list[Path]:
    """The tables in `folders` that name files and splits, and no classes.

    As CelebA's ``list_eval_partition.csv``.
    """
    return [
        path
        for folder in folders
        for path in _table_files(folder)
        if _first(names := _names(path), _FILE)
        and not _first(names, _LABEL)
        and any(map(surely_names_splits, names))
    ]


def unread_words(folders: Iterable[Path], label_column: str = "") -> str:
    """Why the first table in `folders` that names no files and classes is not read; or empty."""
    for path in (path for folder in folders for path in _table_files(folder)):
        if _table(path, label_column) is None:
            wanted = quote(label_column) if label_column else "of classes"
            lacking = f"no column {wanted}" if _first(_names(path), _FILE) else "no column of files"
            if not _names(path):
                lacking = "its first line names no two columns that differ"
            columns = f" among {listed([*_names(path)], 5)}" if _names(path) else ""
            return f"{quote(path.name)} was not read: {lacking}{columns}"
    return ""


def has_pixels(path: Path) -> bool:
    """Whether a table has pixels in its cells: a column of each, or all in one called pixels."""
    if path.suffix.lower() not in _ENDINGS or not path.is_file():
        return False
    names = [_plain(column) for column in _columns(path)]
    return (
        "pixels" in names
        or sum(bool(re.fullmatch(r"(pixel|px|p)?\d+(x\d+)?", n)) for n in names) > 9
    )


def _table_files(folder: Path) -> list[Path]:
    """The files in a folder that may be tables of labels."""
    return [
        path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in _ENDINGS
        and not (path.name.startswith(".") or "submission" in path.name.lower())
        and path.is_file()
    ]


def _names(path: Path) -> dict[str, str]:
    """The plain name of each column of a table."""
    return {column: _plain(column) for column in _columns(path)}


def _table(path: Path, label_column: str) -> LabelTable | None:
    names = _names(path)
    file = _first(names, _FILE) or next(
        (column for column, name in names.items() if name.endswith("filename")), None
    )
    label = label_column if label_column in names else None
    label = label or (None if label_column else _first(names, _LABEL))
    if file is None or label is None or file == label:
        return None
    words = split_words(path.stem)
    split = _first(names, _SPLIT)
    unread = [one for one in names if one not in (file, label, split) and may_name_splits(one)]
    table = LabelTable(path, file, label, split, words[0] if words else None, tuple(unread))
    if split is None or names[split] not in _MAY_BE_SPLIT or table.names_splits:
        return table
    return replace(table, split_column=None, unread_splits=(*unread, split))


def may_name_splits(column: str) -> bool:
    """Whether a column seems to say which split an image is of, as ``fold`` or ``is_test``."""
    words = split_words(column)
    is_flag = words is not None and words[1] in ((), ("is",))
    return is_flag or _plain(column) in (*_SPLIT, *_FOLDS)


def surely_names_splits(column: str) -> bool:
    """The same, but of names that have other meanings too: ``dataset`` may be where it is from."""
    return may_name_splits(column) and _plain(column) not in _MAY_BE_SPLIT


def _columns(path: Path) -> list[str]:
    """The columns of a table by its heading or first row; none of what is no table."""
    for encoding in ("utf-16",) if _is_utf16(path) else ("utf-8-sig", "latin-1"):
        with suppress(csv.Error, UnicodeError, DataError), path.open(encoding=encoding) as lines:
            if path.suffix.lower() == ".jsonl":
                return list(next(_json_rows(lines, path), {}))
            return list(_heading(next(lines, "")).columns)
    return []


def _first(names: dict[str, str], known: Sequence[str]) -> str | None:
    """The column with the earliest of the known names."""
    for name in known:
        for column, plain in names.items():
            if plain == name:
                return column
    return None


def _plain(column: str) -> str:
    return re.sub(r"[\W_]+", "", column.lower())


def _records(path: Path, encoding: str) -> Iterator[dict[str, object]]:
    """The rows of a table by column. Raises csv.Error, and UnicodeError for no text."""
    read = _json_rows if path.suffix.lower() == ".jsonl" else _csv_rows
    with path.open(encoding=encoding) as lines:
        yield from read(lines, path)


def _encoding(path: Path) -> str:
    """UTF-8 or, with its mark, UTF-16; else that of old spreadsheets, which takes any bytes."""
    if _is_utf16(path):
        return "utf-16"
    try:
        with path.open(encoding="utf-8-sig") as lines:
            for _ in lines:
                pass
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8-sig"


def _is_utf16(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class _Heading(NamedTuple):
    """The first line of a CSV: its mark between cells, its columns, the row that it is, if any."""

    mark: str
    columns: Sequence[str]
    row: Sequence[str] = ()


def _heading(line: str) -> _Heading:
    mark = max(",;\t|", key=line.count)
    cells = [cell.strip() for cell in next(_reader([line], mark), [])]
    if len(cells) == 2 and _is_image(cells[0]):  # no heading: file, class
        return _Heading(mark, ("file", "label"), cells)
    return _Heading(mark, cells if len(set(cells)) == len(cells) > 1 else ())


def _reader(lines: Iterable[str], mark: str) -> Any:
    """The rows of a CSV; a cell may begin behind a space."""
    return csv.reader(lines, delimiter=mark, strict=True, skipinitialspace=True)


def _csv_rows(lines: Iterable[str], path: Path) -> Iterator[dict[str, object]]:
    source = iter(lines)
    mark, columns, first = _heading(next(source, ""))
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


def _cell(row: dict[str, object], column: str) -> str:
    value = row.get(column)
    if value is None or isinstance(value, (list, dict)):
        return ""
    return str(value).strip()


def _is_image(text: str) -> bool:
    return PurePosixPath(text.strip()).suffix.lower() in IMAGE_ENDINGS
