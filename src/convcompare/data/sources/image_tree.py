"""Image folders in their usual layouts: the files of each class of each split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from convcompare.core.errors import DataError, UsageError, quote, typed

from ..data_notes import DataNote
from .class_folders import (
    LAYOUT,
    NoClassFolders,
    OtherClasses,
    check_classes,
    check_not_masks,
    read_classes,
    table_folders,
    tables_beside,
    unwrapped,
    without_masks,
)
from .image_groups import (
    grouped_beside_tables,
    grouped_by_names,
    grouped_in_folders,
    grouped_in_tables,
)
from .image_walk import FolderWalk, natural_order
from .label_table import LabelTable, label_tables, only_other_column
from .labelled_tree import LabelledTree, labelled_tree, table_knows_better
from .name_patterns import NamePattern
from .named_tree import named_tree, names_hint
from .nested_folders import (
    check_not_a_split_beside,
    check_not_letters,
    check_not_parts,
    check_not_sets,
    check_not_splits,
    deeper_folders,
)
from .other_formats import how_to_read, reads_instead
from .split_folders import Role, read_roles
from .split_lists import ListFiles, by_lists, labelled_by_lists
from .split_tree import split_tree
from .unread_files import label_hint, unread_names, unread_splits, unread_tables, unread_words

Files = tuple[tuple[Path, ...], ...]
"""Image files of each class, in the order of the classes."""
ClassLevel = Literal["outer", "inner"]
"""Whether the outermost folders are classes, or the folders that images lie in."""
SplitNames = Literal["auto", "none"]
"""Whether folders named like splits are splits ("auto") or classes ("none")."""


@dataclass(frozen=True)
class ImageTree:
    """The classes of a folder, and the files of each.

    Attributes:
        root: the folder.
        classes: names of the classes in natural order.
        train: training files of each class.
        test: test files of each class; None if there is no test split.
        test_split: description of the test split.
        outside: number of links that lead out of the folder, which are not followed.
        notes: notes on the layout, and on files that are not used.
    """

    root: Path
    classes: tuple[str, ...]
    train: Files
    test: Files | None
    test_split: str
    outside: int
    notes: tuple[DataNote, ...]


def read_tree(
    text: str,
    splits: SplitNames = "auto",
    label: str = "",
    names: str = "",
    classes: ClassLevel = "outer",
) -> ImageTree:
    """Return the images below a folder.

    The layout is ``train/CLASS/…`` with ``test/CLASS/…`` under any usual names of splits,
    ``CLASS/…``, or a table of files and classes. Each may be inside folders that contain nothing
    else.

    Args:
        text: path of the folder.
        splits: "none" reads every folder as a class.
        label: name of the column of classes in tables; "" for a usual name.
        names: a `NamePattern` that finds classes in file names; "" for folders or tables.
        classes: "inner" reads the folders that images lie in as classes, and no tables.

    Raises:
        DataError: if the folder has none of these layouts or cannot be read.
        UsageError: if `names` is not a pattern, or if several of the options give classes.
    """
    if classes == "inner" and (names or label):
        raise UsageError(
            "`classes=inner` reads folders as classes, and not tables or the names of files",
            "leave out `label=` and `names=`",
        )
    if names and label:
        raise UsageError(
            "`label=` names a column of a table, and `names=` reads the names of files",
            "leave out one of them",
        )
    how = _How(splits, label, NamePattern(names) if names else None, classes == "inner")
    layout = "write folder:PATH with a folder of class folders"
    try:
        root = Path(text).expanduser()
        if not root.is_dir():
            above = f"{typed(f'folder:{root.parent}')} reads the folder that it lies in"
            raise DataError(f"{quote(text)} is not a folder", reads_instead([root]) or above)
        return _read(FolderWalk(root), how)
    except OSError as error:
        denied = isinstance(error, PermissionError)
        raise DataError(
            f"cannot read {quote(error.filename or text)} ({error.strerror or error})",
            "change its permissions" if denied else layout,
        ) from error
    except RuntimeError as error:  # `~name` of no user
        raise DataError(
            f"there is no folder {quote(text)} ({str(error).rstrip('.')})", layout
        ) from error


@dataclass(frozen=True)
class _How:
    """Options of `read_tree`."""

    splits: SplitNames
    label: str
    names: NamePattern | None
    inner: bool


def _read(walk: FolderWalk, how: _How) -> ImageTree:
    root = walk.root
    top, tables = unwrapped(walk, root, how.label)
    if not walk.images(top):
        where = f"there is no class folder in {quote(root)}: it holds no image"
        left = [note for note in walk.notes() if note.serious or note.kind == "other-files"]
        hints = [note.hint for note in left if note.kind != "other-files"]
        hints += [reads_instead(walk.others()), *(note.hint for note in left), LAYOUT]
        raise DataError(
            "; ".join([where, *(note.line() for note in left)]), next(filter(None, hints))
        )
    above = walk.above(top)
    if tables and all(table.split in ("val", "test") for table in tables) and how.splits != "none":
        tables += [one for one in tables_beside(walk, above, how.label) if one.split == "train"]
    try:
        return _understood(walk, top, tables, how)
    except NoClassFolders as error:
        beside = [] if tables else tables_beside(walk, above, how.label)
        if beside and not how.names:
            return _understood(walk, top, beside, how)
        column = "" if how.label else only_other_column((*above, *walk.folders(top)))
        if column:
            note = f"classes are the column {quote(column)}, the only one beside that of the files"
            found = _read(walk, replace(how, label=column))
            return replace(found, notes=(DataNote("label", note, serious=False), *found.notes))
        raise _explained(walk, top, how, error) from error
    except OtherClasses as error:
        near = (*above, *walk.folders(top)) if not (tables or how.label or how.names) else ()
        if hint := label_hint(walk, top, near):
            raise DataError(error.message, f"{hint}; {error.hint}") from error
        raise


def _explained(walk: FolderWalk, top: Path, how: _How, error: DataError) -> DataError:
    """Return an error about images without classes with what was not read, and how to read it."""
    above = walk.above(top)
    places = (*above, *walk.folders(top), *table_folders(walk, above))
    unread, needs = unread_words(places, how.label)
    labelled = "" if how.label else label_hint(walk, top, places)
    needs = "; else ".join(filter(None, (labelled, needs)))
    by_names = "" if how.label or labelled else names_hint(walk, top)
    instead = reads_instead(walk.others()) if unread and not needs else ""
    hint = by_names or needs or how_to_read(walk.others()) or instead or error.hint
    others = "" if unread or not walk.others() else unread_names(walk)
    return DataError("; ".join(filter(None, (error.message, unread, others))), hint)


def _understood(walk: FolderWalk, top: Path, tables: list[LabelTable], how: _How) -> ImageTree:
    """Return the images in `top` with classes from its folders, from `tables` or from names."""
    if how.splits == "none":
        by_folder = not how.label and len(walk.filled(top)) > 1
        roles, tables = [], [] if by_folder else [table.without_splits() for table in tables]
    else:
        roles = read_roles(walk, top, how.label, tables, named=how.names is not None)
    tables += [table for role in roles for table in role.tables]
    listed_classes, lists = None, ListFiles(walk)
    if how.splits != "none" and not tables and not how.names and len(walk.filled(top)) < 2:
        listed_classes = labelled_by_lists(lists, top, how.label)
    if how.label and not tables and not listed_classes:
        raise NoClassFolders(
            f"no table in {quote(walk.root)} has a column {quote(how.label)} beside one of files",
            "`label=` names a column of a table; class folders need none",
        )
    faults: list[DataError] = []
    found = listed_classes or _classified(walk, top, tables, roles, how, faults)
    by_tables = found.tables and not _in_split_folders(roles, how)
    source = "names of the files" if how.names else "other tables" if by_tables else "folders"
    if how.splits != "none" and found.test is None:
        found = by_lists(lists, found)
    unread = [table for table in tables
              if table not in found.tables and table.path not in found.lists]  # fmt: skip
    notes = found.notes + [
        DataNote("unread-tables", f"the classes are those of the folders, since {one.message}",
                 hint=str(one.hint)) for one in faults
    ]  # fmt: skip
    notes += [] if faults else unread_tables(walk, unread, source, splits=not roles)
    notes += unread_splits(lists, top, found)
    masked = any(note.kind in ("masks", "alike") for note in notes)
    notes += _grouped(walk, top, found, how.inner, by_folders=source == "folders", named=not masked)
    return _image_tree(walk, found, [*notes, *walk.notes()])


def _in_split_folders(roles: Sequence[Role], how: _How) -> bool:
    """Return whether the classes are folders, whatever tables say."""
    in_train = any(role.has_classes for role in roles if role.kind == "train")
    return how.inner or (in_train and not how.label)


def _classified(
    walk: FolderWalk,
    top: Path,
    tables: list[LabelTable],
    roles: Sequence[Role],
    how: _How,
    faults: list[DataError],
) -> LabelledTree:
    """Return the images in `top` with their classes.

    `faults` receives an error for tables that cannot be used, if folders can.
    """
    if how.names:
        return named_tree(walk, top, roles, how.names)
    by_table = bool(how.label)
    if tables and not by_table and not _in_split_folders(roles, how):
        by_table = bool(roles) or table_knows_better(walk, top, tables, faults)
    if tables and by_table:
        return labelled_tree(walk, top, tables, roles)
    if roles:
        return split_tree(walk, roles, tables, how.inner)
    try:
        return _in_folders(walk, top, how)
    except NoClassFolders as error:
        raise (faults or [error])[0] from error


def _image_tree(walk: FolderWalk, found: LabelledTree, notes: Sequence[DataNote]) -> ImageTree:
    """Return the images of each class, with the classes in natural order."""
    train, test = found.train, found.test
    names = tuple(sorted(train, key=natural_order))
    return ImageTree(
        root=walk.root,
        classes=names,
        train=tuple(tuple(train[name]) for name in names),
        test=None if test is None else tuple(tuple(test[name]) for name in names),
        test_split=found.test_split,
        outside=walk.outside,
        notes=tuple(notes),
    )


def _grouped(
    walk: FolderWalk, top: Path, found: LabelledTree, inner: bool, by_folders: bool, named: bool
) -> list[DataNote]:
    """Return warnings about images of one patient, video or object in both splits.

    Args:
        walk: the folder.
        top: the folder of the images within it.
        found: the images.
        inner: whether classes are the folders that images lie in.
        by_folders: whether the classes are folders.
        named: whether names of images may tell what they show.
    """
    beside = [table.path.parent for table in found.tables]
    labels = {table.label_column for table in found.tables}
    places = (*walk.above(top), *beside)
    grouped = grouped_in_tables(walk, places, labels, (found.train, found.test))
    if found.test is not None:
        return grouped
    if by_folders:
        grouped += grouped_in_folders(walk, found.train, inner)
    elif not grouped:
        grouped += grouped_beside_tables(walk, found.train)
    return grouped or (grouped_by_names(found.train) if named else [])


def _other_classes(walk: FolderWalk, top: Path) -> list[DataNote]:
    """Return a warning if the only other column of a table groups the images of class folders."""
    above = walk.above(top)
    column = "" if walk.loose(top) else only_other_column(above)
    tables = [table for path in above for table in label_tables(path, column)] if column else []
    if not tables or not table_knows_better(walk, top, tables, []):
        return []
    text = f"the classes are those of the folders, and not the column {quote(column)}"
    names = tuple(walk.shown(table.path) for table in tables)
    return [DataNote("unread-tables", text, names, f"`label={column}` reads it")]


def _in_folders(walk: FolderWalk, top: Path, how: _How) -> LabelledTree:
    """Return the images of class folders in `top`, without splits."""
    notes: list[DataNote] = []
    found = read_classes(walk, top, notes, how.inner)
    if how.splits != "none" and not how.inner:
        check_not_parts(walk, top)
        check_not_splits(walk, top)
        check_not_letters(walk, top)
        check_not_sets(walk, top)
        check_not_a_split_beside(walk, top)
    if how.splits != "none":
        check_not_masks(walk, top, found)
        found = without_masks(walk, top, found, notes)
    check_classes(walk, top, found)
    if not how.inner:
        notes += deeper_folders(walk, top)
        notes += _other_classes(walk, top) if how.splits != "none" else []
    if top != walk.root:
        where = f"classes are the folders {'below' if how.inner else 'in'} {walk.shown(top)}/"
        notes.insert(0, DataNote("layout", where, serious=False))
    return LabelledTree(found, None, "", notes)
