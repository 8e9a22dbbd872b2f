"""Image folders with a table of classes, as ``train.csv`` (Kaggle), ``metadata.csv`` (HF)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from convcompare.core.config import HOLD_OUT_HINT
from convcompare.core.errors import DataError, listed, quote

from ..data_notes import DataNote
from ..spellings import meaning
from .class_folders import ClassFolders, check_same_classes
from .image_walk import FolderWalk, one_form
from .label_table import LabelTable
from .labelled_files import Labelled, LabelledFiles
from .split_folders import Role
from .split_names import SplitKind, names_parts, numbers_in, says_nothing
from .table_columns import surely_names_splits
from .table_rows import OLD, encoding_of

_PARTS = re.compile(r"[\s,;|+]+")
_WITHHELD = "-1"
"""Class of the images of a split whose classes are not published."""
WORDS: dict[SplitKind, str] = {"test": "test", "val": "validation"}


@dataclass(frozen=True)
class LabelledTree:
    """The images of each class.

    Attributes:
        train: training images by class.
        test: test images by class; None if there is no test split.
        test_split: description of the test split.
        notes: notes on the files and tables.
        tables: tables that give images their classes.
        lists: files that give images their splits.
    """

    train: ClassFolders
    test: ClassFolders | None
    test_split: str
    notes: list[DataNote]
    tables: tuple[LabelTable, ...] = ()
    lists: tuple[Path, ...] = ()


def labelled_tree(
    walk: FolderWalk, top: Path, tables: Sequence[LabelTable], roles: Sequence[Role]
) -> LabelledTree:
    """Return the images in `top` with the classes and splits of `tables`.

    Args:
        walk: the folder.
        top: the folder of the images within it.
        tables: tables of files and classes, each for one split or for all.
        roles: folders of splits, and those beside them.

    Raises:
        DataError: if tables contradict each other, or the splits differ in classes.
    """
    files, tables, other_folds = _read(walk, top, tables, roles)
    found = files.found
    words = ", ".join(quote(walk.shown(table.path)) for table in tables)
    if None in found and len(found) > 1:
        raise DataError(f"{words}: some rows name a split, others none", "name one in each row")
    train = found.get("train", found.get(None))
    if train is None:
        raise DataError(f"{words}: no row is of a train split", "known are train, val and test")
    hidden = {_WITHHELD} - {*train}
    withheld = [one for one in WORDS if hidden and {*found.get(one, ())} == hidden]
    kind: SplitKind = "test" if "test" in found and "test" not in withheld else "val"
    test = None if kind in withheld else found.get(kind)
    notes = [DataNote("layout", f"classes from {words}", serious=False), *files.notes]
    notes += [
        DataNote("unused", f"columns of {quote(walk.shown(table.path))} that are not read",
                 table.unread_splits, "a column `split` with the values train and test is",
                 serious=any(map(surely_names_splits, table.unread_splits)))
        for table in tables if table.unread_splits
    ]  # fmt: skip
    if other_folds:
        names = tuple(walk.shown(table.path) for table in other_folds)
        text, hint = "other lists of splits, not read", "remove those that are not meant"
        notes.append(DataNote("unread-splits", text, names, hint))
    notes += [
        DataNote("unused", f"the {WORDS[one]} rows of {words} are not used: their class is "
                 f"{_WITHHELD}, as if it were withheld", hint="add their classes")
        for one in withheld
    ]  # fmt: skip
    notes += _without_images(walk, tables, found)
    notes += [note for table in tables for note in _doubts(walk, table, train)]
    notes += _left_out(walk, files, top, roles, kind if test else None)
    _check(words, train, test, files.notes)
    return LabelledTree(
        train=_sorted(train),
        test=test and _sorted(test),
        test_split=f"{WORDS[kind]} rows of {words}",
        notes=notes,
        tables=tuple(tables),
    )


def _read(
    walk: FolderWalk, top: Path, tables: Sequence[LabelTable], roles: Sequence[Role]
) -> tuple[LabelledFiles, Sequence[LabelTable], Sequence[LabelTable]]:
    """Return the images that tables name, the tables that were read, and those of other folds.

    The arguments and errors are those of `labelled_tree`.
    """
    places = [(role.folder, role.kind) for role in roles if role.kind]
    files, splits = LabelledFiles(places), _owners(tables, roles)
    if {"train"} < {*splits.values()} - {None}:  # beside a list of all images, those of splits
        tables = [table for table in tables if splits[table.path]]
    several = [table.path.name for table in tables if splits[table.path] is None]
    if len(several) > 1:
        raise DataError(
            f"several tables in {quote(top)} name files and classes: {listed(several, 5)}",
            "keep one of them",
        )
    tables, other_folds = _one_fold(tables, splits) if not roles else (tables, ())
    for table in tables:
        split = splits[table.path]
        own = [role for role in roles if role.kind == split and split]
        pool = [path for role in own for path in walk.images(role.folder)] or walk.images(top)
        files.add(table, walk, pool, split)
    files.name_classes(walk, tables)
    return files, tables, other_folds


def _one_fold(
    tables: Sequence[LabelTable], splits: Mapping[Path, SplitKind | None]
) -> tuple[Sequence[LabelTable], Sequence[LabelTable]]:
    """Return the tables to read, and those of other folds of a cross-validation.

    Tables of splits are folds if their names differ in numbers, of which each has the same splits,
    and if images are in one split of a number and in another one of another number. The lowest
    number is read.
    """
    folds: dict[tuple[int, ...], list[LabelTable]] = {}
    for table in tables:
        folds.setdefault(numbers_in(table.path.as_posix()), []).append(table)
    kinds = {frozenset(splits[table.path] for table in fold) for fold in folds.values()}
    if len(folds) < 2 or len(kinds) > 1 or len(next(iter(kinds))) < 2:
        return tables, ()
    places: dict[str | int, set[SplitKind | None]] = {}
    for table in tables:
        for row in table.rows("train"):
            places.setdefault(row.file, set()).add(splits[table.path])
    if all(len(one) < 2 for one in places.values()):
        return tables, ()
    read = folds[min(folds)]
    return read, [table for table in tables if table not in read]


def _doubts(walk: FolderWalk, table: LabelTable, classes: ClassFolders) -> Iterator[DataNote]:
    """Yield notes on classes that may be other ones than those that were meant."""
    name = quote(walk.shown(table.path))
    if others := table.other_columns:
        text = f"classes are the column {quote(table.label_column)} of {name}, and not"
        hint = f"`label={others[0]}` reads that column"
        yield DataNote("label", text, tuple(others), hint)
    combined = tuple(one for one in classes if len(parts := _PARTS.split(one)) > 1
                     and all(part in classes for part in parts))  # fmt: skip
    if combined:
        text = f"classes of {name} that seem to be several labels"
        yield DataNote("combined", text, combined, "networks learn one class per image")
    foreign = tuple(one for one in classes if not one.isascii())
    if foreign and encoding_of(table.path) in (OLD, "latin-1"):
        text = f"{name} is not in UTF-8, and was read as of Western Europe"
        yield DataNote("encoding", text, foreign, "save it in UTF-8 if these names are wrong")


def _without_images(
    walk: FolderWalk, tables: Sequence[LabelTable], found: Labelled
) -> list[DataNote]:
    """Return a note on classes without images, in tables with a column per class."""
    classes = {name for split in found.values() for name in split}
    columns = {one_form(name) for table in tables for name in table.class_columns}
    names = tuple(sorted(columns - classes))
    words = listed([walk.shown(table.path) for table in tables])
    text = f"classes that {words} {'has' if len(tables) == 1 else 'have'} a column but no image of"
    return [DataNote("no-images", text, names, serious=False)] if names else []


def labelled_split(
    walk: FolderWalk, role: Role, tables: Sequence[LabelTable], roles: Sequence[Role]
) -> tuple[ClassFolders, tuple[LabelTable, ...], list[DataNote]]:
    """Return the images of a split by its own tables, these tables, and notes.

    Raises:
        DataError: if a table contradicts itself or names none of the images.
    """
    files, owners = LabelledFiles(), _owners(tables, roles)
    own = tuple(table for table in tables if owners[table.path] == role.kind)
    for table in own:
        files.add(table, walk, walk.images(role.folder), role.kind)
    found = _sorted(files.found.get(role.kind, {}))
    return found, own, files.notes + files.unnamed(walk, walk.images(role.folder))


def table_knows_better(
    walk: FolderWalk, top: Path, tables: Sequence[LabelTable], faults: list[DataError]
) -> bool:
    """Return whether the classes are those of tables, and not the folders in `top`.

    Tables decide if they name at least half of the images, unless folders and classes correspond
    one to one, and the tables name no splits, by a column or by their own names, or have only
    numbers of the classes.

    Args:
        walk: the folder.
        top: the folder of the images within it.
        tables: tables of files and classes.
        faults: receives an error if a table cannot be used.
    """
    filled = walk.filled(top)
    if len(filled) < 2 or walk.loose(top):
        return True
    files = LabelledFiles()
    try:
        for table in tables:
            files.add(table, walk, walk.images(top), None)
    except DataError as error:
        by_place = any(table.table.by_place for table in tables)
        if by_place and any(says_nothing(path.name) for path in filled):  # jpg/ beside others
            raise
        faults.append(error)
        return False
    if 2 * files.count < len(walk.images(top)):
        return False
    if names_parts([path.name for path in filled]):
        return True
    splits = {table.split for table in tables}
    names_splits = any(table.split_column for table in tables) or {"train"} < splits
    pairs = {
        (name, path.relative_to(top).parts[0])
        for split in files.found.values()
        for name, paths in split.items()
        for path in paths
    }
    classes, places = ({pair[side] for pair in pairs} for side in (0, 1))
    numbers = _are_numbers(classes) and not _are_numbers(places)
    same = len(pairs) == len(classes) == len(places)
    return not same or (names_splits and not numbers)


def _are_numbers(names: Iterable[str]) -> bool:
    return all(isinstance(meaning(name), float) for name in names)


def _owners(tables: Sequence[LabelTable], roles: Sequence[Role]) -> dict[Path, SplitKind | None]:
    """Return the split of each table: that of its folder, or of its own name."""
    inside = {table.path: role.kind for role in roles for table in role.tables}
    return {
        table.path: inside.get(table.path) or (None if table.split_column else table.split)
        for table in tables
    }


def _left_out(
    walk: FolderWalk,
    files: LabelledFiles,
    top: Path,
    roles: Sequence[Role],
    test: SplitKind | None,
) -> list[DataNote]:
    """Return notes on images in no split, and on an unused validation split."""
    notes, apart = [], set[Path]()
    for role in roles:
        if role.kind not in files.found and (role.kind or role.images):
            other = bool(role.kind) and role.has_classes
            notes.append(role.unused(walk, "no table names its images" if other else ""))
            apart.update(walk.images(role.folder))
    if test == "test" and "val" in files.found:
        text = "the rows of the validation split are not used: there is a test split"
        notes.append(DataNote("unused", text, hint=HOLD_OUT_HINT))
    return notes + files.unnamed(walk, [path for path in walk.images(top) if path not in apart])


def _check(
    words: str, train: ClassFolders, test: ClassFolders | None, notes: Sequence[DataNote]
) -> None:
    """Raise DataError if there is one class, or if splits differ in classes.

    The error includes `notes`, which may explain it.
    """
    if len(train) < 2:
        one = f"{words}: all images are of one class, {quote(next(iter(train)))}"
        raise DataError(
            "; ".join([one, *(note.line(1) for note in notes)]),
            "`label=COLUMN` names another column of classes",
        )
    if test is not None:
        check_same_classes(words, ("train", train), ("test", test))


def _sorted(classes: ClassFolders) -> ClassFolders:
    return {name: sorted(paths) for name, paths in classes.items()}
