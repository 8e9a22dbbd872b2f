"""Files beside images that were not read: what they may be, and how they could be read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from convcompare.core.errors import DataError, listed, quote, typed

from ..data_notes import DataNote
from .image_files import names_image
from .image_index import ImageIndex
from .image_walk import FolderWalk
from .label_table import LabelTable, as_label_table, has_pixels, tables_in
from .labelled_tree import LabelledTree
from .matlab_files import MATLAB, names_splits
from .other_formats import ARCHIVES, SPREADSHEETS, how_to_read
from .split_lists import ListFiles
from .split_names import lists_a_split, split_words
from .table_columns import (
    LABELS,
    cell,
    file_column,
    first_of,
    holds_classes,
    image_of,
    may_name_splits,
    numbers_rows,
    plain_names,
    split_column,
    surely_names_splits,
)
from .table_rows import TableFile

_LISTS = (".txt", ".lst", ".list", ".json", ".mat", *SPREADSHEETS, *ARCHIVES)
"""Extensions of files that may list the images of splits, besides those of tables."""
_LOOKED_AT = 20
"""Number of entries of an unread list that are looked up."""
_MOST_REASONS = 3
"""Maximum number of tables that an error names."""
_NEEDS = (
    "its first line must name a column file and one column label with the class of each image, or "
    "a column per class with a single 1 per row; folder:PATH:label=COLUMN takes another name"
)


def unread_names(walk: FolderWalk) -> str:
    """Describe the files that are not images, which may contain the classes."""
    return f"not read: {listed([walk.shown(path) for path in walk.others()])}"


def unread_words(folders: Iterable[Path], label_column: str) -> tuple[str, str]:
    """Return why tables in `folders` without files and classes are not read, and a hint.

    Both are empty without such tables; the hint is if the first is something else than a table.
    """
    tables = [table for folder in dict.fromkeys(folders) for table in tables_in(folder)]
    unread = [table for table in tables if as_label_table(table, label_column) is None]
    words = [f"{quote(one.path.name)} was not read: {_reason(one, label_column)}" for one in unread]
    is_table = unread and not unread[0].instead and not has_pixels(unread[0].path)
    return "; ".join(words[:_MOST_REASONS]), _NEEDS if is_table else ""


def label_hint(walk: FolderWalk, top: Path, folders: Iterable[Path]) -> str:
    """Return a hint with columns that may have the classes of the images in `top`; or "".

    They are those of the largest table in `folders` that names the images.
    """
    found: list[tuple[int, Path, list[str]]] = []
    tables = [table for folder in dict.fromkeys(folders) for table in tables_in(folder)]
    index = ImageIndex(walk, walk.images(top) if tables else ())
    for table in tables:
        with suppress(DataError):  # of rows that cannot be read
            columns = _may_be_labels(walk, table, index)
            found += [(len(table.rows), table.path, columns)] if columns else []
    if not found:
        return ""
    _, path, columns = max(found, key=lambda one: one[0])
    spec = typed(f"folder:{walk.root}:label={columns[0]}")
    others = f", or another: {listed(columns[1:], 5)}" if columns[1:] else ""
    return f"{spec} reads that column of {quote(walk.shown(path))}{others}"


def _may_be_labels(walk: FolderWalk, table: TableFile, index: ImageIndex) -> list[str]:
    """Return the columns of a table that may have classes, likely names first.

    Empty if less than half of the first rows name an image.
    """
    names, base = plain_names(table), walk.shown(table.path.parent)
    file = file_column(table, names)
    some = table.rows[:_LOOKED_AT] if file else []
    named = [row for row in some if len(index.find(image_of(table, row, file or ""), base)) == 1]
    if 2 * len(named) <= len(some):
        return []
    splits = split_column(table, (file,))
    columns = [
        column for column, name in names.items()
        if column not in (file, splits) and not numbers_rows(name) and not may_name_splits(column)
        and len({cell(row, column) for row in table.rows} - {""}) > 1
        and holds_classes(table, column)
    ]  # fmt: skip
    return sorted(columns, key=lambda one: not any(map(names[one].endswith, LABELS[:-1])))


def _reason(table: TableFile, label_column: str) -> str:
    """Return why a table is not read."""
    names = plain_names(table)
    if instead := table.instead:
        return f"it is {instead}"
    if has_pixels(table.path):
        return "its columns are pixels"
    if not names:
        return "its first line names no two columns that differ"
    if any(map(names_image, names)):
        return f"its first line is a row: {listed([*names], 5)}"
    wanted = quote(label_column) if label_column else "of classes"
    lacking = wanted if file_column(table, names) else "of files"
    return f"no column {lacking} among {listed([*names], 5)}"


def unread_tables(
    walk: FolderWalk, tables: Sequence[LabelTable], source: str, splits: bool
) -> list[DataNote]:
    """Return a note on tables that are not read, since the classes come from `source`.

    With `splits`, it is a warning if they name splits.
    """
    if not tables:
        return []
    unread = tuple(name for table in tables if splits for name in table.unread_splits)
    return [
        DataNote(
            "unread-tables",
            f"the classes are those of the {source}; tables were not read",
            tuple(walk.shown(table.path) for table in tables),
            f"they may name splits, as {listed(unread)}" if unread else "",
            serious=any(map(surely_names_splits, unread)),
        )
    ]


def unread_splits(lists: ListFiles, top: Path, found: LabelledTree) -> list[DataNote]:
    """Return a warning about unread tables and lists of splits, if there is no test split."""
    if found.test is not None:
        return []
    walk = lists.walk
    images = [path for paths in found.train.values() for path in paths]
    read = {table.path for table in found.tables}
    paths = [
        path for path in walk.others()
        if path.suffix.lower() in _LISTS and lists_a_split(path.stem) and path not in read
    ]  # fmt: skip
    paths += [path for path in _lists(lists, images) if path not in read]
    names = sorted({walk.shown(path) for path in (*_split_tables(walk.above(top)), *paths)})
    if not names:
        return []
    text = "files that may be or name splits are not read"
    hint = "a table with columns `file`, `label` and `split` is, with the values train and test"
    hint = how_to_read(map(walk.root.__truediv__, names)) or hint
    return [DataNote("unread-splits", text, tuple(names), hint)]


def _lists(lists: ListFiles, images: Sequence[Path]) -> list[Path]:
    """Return the files named as of a split whose first entries name some of `images`.

    MATLAB files that may name splits are among them, whatever their own names; files that name all
    images are not.
    """
    walk = lists.walk
    found = [path for path in lists.tables
             if path.suffix.lower() == MATLAB and names_splits(path)]  # fmt: skip
    files = [path for path in lists.paths if split_words(path.stem)]
    if not files:
        return found
    index = lists.index(images)
    for path in files:
        names, base = lists.entries(path), walk.shown(path.parent)
        some = names[:_LOOKED_AT]
        if sum(index.at_the_start(name, base) is not None for name in some) <= len(some) / 2:
            continue
        if len({index.at_the_start(name, base) for name in names} - {None}) < len(images):
            found.append(path)
    return found


def _split_tables(folders: Iterable[Path]) -> list[Path]:
    """Return the tables in `folders` of files and splits without classes.

    An example is CelebA's ``list_eval_partition.csv``.
    """
    return [
        table.path
        for folder in folders
        for table in tables_in(folder)
        if file_column(table, names := plain_names(table))
        and not first_of(names, LABELS)
        and any(map(surely_names_splits, names))
    ]
