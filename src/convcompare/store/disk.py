"""The operations of the system on files, one method each, so that a test can make the n-th fail."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import IO

Fill = Callable[[IO[bytes]], object]
"""Writes the content of a file that is open."""


class Disk:
    """The operations of the system, each on its own. They raise OSError."""

    def create(self, path: Path, fill: Fill) -> None:
        """Make a file, let `fill` write it, and wait until it is on the disk."""
        with path.open("xb") as file:
            fill(file)
            file.flush()
            os.fsync(file.fileno())

    def rename(self, source: Path, target: Path) -> None:
        """Rename a file, over another if there is one."""
        source.replace(target)

    def link(self, source: Path, target: Path) -> None:
        """Give a file a second name, which nothing may have yet: FileExistsError."""
        if not hasattr(os, "link"):
            raise OSError(errno.ENOTSUP, "this system has no hard links")
        os.link(source, target)

    def sync_folder(self, path: Path) -> None:
        """Wait until the names in a folder are on the disk."""
        if os.name == "posix":
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def touch(self, path: Path) -> None:
        """Set the time of change of a file that is there to now."""
        os.utime(path)

    def make_folder(self, path: Path) -> None:
        """Make a folder and those above it."""
        path.mkdir()

    def unlink(self, path: Path) -> None:
        """Remove a file."""
        path.unlink()

    def rmdir(self, path: Path) -> None:
        """Remove an empty folder."""
        path.rmdir()

    def read(self, path: Path, limit: int) -> bytes:
        """The bytes of a regular file; OSError where it is none or longer than `limit`."""
        # a pipe that stands in place of the file must not make us wait for who writes into it
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        try:
            state = os.fstat(descriptor)
            if not stat.S_ISREG(state.st_mode):
                raise OSError(errno.EINVAL, "it is not a regular file")
            if state.st_size > limit:
                raise OSError(errno.EFBIG, f"it is larger than {limit:,} bytes")
            with open(descriptor, "rb", closefd=False) as file:
                return file.read(state.st_size + 1)  # so many are allocated
        finally:
            os.close(descriptor)

    def sha256(self, path: Path) -> str:
        """The digest of a file, however large, in little memory."""
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def list(self, path: Path) -> list[str]:
        """The names in a folder."""
        return os.listdir(path)  # noqa: PTH208
