"""Tables of image files and their classes: CSV, TSV, JSON, and lists of both."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from convcompare.core.errors import DataError, listed, quote

from .image_files import names_image
from .split_names import SplitKind, split_words
from .table_rows import TableFile

_FILE = (
    *("filename", "file", "filenames", "files", "filepath", "filepaths", "path", "paths"),
    *("imagepath", "imgpath", "imagename", "imgname", "imagefile", "image", "images", "img"),
    *("imageid", "imgid", "idcode", "id", "photo", "picture"),
)
_LABEL = (
    *("label", "labels", "class", "classes", "classname", "labelname", "category", "categoryname"),
    *("target", "species", "breed", "diagnosis", "dx", "groundtruth", "choice", "y"),
    *("labelid", "classid", "categoryid"),
)
_MAY_BE_SPLIT = ("set", "dataset")
_SPLIT = ("split", "subset", "partition", "datasplit", *_MAY_BE_SPLIT)
_ONE, _ZERO = ("1", "1.0"), ("0", "0.0")
_NUMBER = re.compile(r"[-+]?\d*\.?\d+(e[-+]?\d+)?", re.IGNORECASE)
_WHOLE = re.compile(r"[-+]?\d+(\.0*)?")
_FEW_NUMBERS = 20
"""Numbers of more values than these may be measurements: only a usual name makes them classes."""
_INDEX = ("", "index", "unnamed0")
"""The column of row numbers that pandas writes."""
_FOLDS = ("fold", "folds", "kfold", "foldid", "cvfold")


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
        return bool({"xmin", "x1", "bbox", "bboxx", "left"} & set(_names(self.table).values()))

    def rows(self, split_of_all: SplitKind | None = None) -> list[LabelRow]:
        """All rows that name a file, of the split given or that of their column.

        Raises DataError for a split that is not known.
        """
        found, unknown = [], set[str]()
        for row in self.table.rows:
            file, label = _cell(row, self.file_column), self._label(row)
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

    def _label(self, row: dict[str, object]) -> str:
        if not self.class_columns:
            return _cell(row, self.label_column)
        return next((name for name in self.class_columns if _cell(row, name) in _ONE), "")

    @property
    def names_splits(self) -> bool:
        """Whether a row of its column of splits names one that is known."""
        column = self.split_column
        return column is not None and any(
            split_words(_cell(row, column)) for row in self.table.rows
        )


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
        if _file_column(table, names := _names(table))
        and not _first(names, _LABEL)
        and any(map(surely_names_splits, names))
    ]


def unread_words(folders: Iterable[Path], label_column: str = "") -> str:
    """Why the first table in `folders` that names no files and classes is not read; or empty."""
    for table in (table for folder in folders for table in _tables(folder)):
        if _label_table(table, label_column) is None:
            names = _names(table)
            wanted = quote(label_column) if label_column else "of classes"
            lacking = f"no column {wanted if _file_column(table, names) else 'of files'}"
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
        names = {column: name for column, name in _names(table).items() if name not in _INDEX}
        file = _file_column(table, names)
        others = [column for column in names if column != file]
        if file and len(others) == 1 and not may_name_splits(others[0]):
            found.add(others[0] if _holds_classes(table, others[0]) else "")
    return found.pop() if len(found) == 1 else ""


def has_pixels(path: Path) -> bool:
    """Whether a table has pixels in its cells: a column of each, or all in one called pixels."""
    table = TableFile(path)
    if not table.is_table:
        return False
    names = [*_names(table).values()]
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


def _names(table: TableFile) -> dict[str, str]:
    """The plain name of each column of a table."""
    return {column: _plain(column) for column in table.columns}


def _file_column(table: TableFile, names: dict[str, str]) -> str | None:
    """The column of files: of a usual name, else the only one whose first cell names an image."""
    known = _first(names, _FILE) or next(
        (column for column, name in names.items() if name.endswith("filename")), None
    )
    if known:
        return known
    if any(map(names_image, names)):  # a row, and no heading
        return None
    images = [column for column in names if names_image(_cell(table.first, column))]
    return images[0] if len(images) == 1 else None


def _label_table(table: TableFile, label_column: str) -> LabelTable | None:
    names = _names(table)
    file = _file_column(table, names)
    label = label_column if label_column in names else None
    label = label or (None if label_column else _first(names, _LABEL))
    if file is None or file == label:
        return None
    classes = () if label or label_column else _class_columns(table, file)
    if not (label or classes):
        return None
    words = split_words(table.path.stem)
    split = _first(names, _SPLIT)
    unread = [one for one in names if one not in (file, label, split) and may_name_splits(one)]
    own = words[0] if words else None
    found = LabelTable(table, file, label or "", split, own, tuple(unread), classes)
    if split is None or names[split] not in _MAY_BE_SPLIT or found.names_splits:
        return found
    return replace(found, split_column=None, unread_splits=(*unread, split))


def _holds_classes(table: TableFile, column: str) -> bool:
    with suppress(DataError):
        return may_be_classes([_cell(row, column) for row in table.rows])
    return False


def may_be_classes(values: Iterable[str]) -> bool:
    """Whether the values of a column, but for blanks, repeat: texts, or few whole numbers."""
    given = [value for value in values if value]
    kinds = set(given)
    numbers = all(_NUMBER.fullmatch(kind) for kind in kinds)
    few = len(kinds) <= _FEW_NUMBERS and all(_WHOLE.fullmatch(kind) for kind in kinds)
    return 2 * len(kinds) <= len(given) and (few or not numbers)


def _class_columns(table: TableFile, file: str) -> tuple[str, ...]:
    """The columns of 0 and 1 of a table, if each row has a single 1 in two or more of them."""
    try:
        rows = [row for row in table.rows if _cell(row, file)]
    except DataError:
        return ()
    columns = [
        name
        for name in table.columns
        if name != file
        and not may_name_splits(name)
        and all(_cell(row, name) in (*_ONE, *_ZERO) for row in rows)
    ]
    single = all(sum(_cell(row, name) in _ONE for name in columns) == 1 for row in rows)
    return tuple(columns) if rows and single and len(columns) > 1 else ()


def may_name_splits(column: str) -> bool:
    """Whether a column seems to say which split an image is of, as ``fold`` or ``is_test``."""
    words = split_words(column)
    is_flag = words is not None and words[1] in ((), ("is",))
    return is_flag or _plain(column) in (*_SPLIT, *_FOLDS)


def surely_names_splits(column: str) -> bool:
    """The same, but of names that have other meanings too: ``dataset`` may be where it is from."""
    return may_name_splits(column) and _plain(column) not in _MAY_BE_SPLIT


def _first(names: dict[str, str], known: Sequence[str]) -> str | None:
    """The column with the earliest of the known names."""
    for name in known:
        for column, plain in names.items():
            if plain == name:
                return column
    return None


def _plain(column: str) -> str:
    return re.sub(r"[\W_]+", "", column.lower())


def _cell(row: dict[str, object], column: str) -> str:
    value = row.get(column)
    if value is None or isinstance(value, (list, dict)):
        return ""
    return str(value).strip()
