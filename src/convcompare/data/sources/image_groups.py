"""Images of one patient, video or object in both splits, by columns of tables or by folders."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from convcompare.core.errors import DataError, listed, quote
from convcompare.core.formatting import several

from ..data_notes import DataNote
from ..examine import named_as_version
from .class_folders import ClassFolders
from .image_index import ImageIndex
from .image_walk import FolderWalk, one_form
from .label_table import tables_in
from .split_names import names_parts, says_nothing
from .table_columns import cell, file_column, group_columns, image_of, plain_names
from .table_rows import TableFile

_TOO_HIGH = "test accuracy is too high if they are alike"
_LAST_WORD = re.compile(r"(.+?)([ _.-]+[a-z]+)", re.IGNORECASE)
_MOST_ENDS = 8
"""Maximum number of different ends of names that tell images of one thing."""
_SEPARATORS = " _.()-"
_SEPARATOR, _DIGIT = re.compile(r"[ _.()-]+"), re.compile("[0-9]")
_NUMBERS = re.compile("[a-z]*[0-9]+[a-z]?([ _.()-]+[a-z]*[0-9]+[a-z]?)*", re.IGNORECASE)
_MOST_NUMBERS = 3
"""Maximum number of numbers that follow the start of a group."""
_IN_GROUPS = 0.9
"""Minimum share of the images that are in groups by their starts."""
_LARGEST_GROUP = 50
"""Maximum mean number of images of a group by its start: more may be of a year or a camera."""
_LEAST_GROUPS, _FEWEST_GROUPS = 2, 5
"""Minimum number of groups by their starts per class, and of groups at all."""


def grouped_in_tables(
    walk: FolderWalk,
    places: Iterable[Path],
    labels: Collection[str],
    splits: tuple[ClassFolders, ClassFolders | None],
) -> list[DataNote]:
    """Return warnings about the tables in some folders that say what images show, as a patient.

    Without a test split, images of one patient may be drawn for both splits. With one, those that
    are in both are counted.

    Args:
        walk: the folder of the data set.
        places: folders with tables.
        labels: columns of classes.
        splits: training and test images by class.
    """
    train, test = ({path for paths in (one or {}).values() for path in paths} for one in splits)
    found: list[DataNote] = []
    index: ImageIndex | None = None
    for table in (table for place in dict.fromkeys(places) for table in tables_in(place)):
        for column in _columns(table, labels):
            index = index or ImageIndex(walk, [*train, *test])
            groups = _groups(walk, table, column, index)
            parts = [[groups[path] for path in part if path in groups] for part in (train, test)]
            name = f"{quote(column)} of {quote(walk.shown(table.path))}"
            remedy = "add a column `split` that keeps them together"
            found += divided(name, parts[0], parts[1] if test else None, remedy)
    return found


def divided(
    name: str, train: Sequence[str], test: Sequence[str] | None, remedy: str
) -> list[DataNote]:
    """Return a warning about images of one value of a column, as of a patient, in both splits.

    Args:
        name: name of the column in the warning.
        train: values of the training images.
        test: values of the test images; None if they are drawn from the training images.
        remedy: how to keep images of one value together.
    """
    if test is None:
        text = f"images of one value of {name} may be in both splits"
        several_each = len({*train}) < len(train)
        return [DataNote("divided", text, hint=f"{_TOO_HIGH}: {remedy}")] if several_each else []
    both = tuple(sorted({*train} & {*test}))
    text = f"images of {several(len(both), 'value')} of {name} are in both splits"
    return [DataNote("divided", text, both, _TOO_HIGH)] if both else []


def _columns(table: TableFile, labels: Collection[str]) -> list[str]:
    """Return the columns of groups of a table of files, without columns of classes."""
    names = plain_names(table)
    with suppress(DataError):  # of rows that cannot be read
        if file_column(table, names):
            return [column for column in group_columns(names) if column not in labels]
    return []


def _groups(
    walk: FolderWalk, table: TableFile, column: str, index: ImageIndex
) -> Mapping[Path, str]:
    """Return the values of a column by the images of their rows."""
    file, base = file_column(table, plain_names(table)) or "", walk.shown(table.path.parent)
    rows = ((index.find(image_of(table, row, file), base), cell(row, column)) for row in table.rows)
    return {found[0]: value for found, value in rows if len(found) == 1 and value}


def grouped_in_folders(walk: FolderWalk, classes: ClassFolders, inner: bool) -> list[DataNote]:
    """Return a warning if all class folders have folders, for test images drawn one by one.

    The images in such a folder are often similar: of one patient, video or object. With `inner`,
    the folders are those around the class folders.
    """
    folders: dict[str, int] = {}
    for paths in classes.values():
        below = _folders_of(walk, paths)
        if not below:
            return []
        folders |= below
    remedy = "put whole folders into train/ and test/"
    if not inner:
        remedy += "; if it is a class, `classes=inner` reads it as one"
    return _of_folders(folders, f" {'around' if inner else 'below'} class folders", remedy)


def grouped_beside_tables(walk: FolderWalk, classes: ClassFolders) -> list[DataNote]:
    """Return a warning if images lie in more folders than classes, which come from elsewhere.

    As in `grouped_in_folders`, test images are drawn one by one. Parts of a set are no groups.
    """
    folders = _folders_of(walk, [path for paths in classes.values() for path in paths])
    if len(folders) <= len(classes) or names_parts([Path(name).name for name in folders]):
        return []
    return _of_folders(folders, "", "add a column `split` that keeps whole folders together")


def grouped_by_names(classes: ClassFolders) -> list[DataNote]:
    """Return a warning if the names of images show groups, for test images drawn one by one.

    Names differ only in their last words, as ``10_left`` and ``10_right``, or ``7`` and
    ``7_depth``, or only in numbers behind the number of a group, as ``clip3_frame12``. Names of
    augmented images are left to `examine`.
    """
    labels = {path: name for name, paths in classes.items() for path in paths
              if not named_as_version(path.stem)}  # fmt: skip
    enough = len(labels) > _IN_GROUPS * sum(map(len, classes.values()))
    if ends := _ends(labels) if enough else ():
        how = f"whose names differ only in their ends, {listed(ends)},"
    elif start := _start(labels, _LEAST_GROUPS * len(classes)) if enough else "":
        how = f"of groups by their names, as those that begin with {quote(start)},"
    else:
        return []
    hint = (
        f"if a group shows one thing, as an image and its mask, a patient or a video, {_TOO_HIGH}: "
        "keep groups together, by a column `split` or in train/ and test/"
    )
    return [DataNote("divided", f"images {how} may be in both splits", hint=hint)]


def _ends(labels: Mapping[Path, str]) -> Sequence[str]:
    """Return the last words in which names of images differ from each other; mostly none.

    Words that name a class each, as in ``1_cat`` and ``1_dog``, do not count.
    """
    known = {(path.parent, path.stem) for path in labels}
    groups: dict[tuple[Path, str], set[str]] = {}
    of_end: dict[str, set[str]] = {}
    for path, label in labels.items():
        if match := _LAST_WORD.fullmatch(path.stem):
            groups.setdefault((path.parent, match[1]), set()).add(match[2])
            of_end.setdefault(match[2], set()).add(label)
    for key in groups.keys() & known:
        groups[key].add("")
    groups = {key: ends for key, ends in groups.items() if len(ends) > 1}
    ends = sorted({end for some in groups.values() for end in some} - {""})
    few = 2 * sum(map(len, groups.values())) < len(labels) or len(groups) < _FEWEST_GROUPS
    if few or len(ends) > _MOST_ENDS or all(len(of_end[end]) == 1 for end in ends):
        return ()
    return ends


def _start(labels: Iterable[Path], least: int) -> str:
    """Return the start of names of a group of images, as ``clip3``; empty without `least` groups.

    It has a number, and is followed by one to three numbers.
    """
    names = [(path.parent, path.stem.rstrip(_SEPARATORS)) for path in labels]
    parts = [(folder, name, [*_SEPARATOR.finditer(name)]) for folder, name in names]
    for cut in range(1, _MOST_NUMBERS + 1):
        counts = Counter(
            (folder, name[: between[-cut].start()])
            for folder, name, between in parts
            if len(between) >= cut and _NUMBERS.fullmatch(name, between[-cut].end())
        )
        groups = {key: count for key, count in counts.items()
                  if count > 1 and _DIGIT.search(key[1])}  # fmt: skip
        inside, enough = sum(groups.values()), len(groups) >= max(least, _FEWEST_GROUPS)
        if enough and _IN_GROUPS * len(parts) <= inside <= _LARGEST_GROUP * len(groups):
            return next(iter(groups))[1]
    return ""


def _folders_of(walk: FolderWalk, images: Sequence[Path]) -> dict[str, int]:
    """Return the number of images of each folder where their paths part; empty without several."""
    places = [path.parent for path in images]
    top = Path(os.path.commonpath(places))
    counts = Counter(place.relative_to(top).as_posix().partition("/")[0] for place in places)
    if "." in counts or len(counts) < 2 or any(map(says_nothing, map(one_form, counts))):
        return {}
    return {walk.shown(top / name): count for name, count in counts.items()}


def _of_folders(folders: Mapping[str, int], place: str, remedy: str) -> list[DataNote]:
    names = tuple(name for name, count in folders.items() if count > 1)
    text = f"images of {several(len(names), 'folder')}{place} may be in both splits"
    hint = "if such a folder is one patient, video or object, test accuracy is too high"
    return [DataNote("divided", text, names, f"{hint}: {remedy}")] if names else []
