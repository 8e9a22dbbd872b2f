"""Tables of image files and their classes: CSV, TSV, JSON, and lists of both."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from convcompare.core.errors import DataError, listed, quote

from .split_names import ONE, SplitKind, names_several_splits, split_words
from .table_columns import (
    LABELS,
    MAY_BE_SPLIT,
    SPLITS,
    cell,
    class_columns,
    column_kinds,
    correspond,
    file_column,
    first_of,
    holds_classes,
    holds_splits,
    image_of,
    may_name_splits,
    numbers_rows,
    plain_names,
    split_column,
    whole_numbers,
)
from .table_rows import TableFile


@dataclass(frozen=True)
class LabelRow:
    """A row of a table: the file as written or its number, the class or "", the split or None."""

    file: str | int
    label: str
    split: SplitKind | None


@dataclass(frozen=True)
class LabelTable:
    """A table with a column of files, and a column of classes or a column of 0 and 1 per class.

    Attributes:
        table: the file.
        file_column: column of files.
        label_column: column of classes; empty if there are ``class_columns``.
        split_column: column of splits, or None.
        split: the split in the table's own name, as of ``train.csv``, or None.
        unread_splits: columns that seem to name splits and are not read: ``is_test``, ``fold``, or
            a ``set`` that never names train, val or test.
        class_columns: a column of 0 and 1 per class, with a single 1 per row.
        chosen: whether the column of classes was named by the user.
    """

    table: TableFile
    file_column: str
    label_column: str
    split_column: str | None
    split: SplitKind | None
    unread_splits: tuple[str, ...]
    class_columns: tuple[str, ...]
    chosen: bool

    @property
    def other_columns(self) -> list[str]:
        """The other columns with a usual name of classes that group the images in another way."""
        names = plain_names(self.table)
        if self.chosen or not self.label_column:
            return []
        return [column for column, name in names.items()
                if name in LABELS and column != self.label_column
                and holds_classes(self.table, column)
                and not correspond(self.table, self.label_column, column)]  # fmt: skip

    @property
    def path(self) -> Path:
        """Path of the file."""
        return self.table.path

    @property
    def has_boxes(self) -> bool:
        """Whether there are columns of bounding boxes, as in tables for object detection."""
        return bool({"xmin", "x1", "bbox", "bboxx", "left"} & set(plain_names(self.table).values()))

    def rows(self, split_of_all: SplitKind | None = None) -> list[LabelRow]:
        """Return all rows that name a file.

        Their split is `split_of_all`, or without it that of the column of splits.

        Raises:
            DataError: if a split is not known.
        """
        found, unknown = [], set[str]()
        labels = whole_numbers([self._label(row) for row in self.table.rows])
        column = None if split_of_all else self.split_column
        kinds = column_kinds(self.table, column) if column else {}
        for row, label in zip(self.table.rows, labels, strict=True):
            file = image_of(self.table, row, self.file_column)
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
                f"not known: {listed([word or '(empty)' for word in sorted(unknown)])}",
                "known are train, val and test, their usual other names, and 0, 1 and 2 for them",
            )
        return found

    def _label(self, row: dict[str, object]) -> str:
        if not self.class_columns:
            return cell(row, self.label_column)
        return next((name for name in self.class_columns if cell(row, name) in ONE), "")

    def without_splits(self) -> LabelTable:
        """Return the table without its splits: those of a column, and that in its name."""
        return replace(self, split_column=None, split=None)

    @property
    def names_splits(self) -> bool:
        """Whether any row of the column of splits has a known split."""
        column = self.split_column
        return column is not None and bool(column_kinds(self.table, column))


def label_tables(folder: Path, label_column: str) -> list[LabelTable]:
    """Return the tables in `folder` with a column of files and one of classes, ordered by name.

    Sample submissions, whose classes are invented, are left out.

    Args:
        folder: the folder.
        label_column: name of the column of classes; "" for a usual name.
    """
    tables = (as_label_table(table, label_column) for table in tables_in(folder))
    return [table for table in tables if table]


_SUBMISSION = re.compile(r"submission|sample[\W_]?sub(?![a-z])", re.IGNORECASE)
"""Names of tables whose classes are invented, as ``sample_sub``."""


def only_other_column(folders: Iterable[Path]) -> str:
    """Return the only column besides that of files in the tables of `folders`.

    Empty if there is no such table, if tables differ in it, or if its values are no classes: they
    hardly repeat, or are fractions or many numbers.
    """
    found = set()
    for table in (table for folder in folders for table in tables_in(folder)):
        names = plain_names(table)
        names = {column: name for column, name in names.items() if not numbers_rows(name)}
        file = file_column(table, names)
        others = [column for column in names if column != file]
        if file and len(others) == 1 and not may_name_splits(others[0]):
            found.add(others[0] if holds_classes(table, others[0]) else "")
    return found.pop() if len(found) == 1 else ""


def has_pixels(path: Path) -> bool:
    """Return whether a table contains pixels: one per column, or all in a column ``pixels``."""
    table = TableFile(path)
    if not table.is_table:
        return False
    names = [*plain_names(table).values()]
    return (
        "pixels" in names
        or table.starts_with_numbers
        or sum(bool(re.fullmatch(r"(pixel|px|p)?\d+(x\d+)?", n)) for n in names) > 9
    )


def tables_in(folder: Path) -> list[TableFile]:
    """Return the files in a folder that may be tables of labels."""
    files = (
        TableFile(path)
        for path in sorted(folder.iterdir())
        if not (path.name.startswith(".") or _SUBMISSION.search(path.stem))
    )
    return [file for file in files if file.is_table]


def as_label_table(table: TableFile, label_column: str) -> LabelTable | None:
    """Return a file as a table of files and classes; None if it lacks one of these columns."""
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
    chosen = bool(label_column)
    found = LabelTable(table, file, label or "", split, own, tuple(unread), classes, chosen)
    if split is None or names[split] not in MAY_BE_SPLIT or found.names_splits:
        return found
    return replace(found, split_column=None, unread_splits=(*unread, split))
