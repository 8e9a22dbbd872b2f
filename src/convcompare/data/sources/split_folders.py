"""Folders of splits, and the content of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from convcompare.core.config import HOLD_OUT_HINT
from convcompare.core.errors import DataError, listed, quote, typed
from convcompare.core.formatting import several

from ..data_notes import DataNote
from .class_folders import NoClassFolders, unwrapped
from .image_walk import FolderWalk, one_form
from .label_table import LabelTable
from .split_names import KNOWN, SplitKind, splits_among

ESCAPE = "`splits=none` reads every folder as a class"


@dataclass(frozen=True)
class Role:
    """A folder that is a split, or lies beside splits.

    Attributes:
        kind: the split; None for a folder that is not a split.
        folder: the folder.
        inner: the folder of its classes, below folders that contain nothing else.
        classes: names of the folders in ``inner`` that contain images.
        images: number of images in it.
        tables: tables of classes in it.
        labelled: whether a table in or above it, or the names of its files, give the classes.
    """

    kind: SplitKind | None
    folder: Path
    inner: Path
    classes: frozenset[str]
    images: int
    tables: tuple[LabelTable, ...]
    labelled: bool

    @property
    def has_classes(self) -> bool:
        """Whether its classes are its folders and not those of a table."""
        return len(self.classes) > 1 or (len(self.classes) == 1 and not self.labelled)

    def unused(self, walk: FolderWalk, reason: str = "", labelled: bool = False) -> DataNote:
        """Return a note that this folder is not used, and why.

        Args:
            walk: the folder of the data set.
            reason: why; "" derives it from the folder.
            labelled: whether a table gives its classes.
        """
        name = quote(walk.shown(self.folder) + "/")
        text = f"{name} with {several(self.images, 'image')} is not used"
        if reason:
            return DataNote("unused", f"{text}: {reason}", hint="correct the table, or rename it")
        if self.kind == "val" and (self.has_classes or labelled):
            return DataNote("unused", f"{text}: there is a test split", hint=HOLD_OUT_HINT)
        if self.kind:
            return DataNote("unused", f"{text}: it has no classes",
                            hint="a table of its files and their classes makes it a split",
                            serious=True)  # fmt: skip
        return DataNote("unused", f"{text}: it is not a split",
                        hint="rename it if it is one", serious=self.images > 0)  # fmt: skip


def read_roles(
    walk: FolderWalk, top: Path, label: str, above: Sequence[LabelTable], named: bool
) -> list[Role]:
    """Return the splits in `top` and the folders beside them; empty if there are no splits.

    Args:
        walk: the folder of the data set.
        top: the folder of the splits within it.
        label: name of the column of classes in tables, or "".
        above: tables above the splits.
        named: whether the classes are in the file names.

    Raises:
        DataError: if some folders are not known as splits, several are the same split, or the
            training split is missing or has no classes.
    """
    folders = walk.folders(top)
    kinds = splits_among(path.name for path in folders)
    if not kinds:
        return []
    train_names: frozenset[str] = frozenset()
    roles: list[Role] = []
    for path in sorted(folders, key=lambda path: kinds.get(path.name) != "train"):
        role = _role(walk, path, kinds.get(path.name), label, train_names)
        train_names = train_names or (role.classes if role.kind == "train" else frozenset())
        roles.append(replace(role, labelled=named or bool(above or role.tables)))
    known = [role for role in roles if role.kind]
    others = [role for role in roles if not role.kind and role.images]
    if not named and _is_one_class(known, others):
        return []
    above_splits = {table.split for table in above}
    tested = any(
        role.has_classes or role.tables or role.kind in above_splits
        for role in known
        if role.kind != "train"
    )
    if not any(role.kind == "train" for role in known):
        _check_not_inside(walk, top, others)
    _check(top, known, [] if tested else others)
    return roles


def _role(
    walk: FolderWalk, path: Path, kind: SplitKind | None, label: str, classes: frozenset[str]
) -> Role:
    inner, tables = unwrapped(walk, path, label, classes)
    names = frozenset(one_form(folder.name) for folder in walk.filled(inner))
    if len(names) == 1 and classes and not names & classes:  # val/images beside train/CLASS
        names = frozenset()
    return Role(
        kind, path, inner, names, len(walk.images(path)), tuple(tables) if kind else (), False
    )


def _is_one_class(known: list[Role], others: list[Role]) -> bool:
    """Return whether a folder `train` is a class: it has only images, like those beside it.

    A folder `test` is never a class, since it may contain the images of all classes.
    """
    flat = all(not role.classes and not role.tables for role in (*known, *others))
    return flat and [role.kind for role in known] == ["train"] and len(others) > 1


def _check_not_inside(walk: FolderWalk, top: Path, others: Sequence[Role]) -> None:
    """Raise DataError if a folder beside a split contains the splits."""
    inside = [
        role.inner
        for role in others
        if "train" in splits_among(path.name for path in walk.filled(role.inner)).values()
    ]
    if inside:
        raise DataError(
            f"there is no train split in {quote(top)}, but one in {quote(walk.shown(inside[0]))}",
            f"{typed(f'folder:{inside[0]}')} reads it",
        )


def _check(top: Path, known: list[Role], unknown: list[Role]) -> None:
    """Raise DataError if splits are ambiguous; `unknown` folders may be the test split."""
    where = quote(top)
    for kind in ("train", "val", "test"):
        same = [role.folder.name for role in known if role.kind == kind and role.images]
        chosen = kind == "val" and any(role.kind == "test" and role.has_classes for role in known)
        if len(same) > 1 and not chosen:
            raise DataError(
                f"several folders in {where} are the {kind} split: {listed(same, 5)}",
                f"keep one of them; {ESCAPE}",
            )
    train = [role for role in known if role.kind == "train"]
    names = listed([role.folder.name for role in known], 5)
    if not train:
        hint = f"known names: {KNOWN}, … in any case"
        if not any(role.has_classes for role in known):
            hint = f"move {names} out of the folder, or the folders of classes into train/"
        raise DataError(f"there is no train split in {where} beside {names}", f"{hint}; {ESCAPE}")
    if not train[0].has_classes:
        if train[0].labelled:
            return
        raise NoClassFolders(
            f"{quote(train[0].folder.name)} in {where} is a split by its name, but it has no class "
            "folders, and no table names the classes",
            "train/CLASS/IMAGE, or a train.csv with columns file and label",
        )
    if unknown:
        folders = listed([role.folder.name for role in unknown], 5)
        raise DataError(
            f"{folders} in {where}, beside {quote(train[0].folder.name)}, is not known as a split",
            f"known names: {KNOWN}, … in any case; {ESCAPE}",
        )
