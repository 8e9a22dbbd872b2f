"""File operations of the operating system, one method each, so that tests can make any one fail."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import IO

Fill = Callable[[IO[bytes]], object]
"""Function that writes the content into an open file."""


class Disk:
    """File operations of the operating system. Each raises OSError."""

    def create(self, path: Path, fill: Fill) -> None:
        """Create a new file, call `fill` to write it, and sync it to the disk."""
        with path.open("xb") as file:
            fill(file)
            file.flush()
            os.fsync(file.fileno())

    def rename(self, source: Path, target: Path) -> None:
        """Rename a file; an existing target is replaced."""
        source.replace(target)

    def link(self, source: Path, target: Path) -> None:
        """Create a hard link to a file. Raises FileExistsError if the target exists."""
        if not hasattr(os, "link"):
            raise OSError(errno.ENOTSUP, "this system has no hard links")
        os.link(source, target)

    def sync_folder(self, path: Path) -> None:
        """Sync the names in a folder to the disk."""
        if os.name == "posix":
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def touch(self, path: Path) -> None:
        """Set the modification time of an existing file to now."""
        os.utime(path)

    def make_folder(self, path: Path) -> None:
        """Create a folder, whose parent must exist."""
        path.mkdir()

    def unlink(self, path: Path) -> None:
        """Remove a file."""
        path.unlink()

    def rmdir(self, path: Path) -> None:
        """Remove an empty folder."""
        path.rmdir()

    def read(self, path: Path, limit: int) -> bytes:
        """Return the bytes of a regular file.

        Raises:
            OSError: if it is not a regular file or has more than `limit` bytes.
        """
        # non-blocking, as opening a pipe would otherwise wait for a writer
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        try:
            state = os.fstat(descriptor)
            if not stat.S_ISREG(state.st_mode):
                raise OSError(errno.EINVAL, "it is not a regular file")
            if state.st_size > limit:
                raise OSError(errno.EFBIG, f"it is larger than {limit:,} bytes")
            with open(descriptor, "rb", closefd=False) as file:
                return file.read(state.st_size + 1)  # allocates this size, not `limit`
        finally:
            os.close(descriptor)

    def sha256(self, path: Path) -> str:
        """Return the SHA-256 of a file in hex digits; the file is read in small blocks."""
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def list(self, path: Path) -> list[str]:
        """Return the names in a folder."""
        return os.listdir(path)  # noqa: PTH208
