"""Atomic and durable file operations of the store and of the data cache.

A file is written under a temporary name in its own folder, synced and renamed, and then the folder
is synced. A path therefore has either its complete new content or its previous content. Temporary
files of processes that died are removed by the next process that writes into the folder.

Errors of the operating system become StoreError. Every operation goes through `disk`, which tests
replace by one that fails.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from convcompare.core import process
from convcompare.core.errors import StoreError, quote

from .disk import Disk, Fill

TEMPORARY = ".tmp-"
LARGEST = 4 << 30
"""Maximum size in bytes of a file that is read at once; files of a store are far smaller."""
ABANDONED_SECONDS = 86_400
"""Age in seconds after which a temporary file of another host counts as abandoned."""

Guard = Callable[[], None]


disk = Disk()


def write(path: Path, content: bytes | Fill, guard: Guard | None = None) -> None:
    """Write a file atomically and durably.

    Args:
        path: Path of the file; an existing file is replaced.
        content: Its bytes, or a function that writes them into an open file.
        guard: Called just before the rename; it raises to prevent it.

    Raises:
        StoreError: if the file cannot be written.
    """
    with _as_store_error("write", path):
        _check_replaceable(path)
        temporary = _created(path, content)
        try:
            if guard:
                guard()
            disk.rename(temporary, path)
        except BaseException:
            _discard(temporary)
            raise
        disk.sync_folder(path.parent)


def _check_replaceable(path: Path) -> None:
    """Raise OSError if `path` is a device or a pipe, which the rename would replace by a file."""
    with suppress(FileNotFoundError, NotADirectoryError):
        if stat.S_IFMT(path.stat().st_mode) not in (stat.S_IFREG, stat.S_IFDIR):
            raise OSError(errno.EINVAL, "it is a device or a pipe, and not a file")


def write_first(path: Path, content: bytes, guard: Guard | None = None) -> bool:
    """Write a file as `write` does unless the path exists.

    Returns:
        Whether the file was written; if the path exists, nothing changes.
    """
    with _as_store_error("write", path):
        temporary = _created(path, content)
        try:
            if guard:
                guard()
            disk.link(temporary, path)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS):
                raise
            return _exclusively(path, content)  # a file system without hard links
        finally:
            _discard(temporary)
        disk.sync_folder(path.parent)
        return True


def read(path: Path, limit: int = LARGEST) -> bytes:
    """Return the bytes of a regular file.

    Raises:
        StoreError: if it cannot be read or has more than `limit` bytes.
    """
    with _as_store_error("read", path):
        return disk.read(path, limit)


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for reading; errors of the system become StoreError."""
    with _as_store_error("read", path), path.open("rb") as file:
        yield file


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hex digits; the file is read in small blocks."""
    with _as_store_error("read", path):
        return disk.sha256(path)


def is_larger(path: Path, limit: int) -> bool:
    """Return whether `path` is a regular file of more than `limit` bytes."""
    try:
        state = path.stat()
    except (OSError, ValueError):
        return False
    return stat.S_ISREG(state.st_mode) and state.st_size > limit


def exists(path: Path) -> bool:
    """Return whether `path` exists as a file, a folder or anything else; links are not followed."""
    with _as_store_error("look at", path):
        try:
            os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except ValueError:  # a path with a null byte
            return False
        return True


def make_folder(path: Path) -> None:
    """Create a folder and its parents; if it exists, remove its abandoned temporary files."""
    with _as_store_error("make", path):
        missing = []
        for folder in (path, *path.parents):
            if folder.is_dir():
                break
            missing.append(folder)
        for folder in reversed(missing):
            try:
                disk.make_folder(folder)
            except FileExistsError:
                if not folder.is_dir():
                    raise
            disk.sync_folder(folder.parent)
    if not missing:
        collect(path)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Create a folder atomically: yield a temporary folder, which is renamed to `path` at the end.

    Its files are written with `put`. If an error occurs, it is removed.

    Raises:
        StoreError: if `path` exists and is not an empty folder.
    """
    make_folder(path.parent)
    temporary = _temporary(path.parent)
    make_folder(temporary)
    try:
        yield temporary
        for folder in (temporary, *(one for one in temporary.rglob("*") if one.is_dir())):
            disk.sync_folder(folder)
        with _as_store_error("make", path):
            if path.is_dir():
                disk.rmdir(path)
        move(temporary, path)
    except BaseException:
        with suppress(StoreError):
            remove(temporary)
        raise


