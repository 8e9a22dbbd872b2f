"""Folders with classes in the file names: ``cat.0.jpg``, ``Abyssinian_12.jpg``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from convcompare.core.errors import DataError, listed, quote, shortened, typed
from convcompare.core.formatting import several

from ..data_notes import DataNote
from .class_folders import ClassFolders, check_same_classes, named_alike, same_names
from .image_walk import FolderWalk, natural_order
from .labelled_tree import LabelledTree
from .name_patterns import NamePattern, proposed_patterns
from .split_folders import Role
from .split_names import names_masks, splits_among

_ORDER = {"test": 0, "val": 1}
"""Order in which splits are considered for testing; the first with classes is used."""


def named_tree(
    walk: FolderWalk, top: Path, roles: Sequence[Role], pattern: NamePattern
) -> LabelledTree:
    """Return the images in `top`, or in its splits, by the classes in their names.

    Args:
        walk: the folder of the data set.
        top: the folder of the images within it.
        roles: folders of splits, and those beside them.
        pattern: finds the class in a name.

    Raises:
        DataError: if there are masks or fewer than two classes, or if the splits differ in classes.
    """
    train = next((role.folder for role in roles if role.kind == "train"), top)
    where = f"the names of the files{'' if train == top else f' in {walk.shown(train)}/'}"
    notes = [DataNote("layout", f"classes from {where}: {pattern.text}", serious=False)]
    found, test_role = _classes(walk, train, pattern, notes), None
    if len(found) < 2:
        seen = f"one class, {quote(next(iter(found)))}" if found else "no class"
        raise DataError(
            f"{quote(f'names={pattern.text}')} finds {seen} in {where} in {quote(top)}, such as "
            f"{quote(walk.images(train)[0].name)}",
            names_hint(walk, top) or "CLASS_NUMBER and ANY_CLASS are patterns of names",
        )
    test: ClassFolders | None = None
    others = [role for role in roles if role.folder != train and (role.kind or role.images)]
    for role in sorted(others, key=lambda role: _ORDER.get(role.kind or "", 2)):
        own = any(map(pattern.class_in, (path.name for path in walk.images(role.folder))))
        if role.kind and own and test is None:
            test, test_role = _classes(walk, role.folder, pattern, notes), role
        else:
            notes.append(role.unused(walk, labelled=own))
    if test is not None:
        check_same_classes(quote(top), ("train", found), ("test", test))
    words = f"own {shortened(walk.shown(test_role.folder))}/ folder" if test_role else ""
    return LabelledTree(found, test, words, notes)


def _classes(
    walk: FolderWalk, folder: Path, pattern: NamePattern, notes: list[DataNote]
) -> ClassFolders:
    """Return the images of each class; `notes` receives masks and names that do not fit."""
    images = walk.images(folder)
    masks = [path for path in images if _among_masks(walk, path)]
    if masks and len(masks) < len(images):
        images = [path for path in images if not _among_masks(walk, path)]
        if not same_names(images, masks):
            raise DataError(
                f"{several(len(masks), 'image')} in {quote(folder)} would be used that may be "
                f"masks of others: {listed([walk.shown(path) for path in masks])}",
                f"{typed(f'folder:{images[0].parent}:names={pattern.text}')} reads a folder "
                "without them",
            )
        text = f"{several(len(masks), 'image')} named as masks of others, not used"
        notes.append(DataNote("masks", text, tuple(map(walk.shown, masks)), serious=False))
    found: ClassFolders = {}
    unfit = []
    for path in images:
        name = pattern.class_in(path.name)
        if name:
            found.setdefault(name, []).append(path)
        else:
            unfit.append(walk.shown(path))
    notes += named_alike(walk, [path for paths in found.values() for path in paths])
    if unfit and found:
        text = f"{several(len(unfit), 'image')} whose names do not fit {pattern.text}, not used"
        notes.append(DataNote("unnamed", text, tuple(unfit), "rename them, or move them away"))
    return found


def names_hint(walk: FolderWalk, top: Path) -> str:
    """Return a hint with specs that read classes from file names in `top`; or ""."""
    splits = splits_among(path.name for path in walk.folders(top))
    train = [path for path in walk.folders(top) if splits.get(path.name) == "train"]
    every = walk.images(train[0] if train else top)
    masks = [path for path in every if _among_masks(walk, path)]
    images = [path for path in every if not _among_masks(walk, path)] or every
    root = walk.root if len(images) == len(every) or same_names(images, masks) else images[0].parent
    hints = []
    for pattern, classes in proposed_patterns([path.name for path in images])[:2]:
        spec, ordered = f"folder:{root}:names={pattern.text}", sorted(classes, key=natural_order)
        hints.append(
            f"{typed(spec)} reads {len(classes)} classes from the names of the files: "
            f"{listed(ordered)}"
        )
    return "; ".join(hints)


def _among_masks(walk: FolderWalk, path: Path) -> bool:
    """Return whether an image is in a folder that is named like one of masks."""
    return any(map(names_masks, path.relative_to(walk.root).parts[:-1]))
