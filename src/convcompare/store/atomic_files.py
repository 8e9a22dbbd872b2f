"""Every file operation of the store and of the data cache: atomic, durable, with errors in words.

A file is written under a temporary name in its own folder, synced, and renamed; the folder is
synced. So a name either holds the whole of what was written or what it held before. What a process
that died left of this is cleared away by the next one that writes into the folder.

All of it goes through `disk`, in whose place a test can put one that fails.
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
"""Bytes of a file that is read whole; nothing that is written here comes near it."""
FORGOTTEN_SECONDS = 86_400
"""After so long, what another host began to write and did not rename has no owner."""

Guard = Callable[[], None]


disk = Disk()


def write(path: Path, content: bytes | Fill, guard: Guard | None = None) -> None:
    """Put `content` at `path`, whole or not at all, durably: bytes, or a function that writes.

    `guard` is called when only the renaming is left, and raises where that must not be.
    """
    with _explained("write", path):
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
    """OSError for a device or a pipe: the renaming would put a file in its place."""
    with suppress(FileNotFoundError, NotADirectoryError):
        if stat.S_IFMT(path.stat().st_mode) not in (stat.S_IFREG, stat.S_IFDIR):
            raise OSError(errno.EINVAL, "it is a device or a pipe, and not a file")


def write_first(path: Path, content: bytes, guard: Guard | None = None) -> bool:
    """The same where nothing has that name yet; False, and nothing changed, where something has."""
    with _explained("write", path):
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
            return _exclusively(path, content)  # a disk without hard links
        finally:
            _discard(temporary)
        disk.sync_folder(path.parent)
        return True


def read(path: Path, limit: int = LARGEST) -> bytes:
    """The bytes of the regular file at `path`, at most `limit`."""
    with _explained("read", path):
        return disk.read(path, limit)


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """A file to read a part of."""
    with _explained("read", path), path.open("rb") as file:
        yield file


def sha256(path: Path) -> str:
    """The SHA-256 of the file at `path`, in little memory."""
    with _explained("read", path):
        return disk.sha256(path)


def is_larger(path: Path, limit: int) -> bool:
    """Whether there is a regular file of more than `limit` bytes."""
    try:
        state = path.stat()
    except (OSError, ValueError):
        return False
    return stat.S_ISREG(state.st_mode) and state.st_size > limit


def exists(path: Path) -> bool:
    """Whether anything has that name, be it a file or not."""
    with _explained("look at", path):
        try:
            os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except ValueError:  # a name with a zero byte
            return False
        return True


def make_folder(path: Path) -> None:
    """Make a folder and those above it; clear it of what processes that died left half-written."""
    with _explained("make", path):
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
    """A folder to fill with `put`, which gets the name `path` at the end; on an error it goes.

    Raises StoreError if anything but an empty folder has that name.
    """
    make_folder(path.parent)
    temporary = path.with_name(f"{TEMPORARY}{_signature()}")
    make_folder(temporary)
    try:
        yield temporary
        for folder in (temporary, *(one for one in temporary.rglob("*") if one.is_dir())):
            disk.sync_folder(folder)
        with _explained("make", path):
            if path.is_dir():
                disk.rmdir(path)
        move(temporary, path)
    except BaseException:
        with suppress(StoreError):
            remove(temporary)
        raise


def put(path: Path, content: bytes) -> None:
    """Write a file that nobody reads yet, below a `new_folder`."""
    if not path.parent.is_dir():
        make_folder(path.parent)
    with _explained("write", path):
        disk.create(path, _filler(content))


def touch(path: Path) -> None:
    """Set the time of change of a file that is there to now."""
    with _explained("touch", path):
        disk.touch(path)


def remove(path: Path) -> None:
    """Remove a file or a folder; nothing there is fine."""
    with _explained("remove", path):
        _remove(path)


def move(source: Path, target: Path) -> None:
    """Give a file or a folder another name, durably."""
    with _explained("move", source):
        disk.rename(source, target)
        disk.sync_folder(target.parent)
        disk.sync_folder(source.parent)


def names(folder: Path) -> list[str]:
    """What is in a folder, sorted, without temporary files; nothing where there is no folder."""
    return sorted(name for name in _listed(folder) if not name.startswith(TEMPORARY))


def collect(folder: Path) -> None:
    """Clear a folder of what a `write` of a process that died left behind."""
    for name in _listed(folder):
        if name.startswith(TEMPORARY) and _abandoned(folder / name):
            remove(folder / name)


def leftovers(folder: Path) -> list[Path]:
    """What `collect` would remove."""
    found = [folder / name for name in _listed(folder) if name.startswith(TEMPORARY)]
    return [path for path in sorted(found) if _abandoned(path)]


def check_writable(folder: Path) -> None:
    """Fail now, not after an hour: make the folder and write a file in it."""
    make_folder(folder)
    probe = folder / f"{TEMPORARY}{_signature()}"
    write(probe, b"")
    remove(probe)


def _created(path: Path, content: bytes | Fill) -> Path:
    temporary = path.with_name(f"{TEMPORARY}{_signature()}")
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
    """Remove a temporary file as far as that is possible: what is left will be collected."""
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
    with _explained("list", folder):
        try:
            return disk.list(folder)
        except FileNotFoundError:
            return []


def _signature() -> str:
    """A part of a temporary name: whose it is, and one of its own for every write."""
    me = process.this()
    return f"{me.host}-{me.pid}-{me.started}-{secrets.token_hex(4)}"


def _abandoned(path: Path) -> bool:
    """Whether who began to write this file is dead, or forgot it."""
    host, _, rest = path.name.removeprefix(TEMPORARY).partition("-")
    pid, _, rest = rest.partition("-")
    started = rest.rpartition("-")[0]
    if pid.isdecimal() and started.isdecimal():
        writer = process.Process(host, int(pid), int(started))
        if writer.here:
            return writer.dead
    try:
        return time.time() - path.lstat().st_mtime > FORGOTTEN_SECONDS
    except OSError:
        return False


class _explained:
    """Within it an error of the system is told as one of the store."""

    __slots__ = ("action", "path")

    def __init__(self, action: str, path: Path) -> None:
        self.action, self.path = action, path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):
            reason = error.strerror or type(error).__name__
            hint = "check the path, its permissions and the free space, or choose another place"
            what = f"cannot {self.action} {quote(self.path, 300)}: {reason}"
            raise StoreError(what, hint) from error
