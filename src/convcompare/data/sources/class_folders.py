"""Class folders: one folder of images per class, at the top or in a split."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path

from convcompare.core.errors import DataError, listed, quote, typed
from convcompare.core.formatting import several

from ..data_notes import DataNote
from ..spellings import meaning
from .image_walk import FolderWalk, natural_order, one_form
from .label_table import LabelTable, label_tables
from .split_names import MASKS, names_masks, says_nothing

ClassFolders = dict[str, list[Path]]
"""The images of each class, by its name in composed Unicode."""


class NoClassFolders(DataError):
    """The images lie in no folders of classes; a table might name their classes."""


LAYOUT = "put the images of each class into a folder of its own: FOLDER/CLASS/IMAGE"
_OR_TABLE = f"{LAYOUT}, or add a table labels.csv with columns file and label"
NAMED = 5
"""How many folders an error names."""
_MASK_OF = re.compile(rf"(.+?)[ _.-]+(?:{'|'.join(sorted(MASKS))}|seg)[ _.-]*[0-9]*", re.IGNORECASE)
AS_CLASSES = "`splits=none` reads each as a class"


def unwrapped(
    walk: FolderWalk, folder: Path, label: str = "", classes: Collection[str] = ()
) -> tuple[Path, list[LabelTable]]:
    """The folder inside of those that hold nothing but one folder, as archives make them.

    It stops above images, above the last class, and above a class of `classes`. The tables of
    labels on the way are those of its images too.
    """
    tables = label_tables(folder, label)
    while True:
        inside = walk.filled(folder)
        if len(inside) != 1 or walk.loose(folder) or one_form(inside[0].name) in classes:
            return folder, tables
        below = label_tables(inside[0], label)
        if not walk.filled(inside[0]) and not below:
            return folder, tables
        folder, tables = inside[0], tables + below


def read_classes(walk: FolderWalk, folder: Path, notes: list[DataNote]) -> ClassFolders:
    """The classes in `folder`, also those without images; what was left out goes to `notes`."""
    found: ClassFolders = {}
    forms: dict[str, str] = {}
    for path in walk.folders(folder):
        name = one_form(path.name)
        if name in forms and forms[name] != path.name:
            text = (
                f"folders in {walk.shown(folder)}/ whose names differ in Unicode form are one class"
            )
            notes.append(DataNote("unicode", text, (name,), serious=False))
        forms[name] = path.name
        found.setdefault(name, []).extend(walk.images(path))
    masks = tuple(walk.shown(path) for paths in found.values() for path in _masks_among(paths))
    if masks:
        text = f"{several(len(masks), 'image')} named as masks of others, used as images"
        notes.append(DataNote("masks", text, masks, "move masks out of the folder"))
    loose = tuple(map(walk.shown, walk.loose(folder)))
    if loose and found:
        text = f"{several(len(loose), 'image')} outside of the class folders, not used"
        notes.append(DataNote("loose", text, loose, "move them into the folder of their class"))
    return found


def check_classes(walk: FolderWalk, folder: Path, classes: ClassFolders) -> None:
    """Raise DataError unless there are two classes or more and images of each."""
    where = quote(folder)
    empty = [name for name, files in classes.items() if not files]
    filled = [name for name in classes if name not in empty]
    if len(filled) < 2:
        raise NoClassFolders(_too_few(walk, folder, filled, empty), _inner_hint(walk, folder))
    if len(empty) == 1:
        raise DataError(
            f"class {quote(empty[0])} in {where} has no images",
            "add images to it, or remove the folder",
        )
    if empty:
        raise DataError(
            f"{len(empty)} classes in {where} have no images: {listed(empty, NAMED)}",
            "add images to them, or remove the folders",
        )


def _too_few(walk: FolderWalk, folder: Path, filled: Sequence[str], empty: Sequence[str]) -> str:
    """What lies in a folder that has one class folder with images or none."""
    loose = walk.loose(folder)
    images, have = several(len(loose), "image"), "has" if len(loose) == 1 else "have"
    if not filled:
        flat = f": its {images} {have} no class" if loose else ""
        return f"there is no class folder in {quote(folder)}{flat}"
    parts = [f"{quote(folder)} has only one class folder with images: {quote(filled[0])}"]
    parts += [f"there are none in {listed(empty, NAMED)}"] if empty else []
    parts += [f"{images} outside of it {have} no class"] if loose else []
    return "; ".join(parts)


def _inner_hint(walk: FolderWalk, folder: Path) -> str:
    """The first folder inside with several folders of images; else how to lay out the images."""
    inner = folder
    while len(inside := walk.filled(inner)) == 1:
        inner = inside[0]
    if len(inside) < 2:
        return _OR_TABLE
    names = listed([path.name for path in inside], NAMED)
    return f"{typed(f'folder:{inner}')} reads the folders {names}"


def check_same_classes(
    where: str, train: tuple[str, Collection[str]], test: tuple[str, Collection[str]]
) -> None:
    """Raise DataError, which names the classes, if two splits in `where` have different ones.

    Each split is what it is called and its classes.
    """
    sides = []
    for (name, here), (_, there) in ((train, test), (test, train)):
        only = sorted(set(here) - set(there), key=natural_order)
        if only:
            sides.append(f"only in {name}: {listed(only, NAMED)}")
    if sides:
        alike = [{meaning(name.casefold()) for name in names} for _, names in (train, test)]
        written = ": capital letters, spaces and zeros count" if alike[0] == alike[1] else ""
        raise DataError(
            f"the splits in {where} differ in classes, {'; '.join(sides)}",
            f"{train[0]} and {test[0]} must have images of the same classes{written}",
        )


def _masks_among(paths: Sequence[Path]) -> list[Path]:
    """Those whose names are that of another with a word for a mask, as ``7_mask`` beside ``7``."""
    stems = {(path.parent, path.stem) for path in paths}
    named = ((path, _MASK_OF.fullmatch(path.stem)) for path in paths)
    return [path for path, match in named if match and (path.parent, match[1]) in stems]


def check_not_masks(walk: FolderWalk, folder: Path, found: ClassFolders) -> None:
    """DataError for images beside their masks, which have files of the same names.

    Either may be a folder that would be a class, or lie within each of the classes.
    """
    filled = [name for name, paths in found.items() if paths]
    masks = [name for name in filled if names_masks(name)]
    images = [name for name in filled if name not in masks]
    if (
        masks
        and len(images) == 1
        and says_nothing(images[0])
        and any(same_names(found[images[0]], found[name]) for name in masks)
    ):
        raise NoClassFolders(
            f"{listed(images + masks, NAMED)} in {quote(folder)} hold files of the "
            "same names: they look like images and their masks, not like classes",
            f"{LAYOUT}; {AS_CLASSES}",
        )
    within = [path for one in walk.filled(folder) for path in _masks_within(walk, one)]
    if within:
        raise DataError(
            f"{listed([walk.shown(path) for path in within], NAMED)} in {quote(walk.root)} "
            f"{'holds' if len(within) == 1 else 'hold'} files of the same names as the images "
            "of the class: they look like masks, and would be used as images",
            "move the masks out of the folder",
        )


def _masks_within(walk: FolderWalk, folder: Path) -> list[Path]:
    """The folders in that of a class with masks of its other images."""
    below = walk.filled(folder)
    named = [path for path in below if names_masks(path.name)]
    beside = walk.loose(folder) + [
        image
        for path in below
        if path not in named and says_nothing(one_form(path.name))
        for image in walk.images(path)
    ]
    return [path for path in named if same_names(beside, walk.images(path))]


def same_names(images: Sequence[Path], masks: Sequence[Path]) -> bool:
    """Whether some of `masks` are named as if they were of some of `images`."""
    stems = [{_of_what(path.stem) for path in paths} for paths in (images, masks)]
    return bool(stems[0] & stems[1])


def _of_what(stem: str) -> str:
    """The name of the image that a mask is of: ``7`` for ``7_mask``."""
    match = _MASK_OF.fullmatch(stem)
    return match[1] if match else stem