def put(path: Path, content: bytes) -> None:
    """Write a file in a `new_folder`, without the rename: no other process reads it yet."""
    if not path.parent.is_dir():
        make_folder(path.parent)
    with _as_store_error("write", path):
        disk.create(path, _filler(content))


def touch(path: Path) -> None:
    """Set the modification time of an existing file to now."""
    with _as_store_error("touch", path):
        disk.touch(path)


def remove(path: Path) -> None:
    """Remove a file or a folder with its content, if it exists."""
    with _as_store_error("remove", path):
        _remove(path)


def move(source: Path, target: Path) -> None:
    """Rename a file or a folder durably."""
    with _as_store_error("move", source):
        disk.rename(source, target)
        disk.sync_folder(target.parent)
        disk.sync_folder(source.parent)


def names(folder: Path) -> list[str]:
    """Return the sorted names in a folder, without temporary files; empty if there is none."""
    return sorted(name for name in _listed(folder) if not name.startswith(TEMPORARY))


def collect(folder: Path) -> None:
    """Remove the abandoned temporary files of a folder."""
    for path in leftovers(folder):
        remove(path)


def leftovers(folder: Path) -> list[Path]:
    """Return the abandoned temporary files of a folder, which `collect` removes."""
    found = [folder / name for name in _listed(folder) if name.startswith(TEMPORARY)]
    return [path for path in sorted(found) if _abandoned(path)]


def check_writable(folder: Path) -> None:
    """Create the folder and write a file in it, so that an error appears before a training."""
    make_folder(folder)
    probe = _temporary(folder)
    write(probe, b"")
    remove(probe)


def _created(path: Path, content: bytes | Fill) -> Path:
    temporary = _temporary(path.parent)
    try:
        disk.create(temporary, content if callable(content) else _filler(content))
    except BaseException:
        _discard(temporary)
        raise
    return temporary


def _exclusively(path: Path, content: bytes) -> bool:
    try:
        disk.create(path, _filler(content))
    except FileExistsError:
        return False
    disk.sync_folder(path.parent)
    return True


def _filler(content: bytes) -> Fill:
    return lambda file: file.write(content)


def _discard(temporary: Path) -> None:
    """Try to remove a temporary file; `collect` removes it later if this fails."""
    with suppress(OSError):
        disk.unlink(temporary)


def _remove(path: Path) -> None:
    try:
        if path.is_dir() and not path.is_symlink():
            for name in sorted(disk.list(path)):
                _remove(path / name)
            disk.rmdir(path)
        else:
            disk.unlink(path)
    except FileNotFoundError:
        pass


def _listed(folder: Path) -> list[str]:
    with _as_store_error("list", folder):
        try:
            return disk.list(folder)
        except FileNotFoundError:
            return []


def _temporary(folder: Path) -> Path:
    """Return a new temporary path in a folder; its name has the writing process."""
    me = process.this()
    return folder / f"{TEMPORARY}{me.host}-{me.pid}-{me.started}-{secrets.token_hex(4)}"


def _abandoned(path: Path) -> bool:
    """Return whether the writer of a temporary file is dead.

    Of a process on another host nothing is known, so the age of the file decides.
    """
    host, _, rest = path.name.removeprefix(TEMPORARY).partition("-")
    pid, _, rest = rest.partition("-")
    started = rest.rpartition("-")[0]
    if pid.isdecimal() and started.isdecimal():
        writer = process.Process(host, int(pid), int(started))
        if writer.here:
            return writer.dead
    try:
        return time.time() - path.lstat().st_mtime > ABANDONED_SECONDS
    except OSError:
        return False


@contextmanager
def _as_store_error(action: str, path: Path) -> Iterator[None]:
    """Context manager that turns an OSError into a StoreError with the action and the path."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        hint = "check the path, its permissions and the free space, or choose another place"
        raise StoreError(f"cannot {action} {quote(path, 300)}: {reason}", hint) from error
