"""The files of a store as who reads it sees them: in a folder, or in a pack of one.

Paths are those of a folder in both, so that a message names a file of a pack as one below it.
Everything that is read is bounded, and is a record or bytes that a digest names.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from convcompare.core.errors import Damaged, StoreError, quote

from . import atomic_files
from .json_fields import from_record
from .json_records import REPAIR, damaged, sha256, unstamp
from .run import SCHEMA_VERSION

LARGEST_RECORD = 32 << 20
"""Bytes of a record."""
_AT_ONCE = 64 << 20
"""Bytes of a file that is read before it is known whether it is the right one."""
T = TypeVar("T")


class Files(ABC):
    """What a reader needs of the place where a store is."""

    read_only = False
    remedy = REPAIR
    """What helps if one of them is damaged."""

    @abstractmethod
    def names(self, folder: Path) -> list[str]:
        """What is in a folder, sorted; nothing if there is no folder."""

    @abstractmethod
    def exists(self, path: Path) -> bool:
        """Whether anything has that name, be it a file or a folder."""

    @abstractmethod
    def is_folder(self, path: Path) -> bool:
        """Whether a folder has that name."""

    @abstractmethod
    def content(self, path: Path, limit: int = atomic_files.LARGEST) -> bytes:
        """The bytes of a file; Damaged if there is none, or one of more than `limit` bytes."""

    def verified(self, path: Path, digest: str | None) -> bytes:
        """The bytes of a file, if they are those that a record names; else Damaged."""
        data = self.content(path)
        if sha256(data) != digest:
            raise self.damaged(path, "SHA-256 mismatch")
        return data

    def read_record(self, path: Path) -> dict[str, Any]:
        """A record; StoreError if it is damaged or newer than this version."""
        record = unstamp(self.content(path, LARGEST_RECORD))
        if record is None:
            raise self.damaged(path, "it is not the record that was written")
        version = record.get("schema_version", 0)
        if not isinstance(version, int):
            raise self.damaged(path, "it has no version")
        if version > SCHEMA_VERSION:
            raise StoreError(
                f"{quote(path, 300)} was written by a newer convcompare",
                "upgrade convcompare to read it",
            )
        return record

    def read_parsed(self, path: Path, build: Callable[[Mapping[str, Any]], T]) -> T:
        """What `build` makes of a record; StoreError if it cannot make anything of it."""
        record = self.read_record(path)
        try:
            return build(record)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise self.damaged(path, f"{type(error).__name__} {error}") from error

    def read_as(self, path: Path, cls: type[T]) -> T:
        """A record as the dataclass `cls`; StoreError if it is damaged or is no such record."""
        return self.read_parsed(path, lambda record: from_record(cls, record))

    def damaged(self, path: Path, what: str) -> Damaged:
        """The error for a file that is not what was written."""
        return damaged(path, what, self.remedy)

    def damages(self) -> list[StoreError]:
        """What is wrong with the place itself, beside what is wrong with its records."""
        return []


class Folder(Files):
    """The files of a folder on the disk."""

    def names(self, folder: Path) -> list[str]:
        """The same without temporary files."""
        return atomic_files.names(folder)

    def exists(self, path: Path) -> bool:
        """A broken link is there as well."""
        return atomic_files.exists(path)

    def is_folder(self, path: Path) -> bool:
        """Whether a folder, or a link to one, has that name."""
        return path.is_dir()

    def content(self, path: Path, limit: int = atomic_files.LARGEST) -> bytes:
        """The bytes of a regular file."""
        try:
            return atomic_files.read(path, limit)
        except (StoreError, ValueError):  # a name with a zero byte
            self._check(path, limit)
            raise

    def _check(self, path: Path, limit: int) -> None:
        """Damaged if what has this name is no file of at most `limit` bytes."""
        if not atomic_files.exists(path):
            raise self.damaged(path, "it is missing")
        if path.is_dir():
            raise self.damaged(path, "it is a folder")
        if not path.is_file():
            raise self.damaged(path, "it is not a regular file")
        if path.stat().st_size > limit:
            raise self.damaged(path, "it is larger than what was written")

    def verified(self, path: Path, digest: str | None) -> bytes:
        """The same; a large file that is another one is found out in little memory."""
        if atomic_files.is_larger(path, _AT_ONCE) and atomic_files.sha256(path) != digest:
            raise self.damaged(path, "SHA-256 mismatch")
        return super().verified(path, digest)


FOLDER = Folder()
