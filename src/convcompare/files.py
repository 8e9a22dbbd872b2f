"""Every file operation of the store, in one place: atomic, durable, with errors in words.

A file is written under a temporary name in its own folder, synced, and renamed; the folder is
synced. So a name either holds the whole of what was written or what it held before.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import StoreError, quote

TEMPORARY = ".tmp-"


@contextmanager
def _explained(action: str, path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        hint = "check the path, its permissions and the free space, or choose another `--store`"
        raise StoreError(f"cannot {action} {quote(path)}: {reason}", hint) from error


def write(path: Path, data: bytes) -> None:
    """Put `data` at `path`, whole or not at all, durably."""
    temporary = path.with_name(f"{TEMPORARY}{os.getpid()}-{path.name}")
    with _explained("write", path):
        try:
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)


def read(path: Path) -> bytes:
    """The bytes at `path`."""
    with _explained("read", path):
        return path.read_bytes()


def make_folder(path: Path) -> None:
    with _explained("make", path):
        path.mkdir(parents=True, exist_ok=True)


def remove(path: Path) -> None:
    """Remove a file or a folder; nothing there is fine."""
    with _explained("remove", path):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def names(folder: Path) -> list[str]:
    """What is in a folder, sorted, without temporary files; nothing where there is no folder."""
    with _explained("list", folder):
        if not folder.is_dir():
            return []
        return sorted(n for n in os.listdir(folder) if not n.startswith(TEMPORARY))  # noqa: PTH208


def remove_temporary(folder: Path) -> None:
    """Clear what an interrupted `write` left behind; only its owner calls this."""
    if folder.is_dir():
        for path in folder.glob(f"{TEMPORARY}*"):
            remove(path)


def check_writable(folder: Path) -> None:
    """Fail now, not after an hour: make the folder and write a file in it."""
    make_folder(folder)
    probe = folder / f"{TEMPORARY}{os.getpid()}-probe"
    write(probe, b"")
    remove(probe)


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
