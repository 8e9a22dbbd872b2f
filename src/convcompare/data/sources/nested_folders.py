"""Folders within class folders: kinds of the class, or a data set that is not a class."""

from __future__ import annotations

from pathlib import Path

from convcompare.core.errors import DataError, listed, quote, typed
from convcompare.core.formatting import several

from ..data_notes import DataNote
from .class_folders import (
    AS_CLASSES,
    INNER,
    LAYOUT,
    NAMED,
    NoClassFolders,
    masks_within,
    unwrapped,
)
from .image_walk import FolderWalk, one_form
from .split_names import may_name_masks, names_parts, says_nothing, split_words, splits_among


def check_not_splits(walk: FolderWalk, folder: Path) -> None:
    """Raise DataError if all folders in `folder` contain the same folders.

    Then the outer or the inner folders are probably splits.
    """
    filled = walk.filled(folder)
    inside = [set(_inside(walk, one)) for one in filled]
    if len(filled) < 2 or not all(inside):
        return
    shared = sorted(name for name in set.intersection(*inside) if not may_name_masks(name))
    if not shared or max(map(len, inside)) < 2:
        return
    names, below = listed([one.name for one in filled], NAMED), listed(shared, NAMED)
    alone = f"{typed(f'folder:{unwrapped(walk, filled[0])[0]}')} reads the first alone"
    if len(splits_among(shared)) > 1:
        raise DataError(
            f"the folders {names} in {quote(folder)} hold splits: {below}",
            f"{alone}; put the splits first if they are classes: train/CLASS/IMAGE and "
            f"test/CLASS/IMAGE; {AS_CLASSES}",
        )
    raise DataError(
        f"the folders {names} in {quote(folder)} all hold {below}: they look like splits, and "
        "their names are not known",
        f"rename them to train and test; {INNER}, each once; {alone}; {AS_CLASSES}",
    )


def check_not_parts(walk: FolderWalk, folder: Path) -> None:
    """Raise DataError if the folders in `folder` are parts or copies of one set by their names.

    It is NoClassFolders if none of them has folders of classes.
    """
    filled = walk.filled(folder)
    names = [path.name for path in filled]
    if not names_parts(names):
        return
    text = (
        f"{listed(names, NAMED)} in {quote(folder)} are parts or copies of one set by their "
        "names, and no classes"
    )
    inner = next((path for path in filled if len(set(_inside(walk, path))) > 1), None)
    if inner:
        alone = typed(f"folder:{unwrapped(walk, inner)[0]}")
        raise DataError(text, f"{alone} reads the folders in the first; {AS_CLASSES}")
    table = "or add a table labels.csv with columns file and label"
    raise NoClassFolders(text, f"{LAYOUT}, {table}; {AS_CLASSES}")


def check_not_sets(walk: FolderWalk, folder: Path) -> None:
    """Raise DataError if a folder in `folder` contains splits, or the classes beside it again."""
    filled = walk.filled(folder)
    classes = {one_form(path.name) for path in filled}
    for path in filled:
        below = _inside(walk, path)
        again = [name for name in below if name in classes]
        splits = splits_among(below)
        if len(again) > 1:
            what = f"the folders {listed(again, NAMED)} once more"
        elif "train" in splits.values() and len(splits) > 1:
            what = f"splits: {listed(list(splits), NAMED)}"
        else:
            continue
        inner = typed(f"folder:{unwrapped(walk, path)[0]}")
        raise DataError(
            f"{quote(walk.shown(path) + '/')} in {quote(walk.root)}, beside class folders, holds "
            f"{what}",
            f"{inner} reads it alone; else move it out of the folder; {AS_CLASSES}",
        )


def check_not_letters(walk: FolderWalk, folder: Path) -> None:
    """Raise DataError if folders of one letter contain the folders that begin with it (SUN397)."""
    filled = walk.filled(folder)
    names = [[one_form(below.name) for below in walk.filled(path)] for path in filled]
    if len(filled) > 1 and all(
        len(path.name) == 1 and below and all(map(str.startswith, below, path.name * len(below)))
        for path, below in zip(filled, names, strict=True)
    ):
        raise DataError(
            f"the folders {listed([path.name for path in filled], NAMED)} in {quote(folder)} sort "
            f"others by their first letter: {listed([one for below in names for one in below], 3)}",
            f"{INNER}; {AS_CLASSES}",
        )


def check_not_a_split_beside(walk: FolderWalk, folder: Path) -> None:
    """Raise DataError if one folder has class folders, and those beside it are named like splits.

    In other layouts, such a name may be that of a class.
    """
    filled = walk.filled(folder)
    named = [path for path in filled if split_words(path.name)]
    others = [path for path in filled if path not in named]
    if not named or len(others) != 1 or len(set(_inside(walk, others[0]))) < 2:
        return
    names = listed([path.name for path in named], NAMED)
    inner = typed(f"folder:{unwrapped(walk, others[0])[0]}")
    raise DataError(
        f"{names} in {quote(folder)} {'is' if len(named) == 1 else 'are'} named as of a split, "
        f"beside {quote(others[0].name)}, which holds class folders",
        f"{inner} reads the class folders alone; rename the folders to train and test if both have "
        f"the same classes; {AS_CLASSES}",
    )


def deeper_folders(walk: FolderWalk, folder: Path) -> list[DataNote]:
    """Return a note on folders below class folders.

    It is a warning if some classes contain only folders and others images, since the former may not
    be classes.
    """
    filled = walk.filled(folder)
    masks = {below for path in filled for below in masks_within(walk, path)}
    deeper = tuple(
        walk.shown(below)
        for path in filled
        for below in walk.filled(path)
        if not says_nothing(one_form(below.name)) and below not in masks
    )
    if not deeper:
        return []
    text = f"{several(len(deeper), 'folder')} below class folders, of the class above them"
    groups = [walk.shown(path) for path in filled if len(_inside(walk, path)) > 1]
    if not groups or not any(walk.loose(_unpacked(walk, path)) for path in filled):
        return [DataNote("deeper", text, deeper, serious=False)]
    hint = f"{listed(groups, NAMED)} may be no class: {INNER}"
    return [DataNote("deeper", text, deeper, hint)]


def _unpacked(walk: FolderWalk, folder: Path) -> Path:
    """Return the only folder in a folder if it has the same name, as archives make it."""
    inside = walk.filled(folder)
    same = len(inside) == 1 and inside[0].name == folder.name and not walk.loose(folder)
    return inside[0] if same else folder


def _inside(walk: FolderWalk, folder: Path) -> list[str]:
    """Return the specific names of folders in a class folder that has no images of its own."""
    inner = unwrapped(walk, folder)[0]
    if walk.loose(inner):
        return []
    names = [one_form(path.name) for path in walk.filled(inner)]
    return [name for name in names if not says_nothing(name)]
