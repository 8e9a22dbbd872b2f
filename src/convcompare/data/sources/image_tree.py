"""Folders of class folders of images: which files belong to which class of which split."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from convcompare.core.errors import DataError, quote

_TEST_NAMES = ("test", "val", "valid")
_NOT_IMAGES = {
    *(".txt", ".json", ".csv", ".tsv", ".md", ".xml", ".yaml", ".yml", ".html", ".pdf", ".db"),
    *(".py", ".ini", ".log", ".toml", ".rst", ".sha256", ".md5", ".zip", ".gz", ".npy", ".npz"),
}

Files = tuple[tuple[Path, ...], ...]
"""The image files of each class, in the order of the classes."""


@dataclass(frozen=True)
class ImageTree:
    """The classes of a folder, sorted by name, and the files of each.

    ``test`` is None where the folder has no test split of its own; ``test_name`` is the name of
    the folder that it is read from. ``outside`` counts links that lead out of the folder, which
    are not followed.
    """

    root: Path
    classes: tuple[str, ...]
    train: Files
    test: Files | None
    test_name: str
    outside: int


def read_tree(text: str) -> ImageTree:
    """The images below the folder that `text` names.

    Either ``train/CLASS/…`` with ``test/CLASS/…`` (or ``val``, ``valid``) or without, or
    ``CLASS/…``. Raises DataError where that is not what lies there.
    """
    root = Path(text).expanduser()
    if not text or not root.exists():
        raise DataError(
            f"there is no folder {quote(text)}", "write folder:PATH with a folder of class folders"
        )
    if not root.is_dir():
        raise DataError(
            f"{quote(text)} is not a folder", "write folder:PATH with a folder of class folders"
        )
    try:
        return _read(root)
    except OSError as error:
        raise DataError(
            f"cannot read the folder {quote(root)} ({error.strerror or error})",
            "give yourself the right to read it",
        ) from error


def _read(root: Path) -> ImageTree:
    walk = _Walk(root)
    names = [folder.name for folder in walk.folders(root)]
    test_name = next((name for name in _TEST_NAMES if name in names), "")
    if "train" not in names or not test_name:
        top = root / "train" if names == ["train"] else root
        classes = walk.classes(top)
        _check(top, classes)
        return ImageTree(root, tuple(classes), tuple(classes.values()), None, "", walk.outside)
    train, test = walk.classes(root / "train"), walk.classes(root / test_name)
    different = sorted(set(train) ^ set(test))
    if different:
        where, missing = ("train", test_name) if different[0] in train else (test_name, "train")
        raise DataError(
            f"class {quote(different[0])} is in {where}/ of {quote(root)} but not in {missing}/",
            f"train/ and {test_name}/ must hold folders of the same names",
        )
    _check(root / "train", train)
    _check(root / test_name, test)
    return ImageTree(
        root,
        tuple(train),
        tuple(train.values()),
        tuple(test[name] for name in train),
        test_name,
        walk.outside,
    )


def _check(folder: Path, classes: dict[str, tuple[Path, ...]]) -> None:
    layout = "put the images of each class into a folder of its own: FOLDER/CLASS/IMAGE"
    if not classes:
        raise DataError(f"there is no class folder in {quote(folder)}", layout)
    if len(classes) == 1:
        raise DataError(
            f"{quote(folder)} has only one class folder: {quote(next(iter(classes)))}", layout
        )
    empty = [name for name, files in classes.items() if not files]
    if empty:
        raise DataError(
            f"class {quote(empty[0])} in {quote(folder)} has no images",
            "add images to it, or remove the folder",
        )


class _Walk:
    """Reads folders below `root`, without hidden files and without leaving it."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self._outside: set[Path] = set()

    @property
    def outside(self) -> int:
        """How many links lead out of the root."""
        return len(self._outside)

    def folders(self, folder: Path) -> list[Path]:
        return [path for path in self._inside(folder) if path.is_dir()]

    def classes(self, folder: Path) -> dict[str, tuple[Path, ...]]:
        return {path.name: tuple(self._images(path)) for path in self.folders(folder)}

    def _images(self, folder: Path) -> list[Path]:
        """The files in `folder` and below it that are not clearly something else."""
        found: list[Path] = []
        for path in self._inside(folder):
            if path.is_dir():
                found += [] if path.is_symlink() else self._images(path)
            elif path.is_file() and path.suffix.lower() not in _NOT_IMAGES:
                found.append(path)
        return found

    def _inside(self, folder: Path) -> list[Path]:
        paths = []
        for path in sorted(folder.iterdir(), key=lambda path: os.fsencode(path.name)):
            if path.name.startswith("."):
                continue
            if path.is_symlink() and not path.resolve().is_relative_to(self.root):
                self._outside.add(path)
                continue
            paths.append(path)
        return paths
