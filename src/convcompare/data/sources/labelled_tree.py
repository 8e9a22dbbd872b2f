"""Folders whose classes are in a table: Kaggle's ``train.csv``, Hugging Face's ``metadata.csv``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from convcompare.core.errors import DataError, listed, quote

from ..data_notes import DataNote
from .class_folders import ClassFolders, check_same_classes
from .image_walk import FolderWalk, one_form
from .label_table import LabelTable
from .labelled_files import Labelled, LabelledFiles
from .split_folders import Role
from .split_names import SplitKind
from .table_columns import surely_names_splits

WORDS: dict[SplitKind, str] = {"test": "test", "val": "validation"}


@dataclass(frozen=True)
class LabelledTree:
    """The images of each class; ``test`` is None if there is no test split.

    ``tables`` are those by which images have their classes.
    """

    train: ClassFolders
    test: ClassFolders | None
    test_split: str
    notes: list[DataNote]
    tables: tuple[LabelTable, ...] = ()


def labelled_tree(
    walk: FolderWalk, top: Path, tables: Sequence[LabelTable], roles: Sequence[Role]
) -> LabelledTree:
    """The images in `top` by `tables`, each of which may be of one split or of all.

    Raises DataError where tables contradict each other, or give no two splits of equal classes.
    """
    places = [(role.folder, role.kind) for role in roles if role.kind]
    files, splits = LabelledFiles(places), _owners(tables, roles)
    several = [table.path.name for table in tables if splits[table.path] is None]
    if len(several) > 1:
        raise DataError(
            f"several tables in {quote(top)} name files and classes: {listed(several, 5)}",
            "keep one of them",
        )
    for table in tables:
        split = splits[table.path]
        own = [role for role in roles if role.kind == split and split]
        pool = [path for role in own for path in walk.images(role.folder)] or walk.images(top)
        files.add(table, walk, pool, split)
    found = files.found
    words = ", ".join(quote(walk.shown(table.path)) for table in tables)
    if None in found and len(found) > 1:
        raise DataError(f"{words}: some rows name a split, others none", "name one in each row")
    train = found.get("train", found.get(None))
    if train is None:
        raise DataError(f"{words}: no row is of a train split", "known are train, val and test")
    kind: SplitKind = "test" if "test" in found else "val"
    test = found.get(kind)
    notes = [DataNote("layout", f"classes from {words}", serious=False), *files.notes]
    notes += [
        DataNote("unused", f"columns of {quote(walk.shown(table.path))} that are not read",
                 table.unread_splits, "a column `split` with the values train and test is",
                 serious=any(map(surely_names_splits, table.unread_splits)))
        for table in tables if table.unread_splits
    ]  # fmt: skip
    notes += _without_images(walk, tables, found)
    notes += _left_out(walk, files, top, roles, kind if test else None)
    _check(words, train, test, files.notes)
    return LabelledTree(
        train=_sorted(train),
        test=test and _sorted(test),
        test_split=f"{WORDS[kind]} rows of {words}",
        notes=notes,
        tables=tuple(tables),
    )


def _without_images(
    walk: FolderWalk, tables: Sequence[LabelTable], found: Labelled
) -> list[DataNote]:
    """A note on columns of classes, in tables with one per class, that no image is of."""
    classes = {name for split in found.values() for name in split}
    columns = {one_form(name) for table in tables for name in table.class_columns}
    names = tuple(sorted(columns - classes))
    words = listed([walk.shown(table.path) for table in tables])
    text = f"classes that {words} {'has' if len(tables) == 1 else 'have'} a column but no image of"
    return [DataNote("no-images", text, names, serious=False)] if names else []


def labelled_split(
    walk: FolderWalk, role: Role, tables: Sequence[LabelTable], roles: Sequence[Role]
) -> tuple[ClassFolders, tuple[LabelTable, ...], list[DataNote]]:
    """The images of a split by the tables that are its own, these, and notes.

    Raises DataError where a table contradicts itself or names none of the images.
    """
    files, owners = LabelledFiles(), _owners(tables, roles)
    own = tuple(table for table in tables if owners[table.path] == role.kind)
    for table in own:
        files.add(table, walk, walk.images(role.folder), role.kind)
    found = _sorted(files.found.get(role.kind, {}))
    return found, own, files.notes + files.unnamed(walk, walk.images(role.folder))


def table_knows_better(
    walk: FolderWalk, top: Path, tables: Sequence[LabelTable], faults: list[DataNote]
) -> bool:
    """Whether the classes are those of a table, and not the folders in `top`.

    They are if they name half of the images or more, unless each folder holds images of one class,
    each class lies in one folder, and no table names splits, nor does each by its own name. What is
    wrong with a table that might have been meant goes to `faults`.
    """
    filled = walk.filled(top)
    if len(filled) < 2 or walk.loose(top):
        return True
    files = LabelledFiles()
    try:
        for table in tables:
            files.add(table, walk, walk.images(top), None)
    except DataError as error:
        text = f"the classes are those of the folders, since {error.message}"
        faults.append(DataNote("unread-tables", text, hint=str(error.hint)))
        return False
    if 2 * files.count < len(walk.images(top)):
        return False
    splits = {table.split for table in tables}
    if any(table.split_column for table in tables) or ("train" in splits and len(splits) > 1):
        return True
    pairs = {
        (name, path.relative_to(top).parts[0])
        for split in files.found.values()
        for name, paths in split.items()
        for path in paths
    }
    return not len(pairs) == len({name for name, _ in pairs}) == len({place for _, place in pairs})


def _owners(tables: Sequence[LabelTable], roles: Sequence[Role]) -> dict[Path, SplitKind | None]:
    """The split of each table: that of the folder it lies in, or of its own name."""
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
    """The images that belong to no split of a table, and the validation split beside a test."""
    notes, apart = [], set[Path]()
    for role in roles:
        if role.kind not in files.found and (role.kind or role.images):
            notes.append(role.unused(walk))
            apart.update(walk.images(role.folder))
    if test == "test" and "val" in files.found:
        text = "the rows of the validation split are not used: there is a test split"
        hint = "`--val-fraction 0.1` holds out training images to select by"
        notes.append(DataNote("unused", text, hint=hint))
    return notes + files.unnamed(walk, [path for path in walk.images(top) if path not in apart])


def _check(
    words: str, train: ClassFolders, test: ClassFolders | None, notes: Sequence[DataNote]
) -> None:
    """Raise DataError for one class, or two splits of different ones; `notes` may say why."""
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
