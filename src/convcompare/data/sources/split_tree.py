"""Splits with class folders; the test split may have a table instead."""

from __future__ import annotations

from collections.abc import Sequence

from convcompare.core.errors import DataError, listed, quote, shortened

from ..data_notes import DataNote
from ..spellings import meaning
from .class_folders import (
    ClassFolders,
    check_classes,
    check_not_masks,
    check_same_classes,
    read_classes,
    without_masks,
)
from .image_walk import FolderWalk
from .label_table import LabelTable
from .labelled_tree import WORDS, LabelledTree, labelled_split
from .nested_folders import check_not_sets, deeper_folders
from .split_folders import Role

_ORDER = {"test": 0, "val": 1, None: 2}
"""Order in which splits are considered for testing; the first that has classes is used."""


def split_tree(
    walk: FolderWalk, roles: Sequence[Role], tables: Sequence[LabelTable], inner: bool
) -> LabelledTree:
    """Return the images of splits whose training split has class folders.

    The test split has folders of the same classes, or a table of its own among `tables`. With
    `inner`, classes are the folders that images lie in.

    Raises:
        DataError: if a class has no images, or the splits differ in their class folders.
    """
    notes: list[DataNote] = []
    train = next(role for role in roles if role.kind == "train")
    found = LabelledTree(_classes(walk, train, notes, inner), None, "", notes)
    check_classes(walk, train.inner, found.train)
    used, unused = [f"train from {walk.shown(train.inner)}/"], list[DataNote]()
    others = [role for role in roles if role is not train]
    for role in sorted(others, key=lambda role: _ORDER.get(role.kind, 2)):
        tested = found.test is not None
        if role.kind is None or (tested and role.has_classes):
            unused.append(role.unused(walk))
        elif role.has_classes:
            test = _classes(walk, role, notes, inner)
            places = [f"{walk.shown(one.inner)}/" for one in (train, role)]
            check_same_classes(quote(walk.root), (places[0], found.train), (places[1], test))
            check_classes(walk, role.inner, test)
            words = f"own {shortened(walk.shown(role.folder))}/ folder"
            found = LabelledTree(found.train, test, words, notes)
            used.append(f"test from {walk.shown(role.inner)}/")
        else:
            found, left = _by_table(walk, role, found, tables, roles)
            unused += left
    layout = ", ".join((*used, *(f"test from {quote(walk.shown(t.path))}" for t in found.tables)))
    notes.insert(0, DataNote("layout", layout, serious=False))
    notes += unused
    return found


def _classes(walk: FolderWalk, role: Role, notes: list[DataNote], inner: bool) -> ClassFolders:
    found = read_classes(walk, role.inner, notes, inner)
    check_not_masks(walk, role.inner, found)
    found = without_masks(walk, role.inner, found, notes)
    if not inner:
        check_not_sets(walk, role.inner)
        notes += deeper_folders(walk, role.inner)
    return found


def _spelt_as(folders: ClassFolders, classes: ClassFolders) -> ClassFolders:
    """Return classes with the names of folders of the same numbers: programs change 007 to 7."""
    known = {meaning(name): name for name in folders}
    names = {name: known.get(value) for name in classes
             if isinstance(value := meaning(name), float)}  # fmt: skip
    same = len(known) == len(folders) and len({*names.values()}) == len(names)
    return {(names.get(name) if same else None) or name: paths for name, paths in classes.items()}


def _by_table(
    walk: FolderWalk,
    role: Role,
    found: LabelledTree,
    tables: Sequence[LabelTable],
    roles: Sequence[Role],
) -> tuple[LabelledTree, list[DataNote]]:
    """Return `found` with this split as test split if a table gives its classes, and notes.

    A table of other classes is no error, since it may be a sample of a submission; a note then
    states why the split is not used.
    """
    try:
        test, own, notes = labelled_split(walk, role, tables, roles)
    except DataError as error:
        return found, [role.unused(walk, error.message)]
    if not own or found.test is not None or role.kind is None:
        return found, [role.unused(walk, labelled=bool(own))]
    names = listed([walk.shown(table.path) for table in own])
    test = _spelt_as(found.train, test)
    if set(test) != set(found.train):
        other = sorted(set(test) ^ set(found.train))
        text = f"{names} and the class folders differ in classes, as {listed(other, 3)}"
        return found, [role.unused(walk, text)]
    found.notes.extend(notes)
    words = f"{WORDS[role.kind]} rows of {names}"
    return LabelledTree(found.train, test, words, found.notes, own), []
