"""Class folders: one folder of images per class, at the top or in a split."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from convcompare.core.errors import DataError, listed, quote, typed
from convcompare.core.formatting import several

from ..data_notes import DataNote
from ..spellings import meaning
from .image_walk import FolderWalk, natural_order, one_form
from .label_table import LabelTable, label_tables
from .split_names import MASKS, may_name_masks, says_nothing, splits_among
from .table_rows import MOST_TABLES

ClassFolders = dict[str, list[Path]]
"""Images by class; names of classes are in composed Unicode."""


class NoClassFolders(DataError):
    """Raised if images are not in class folders; a table might give their classes."""


class OtherClasses(DataError):
    """Raised if splits have different classes."""


LAYOUT = "put the images of each class into a folder of its own: FOLDER/CLASS/IMAGE"
_OR_TABLE = f"{LAYOUT}, or add a table labels.csv with columns file and label"
NAMED = 5
"""Number of folders that an error names."""
_MASK_OF = re.compile(rf"(.+?)[ _.-]+(?:{'|'.join(sorted(MASKS))}|seg)[ _.-]*[0-9]*", re.IGNORECASE)
_MANY_ALIKE = 0.05
"""Share of images named like another from which several are hardly so by chance."""
AS_CLASSES = "`splits=none` reads each as a class"
INNER = "`classes=inner` reads the folders in them as classes"


def unwrapped(
    walk: FolderWalk, folder: Path, label: str = "", classes: Collection[str] = ()
) -> tuple[Path, list[LabelTable]]:
    """Return the folder inside any folders that contain only one folder, as archives make them.

    It does not descend below a folder with images, into the only class, or into one of `classes`.

    Args:
        walk: the folder of the data set.
        folder: the folder to start from.
        label: name of the column of classes in tables, or "".
        classes: names of folders that are classes.

    Returns:
        The folder, and the tables of labels in it and in those above it, up to `folder`.
    """
    tables = label_tables(folder, label)
    while True:
        inside = walk.filled(folder)
        if len(inside) != 1 or walk.loose(folder) or one_form(inside[0].name) in classes:
            return folder, tables
        if len(splits_among(path.name for path in walk.folders(folder))) > 1:
            return folder, tables
        below = label_tables(inside[0], label)
        if not walk.filled(inside[0]) and not below:
            return folder, tables
        folder, tables = inside[0], tables + below


def tables_beside(walk: FolderWalk, places: Iterable[Path], label: str) -> list[LabelTable]:
    """Return the tables of labels in folders of `places` without images, as ``annotations/``.

    Folders of many files, such as one text per image, are passed over.
    """
    return [table for folder in table_folders(walk, places)
            for table in label_tables(folder, label)]  # fmt: skip


def table_folders(walk: FolderWalk, places: Iterable[Path]) -> list[Path]:
    """Return the folders in `places` without images that may have tables."""
    folders = [folder for place in places for folder in walk.folders(place)
               if not walk.images(folder)]  # fmt: skip
    counts = Counter(path.parent for path in walk.others())
    return [folder for folder in dict.fromkeys(folders) if counts[folder] <= MOST_TABLES]


def read_classes(
    walk: FolderWalk, folder: Path, notes: list[DataNote], inner: bool = False
) -> ClassFolders:
    """Return the classes in `folder`, also those without images; `notes` receives the rest.

    With `inner`, classes are the folders that images lie in, and not the folders in `folder`.
    """
    found = _inner_classes(walk, folder) if inner else _outer_classes(walk, folder, notes)
    masks = tuple(walk.shown(path) for paths in found.values() for path in _masks_among(paths))
    if masks:
        text = f"{several(len(masks), 'image')} named as masks of others, used as images"
        notes.append(DataNote("masks", text, masks, "move masks out of the folder"))
    notes += named_alike(walk, [path for paths in found.values() for path in paths])
    loose = tuple(map(walk.shown, walk.loose(folder)))
    if loose and found:
        text = f"{several(len(loose), 'image')} outside of the class folders, not used"
        notes.append(DataNote("loose", text, loose, "move them into the folder of their class"))
    return found


def _inner_classes(walk: FolderWalk, folder: Path) -> ClassFolders:
    """Return the images by the last folder of their path with a specific name, not ``images``."""
    found: ClassFolders = {}
    for outer in walk.folders(folder):
        for path in walk.images(outer):
            names = [one_form(part) for part in path.parent.relative_to(folder).parts]
            name = next((one for one in reversed(names) if not says_nothing(one)), names[-1])
            found.setdefault(name, []).append(path)
    return found


def _outer_classes(walk: FolderWalk, folder: Path, notes: list[DataNote]) -> ClassFolders:
    """Return the images of each folder in `folder`."""
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
    return found


def check_classes(walk: FolderWalk, folder: Path, classes: ClassFolders) -> None:
    """Raise DataError unless there are two or more classes and images of each."""
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
    """Describe a folder that has one class folder with images, or none."""
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
    """Return a hint with the first folder inside that has several folders of images.

    Without one, the hint describes the layout of the images.
    """
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
    """Raise OtherClasses, with the names, if two splits have different classes.

    Args:
        where: name of the data set in the error.
        train: name and classes of the training split.
        test: name and classes of the test split.
    """
    sides = []
    for (name, here), (_, there) in ((train, test), (test, train)):
        only = sorted(set(here) - set(there), key=natural_order)
        if only:
            sides.append(f"only in {name}: {listed(only, NAMED)}")
    if sides:
        alike = [{meaning(name.casefold()) for name in names} for _, names in (train, test)]
        written = ": capital letters, spaces and zeros count" if alike[0] == alike[1] else ""
        raise OtherClasses(
            f"the splits in {where} differ in classes, {'; '.join(sides)}",
            f"{train[0]} and {test[0]} must have images of the same classes{written}",
        )


def _masks_among(paths: Sequence[Path]) -> list[Path]:
    """Return images named like another with a word for a mask, as ``7_mask`` beside ``7``."""
    stems = {(path.parent, path.stem) for path in paths}
    named = ((path, _MASK_OF.fullmatch(path.stem)) for path in paths)
    return [path for path, match in named if match and (path.parent, match[1]) in stems]


def named_alike(walk: FolderWalk, images: Sequence[Path]) -> list[DataNote]:
    """Return a note on images that only their ending tells from another in their folder.

    As ``7.png`` beside ``7.jpg``; it is a warning if they are many.
    """
    first: dict[tuple[Path, str], Path] = {}
    alike = [path for path in images if first.setdefault((path.parent, path.stem), path) != path]
    if not alike:
        return []
    text = f"{several(len(alike), 'image')} named as another beside it, with another ending"
    hint = "if they are its masks or copies, move them out of the folder"
    many = len(alike) >= max(NAMED, _MANY_ALIKE * len(images))
    return [DataNote("alike", text, tuple(map(walk.shown, alike)), hint, serious=many)]


def check_not_masks(walk: FolderWalk, folder: Path, found: ClassFolders) -> None:
    """Raise NoClassFolders if images and masks of the same names are two folders in `folder`."""
    filled = [name for name, paths in found.items() if paths]
    masks = [name for name in filled if may_name_masks(name)]
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


def without_masks(
    walk: FolderWalk, folder: Path, found: ClassFolders, notes: list[DataNote]
) -> ClassFolders:
    """Return classes without masks that lie in folders beside their images; `notes` counts them."""
    within = [path for one in walk.filled(folder) for path in masks_within(walk, one)]
    if not within:
        return found
    masks = {image for path in within for image in walk.images(path)}
    text = f"{several(len(masks), 'image')} in folders of masks of others, not used"
    names = tuple(map(walk.shown, within))
    notes.append(DataNote("masks", text, names, "`splits=none` uses them as images"))
    kept = {name: [path for path in paths if path not in masks] for name, paths in found.items()}
    return {name: paths for name, paths in kept.items() if paths or not found[name]}


def masks_within(walk: FolderWalk, folder: Path) -> list[Path]:
    """Return the folders in a class folder that contain masks of its other images."""
    below = walk.filled(folder)
    named = [path for path in below if may_name_masks(path.name)]
    beside = walk.loose(folder) + [
        image
        for path in below
        if path not in named and says_nothing(one_form(path.name))
        for image in walk.images(path)
    ]
    return [path for path in named if same_names(beside, walk.images(path))]


def same_names(images: Sequence[Path], masks: Sequence[Path]) -> bool:
    """Return whether some of `masks` are named like some of `images`."""
    stems = [{_of_what(path.stem) for path in paths} for paths in (images, masks)]
    return bool(stems[0] & stems[1])


def _of_what(stem: str) -> str:
    """Return the name of a mask's image: ``7`` for ``7_mask``."""
    match = _MASK_OF.fullmatch(stem)
    return match[1] if match else stem
