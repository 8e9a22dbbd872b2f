"""List a folder of images, without system files and without links that lead out of it."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from convcompare.core.formatting import several
from convcompare.store.layout import COMPARISONS, RECORDS

from ..data_notes import DataNote
from .image_files import is_image, is_usual_beside_images

_SYSTEM = {
    *("thumbs.db", "thumbs.db:encryptable", "ehthumbs.db", "desktop.ini", "icon\r"),
    *("__macosx", "@eadir", "$recycle.bin", "#recycle", "@recycle", "lost+found", "__pycache__"),
    "system volume information",
}


@dataclass(frozen=True)
class _Entry:
    path: Path
    folder: bool
    link: bool


class FolderWalk:
    """Lists folders and images below `root`, and records what it leaves out.

    Symbolic links are followed if they lead to something below `root`, and never in a circle. Files
    that are not images, and system files, are left out. Methods raise OSError if a folder cannot be
    read.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._real = os.path.realpath(root)
        self._listed: dict[Path, list[_Entry]] = {}
        self._images: dict[Path, list[Path]] = {}
        self._outside: set[str] = set()
        self._broken: set[str] = set()
        self._circles: set[str] = set()
        self._followed: set[str] = set()
        self._others: set[str] = set()
        self._ours: set[str] = set()

    def folders(self, folder: Path) -> list[Path]:
        """Return the folders in `folder`, including links to folders."""
        return [entry.path for entry in self._entries(folder) if entry.folder]

    def filled(self, folder: Path) -> list[Path]:
        """Return the folders in `folder` that contain images at any depth."""
        return [path for path in self.folders(folder) if self.images(path)]

    def loose(self, folder: Path) -> list[Path]:
        """Return the images in `folder` itself."""
        return [entry.path for entry in self._entries(folder) if not entry.folder]

    def images(self, folder: Path) -> list[Path]:
        """Return the images in `folder` and below it, ordered by name."""
        if folder not in self._images:
            real = os.path.realpath(folder)
            self._images[folder] = list(self._below(folder, {real}, (real,)))
        return self._images[folder]

    def above(self, folder: Path) -> list[Path]:
        """Return `folder` and the folders above it, up to the root."""
        return [path for path in (*folder.parents, folder) if path.is_relative_to(self.root)]

    def shown(self, path: Path) -> str:
        """Return a path for messages: relative to the root, with slashes; ``.`` for the root."""
        return path.relative_to(self.root).as_posix()

    def notes(self) -> list[DataNote]:
        """Return notes on links that were followed, left out or broken, and on files not read."""
        found = []
        for paths, kind, text, hint in (
            (self._outside, "outside", "out of the folder and {are} not followed",
             "name the folder that they lead to, or copy what they lead to"),
            (self._broken, "broken-links", "nowhere and {are} left out", "fix or remove them"),
            (self._circles, "circles", "in a circle and {are} left out", ""),
            (self._followed, "links", "to places inside of the folder and {are} followed", ""),
        ):  # fmt: skip
            if paths:
                one = len(paths) == 1
                words = text.format(are="is" if one else "are")
                text = f"{several(len(paths), 'link')} lead{'s' if one else ''} {words}"
                serious = kind in ("outside", "broken-links")
                found.append(DataNote(kind, text, tuple(sorted(paths)), hint, serious))
        if self._ours:
            text = "folders that convcompare has written, not read"
            found.append(DataNote("own-folders", text, tuple(sorted(self._ours)), serious=False))
        if self._others:
            found.append(self._others_note())
        return found

    def others(self) -> list[Path]:
        """Return the files that are not images, ordered by name."""
        return [self.root / name for name in sorted(self._others)]

    def _others_note(self) -> DataNote:
        """Return a note on files that are not images; a warning if an extension is unusual."""
        paths = self.others()
        endings = Counter(path.suffix.lower() or "without ending" for path in paths)
        parts = ", ".join(f"{n:,} {ending}" for ending, n in sorted(endings.items()))
        are = "is not an image" if len(paths) == 1 else "are not images"
        text = f"{several(len(paths), 'file')} that {are}: {parts}"
        unusual = not all(map(is_usual_beside_images, paths))
        if_images = (
            "if it is an image, convert it"
            if len(paths) == 1
            else "if they are images, convert them"
        )
        hint = f"{if_images} to PNG" if unusual else ""
        return DataNote("other-files", text, hint=hint, serious=unusual)

    @property
    def outside(self) -> int:
        """Number of links that lead out of the root."""
        return len(self._outside)

    def _place(self, path: Path) -> str:
        """Return a path relative to the root, with links in its folder resolved."""
        real = Path(os.path.realpath(path.parent), path.name)
        return real.relative_to(self._real).as_posix()

    def _below(self, folder: Path, seen: set[str], above: tuple[str, ...]) -> Iterator[Path]:
        """Yield the images in and below `folder`, listing each folder once.

        Args:
            folder: a folder.
            seen: real paths of all folders listed so far.
            above: real paths of the folder and its parents up to the start.
        """
        for entry in self._entries(folder):
            if not entry.folder:
                yield entry.path
                continue
            real = os.path.realpath(entry.path)
            if real not in seen:
                seen.add(real)
                yield from self._below(entry.path, seen, (*above, real))
            elif entry.link and real in above:
                self._circles.add(self._place(entry.path))

    def _entries(self, folder: Path) -> list[_Entry]:
        if folder not in self._listed:
            self._listed[folder] = list(self._list(folder))
        return self._listed[folder]

    def _list(self, folder: Path) -> Iterator[_Entry]:
        for path in sorted(folder.iterdir(), key=lambda path: os.fsencode(path.name)):
            if is_of_system(path.name):
                continue
            link = path.is_symlink()
            if link and not self._follows(path):
                continue
            if path.is_dir() and _is_output(path):
                self._ours.add(self._place(path))
            elif path.is_dir():
                yield _Entry(path, True, link)
            elif path.is_file():
                if is_image(path):
                    yield _Entry(path, False, link)
                else:
                    self._others.add(self._place(path))

    def _follows(self, path: Path) -> bool:
        real = Path(os.path.realpath(path))
        if not real.is_relative_to(self._real):
            kind = self._outside
        elif not os.path.lexists(real) or real.is_symlink():  # is_symlink: a link to itself
            kind = self._broken
        elif Path(os.path.realpath(path.parent)).is_relative_to(real):
            kind = self._circles
        else:
            kind = self._followed
        kind.add(self._place(path))
        return kind is self._followed


def is_of_system(name: str) -> bool:
    """Return whether a file or folder is hidden, or one that systems write."""
    return name.startswith(".") or name.lower() in _SYSTEM


def _is_output(folder: Path) -> bool:
    """Return whether a folder is a store, or figures, a report or an export of one."""
    if folder.name.startswith("convcompare-"):
        return True
    with suppress(PermissionError):  # reported when the folder is listed
        return (folder / COMPARISONS).is_dir() and any(folder.glob(f"*/{RECORDS[0]}"))
    return False


def natural_order(name: str) -> tuple[tuple[tuple[int, int], ...], bytes]:
    """Return a sort key that places ``class2`` before ``class10``: bytes, and digits as numbers."""
    pieces: list[tuple[int, int]] = []
    for digits, other in re.findall(r"([0-9]+)|([^0-9]+)", name):
        if digits:
            pieces.append((ord("0"), int(digits[:4000])))
        else:
            pieces += [(byte, -1) for byte in os.fsencode(other)]
    return (*pieces, (-1, -1)), os.fsencode(name)


def one_form(name: str) -> str:
    """Return a name in composed Unicode (NFC); macOS and archives may store it decomposed."""
    return unicodedata.normalize("NFC", name)
