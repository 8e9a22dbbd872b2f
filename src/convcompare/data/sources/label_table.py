"""Tables of image files and their classes: CSV, TSV, JSON, and lists of both."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from convcompare.core.errors import DataError, listed, quote

from .split_names import ONE, SplitKind, names_several_splits, split_words
from .table_columns import (
    INDEX,
    LABELS,
    MAY_BE_SPLIT,
    SPLITS,
    cell,
    class_columns,
    column_kinds,
    file_column,
    first_of,
    holds_classes,
    holds_splits,
    may_name_splits,
    plain_names,
    split_column,
    surely_names_splits,
)
from .table_rows import TableFile


@dataclass(frozen=True)
class LabelRow:
    """One image of a table: its file as written, its class or "", and its split or None."""

    file: str
    label: str
    split: SplitKind | None


@dataclass(frozen=True)
class LabelTable:
    """A table that has a column of files, and one of classes or one of 0 and 1 per class.

    ``class_columns`` are those of 0 and 1, with a single 1 per row; ``label_column`` is then empty.
    ``split`` is the split that its own name speaks of, as ``train.csv`` does, or None.
    ``unread_splits`` are columns that seem to speak of splits and are not read: ``is_test``,
    ``fold``, or a ``set`` that never names train, val or test.
    """

    table: TableFile
    file_column: str
    label_column: str
    split_column: str | None
    split: SplitKind | None
    unread_splits: tuple[str, ...]
    class_columns: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        """The file."""
        return self.table.path

    @property
    def has_boxes(self) -> bool:
        """Whether there are columns of boxes around objects, as those for detection."""
        return bool({"xmin", "x1", "bbox", "bboxx", "left"} & set(plain_names(self.table).values()))

    def rows(self, split_of_all: SplitKind | None = None) -> list[LabelRow]:
        """All rows that name a file, of the split given or that of their column.

        Raises DataError for a split that is not known.
        """
        found, unknown = [], set[str]()
        column = None if split_of_all else self.split_column
        kinds = column_kinds(self.table, column) if column else {}
        for row in self.table.rows:
            file, label = cell(row, self.file_column), self._label(row)
            split = split_of_all
            if column:
                word = cell(row, column)
                split = kinds.get(word)
                if not split:
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

    def _label(self, row: dict[str, object]) -> str:
        if not self.class_columns:
            return cell(row, self.label_column)
        return next((name for name in self.class_columns if cell(row, name) in ONE), "")

    @property
    def names_splits(self) -> bool:
        """Whether a row of its column of splits names one that is known."""
        column = self.split_column
        return column is not None and bool(column_kinds(self.table, column))


def label_tables(folder: Path, label_column: str = "") -> list[LabelTable]:
    """The tables in `folder` with a column of files and one of classes, by name.

    `label_column` names the column of the classes where its name is not a usual one. Samples of a
    submission, whose classes are invented, are left out.
    """
    tables = (_label_table(table, label_column) for table in _tables(folder))
    return [table for table in tables if table]


def unread_split_tables(folders: Iterable[Path]) -> list[Path]:
    """The tables in `folders` that name files and splits, and no classes.

    As CelebA's ``list_eval_partition.csv``.
    """
    return [
        table.path
        for folder in folders
        for table in _tables(folder)
        if file_column(table, names := plain_names(table))
        and not first_of(names, LABELS)
        and any(map(surely_names_splits, names))
    ]


def unread_words(folders: Iterable[Path], label_column: str = "") -> str:
    """Why the first table in `folders` that names no files and classes is not read; or empty."""
    for table in (table for folder in folders for table in _tables(folder)):
        if _label_table(table, label_column) is None:
            names = plain_names(table)
            wanted = quote(label_column) if label_column else "of classes"
            lacking = f"no column {wanted if file_column(table, names) else 'of files'}"
            if not names:
                lacking = "its first line names no two columns that differ"
            columns = f" among {listed([*names], 5)}" if names else ""
            return f"{quote(table.path.name)} was not read: {lacking}{columns}"
    return ""


def only_other_column(folders: Iterable[Path]) -> str:
    """The column of classes, whatever its name, of tables that have no other beside the files.

    Empty if there is no such table, if two have different ones, or if it holds no classes: values
    that hardly repeat, fractions, or many numbers.
    """
    found = set()
    for table in (table for folder in folders for table in _tables(folder)):
        names = {column: name for column, name in plain_names(table).items() if name not in INDEX}
        file = file_column(table, names)
        others = [column for column in names if column != file]
        if file and len(others) == 1 and not may_name_splits(others[0]):
            found.add(others[0] if holds_classes(table, others[0]) else "")
    return found.pop() if len(found) == 1 else ""


def has_pixels(path: Path) -> bool:
    """Whether a table has pixels in its cells: a column of each, or all in one called pixels."""
    table = TableFile(path)
    if not table.is_table:
        return False
    names = [*plain_names(table).values()]
    return (
        "pixels" in names
        or sum(bool(re.fullmatch(r"(pixel|px|p)?\d+(x\d+)?", n)) for n in names) > 9
    )


def _tables(folder: Path) -> list[TableFile]:
    """The files in a folder that may be tables of labels."""
    files = (
        TableFile(path)
        for path in sorted(folder.iterdir())
        if not (path.name.startswith(".") or "submission" in path.name.lower())
    )
    return [file for file in files if file.is_table]


def _label_table(table: TableFile, label_column: str) -> LabelTable | None:
    names = plain_names(table)
    file = file_column(table, names)
    label = label_column if label_column in names else None
    label = label or (None if label_column else first_of(names, LABELS))
    if file is None or file == label:
        return None
    classes = () if label or label_column else class_columns(table, file)
    if not (label or classes):
        return None
    if label and names_several_splits(table.path.stem) and holds_splits(table, label):
        return None
    words = split_words(table.path.stem)
    split = first_of(names, SPLITS) or split_column(table, (file, label))
    unread = [one for one in names if one not in (file, label, split) and may_name_splits(one)]
    own = words[0] if words else None
    found = LabelTable(table, file, label or "", split, own, tuple(unread), classes)
    if split is None or names[split] not in MAY_BE_SPLIT or found.names_splits:
        return found
    return replace(found, split_column=None, unread_splits=(*unread, split))
