"""Read access to the files of a store, whether it is a folder or a pack.

Both use the paths of a folder: a message names a file in a pack as if it were in a folder of that
name. Every read has a size limit and is verified by a CRC or a digest.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from convcompare.core.errors import Damaged, StoreError, quote

from . import atomic_files
from .json_fields import from_record
from .json_records import sha256, unstamp
from .run import SCHEMA_VERSION

LARGEST_RECORD = 32 << 20
"""Maximum size of a record in bytes."""
_AT_ONCE = 64 << 20
"""Size in bytes above which the digest of a file is checked before the file is read at once."""
T = TypeVar("T")


def newer(path: Path) -> StoreError:
    """Return the error for a file of a format that this version does not know."""
    what = f"{quote(path, 300)} was written by a newer convcompare"
    return StoreError(what, "upgrade convcompare to read it")


class Files(ABC):
    """The operations that `RunReader` needs of a store."""

    read_only = False
    remedy = "`convcompare runs check --repair` quarantines it, and the same command makes it again"
    """Hint of the error if a file is damaged."""

    @abstractmethod
    def names(self, folder: Path) -> list[str]:
        """Return the sorted names in a folder; empty if there is no folder."""

    @abstractmethod
    def exists(self, path: Path) -> bool:
        """Return whether a file or a folder exists at `path`."""

    @abstractmethod
    def is_folder(self, path: Path) -> bool:
        """Return whether `path` is a folder."""

    @abstractmethod
    def content(self, path: Path, limit: int = atomic_files.LARGEST) -> bytes:
        """Return the bytes of a file.

        Raises:
            Damaged: if it is missing or has more than `limit` bytes.
        """

    def verified(self, path: Path, digest: str | None) -> bytes:
        """Return the bytes of a file. Raises Damaged if `digest` is not their SHA-256."""
        data = self.content(path)
        if sha256(data) != digest:
            raise self.damaged(path, "SHA-256 mismatch")
        return data

    def read_record(self, path: Path) -> dict[str, Any]:
        """Return a JSON record.

        Raises:
            StoreError: if it is damaged or its schema is newer than that of this version.
        """
        record = unstamp(self.content(path, LARGEST_RECORD))
        if record is None:
            raise self.damaged(path, "it is not the record that was written")
        version = record.get("schema_version", 0)
        if not isinstance(version, int):
            raise self.damaged(path, "it has no version")
        if version > SCHEMA_VERSION:
            raise newer(path)
        return record

    def read_parsed(self, path: Path, build: Callable[[Mapping[str, Any]], T]) -> T:
        """Return the result of `build` for a record.

        Raises:
            StoreError: if the record cannot be read, or `build` fails.
        """
        record = self.read_record(path)
        try:
            return build(record)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise self.damaged(path, f"{type(error).__name__} {error}") from error

    def read_as(self, path: Path, cls: type[T]) -> T:
        """Return a record as the dataclass `cls`.

        Raises:
            StoreError: if the record is damaged or its fields do not fit `cls`.
        """
        return self.read_parsed(path, lambda record: from_record(cls, record))

    def damaged(self, path: Path, what: str) -> Damaged:
        """Return the error for a damaged file; `what` is the reason."""
        return Damaged(f"{quote(path, 300)} is damaged: {what}", self.remedy)

    def damages(self) -> list[StoreError]:
        """Return the errors of the storage itself, apart from those of single records."""
        return []


class Folder(Files):
    """A store in a folder on the disk."""

    def names(self, folder: Path) -> list[str]:
        """Return the sorted names in a folder, without temporary files."""
        return atomic_files.names(folder)

    def exists(self, path: Path) -> bool:
        """Return whether anything exists at `path`, a broken link included."""
        return atomic_files.exists(path)

    def is_folder(self, path: Path) -> bool:
        """Return whether `path` is a folder or a link to one."""
        return path.is_dir()

    def content(self, path: Path, limit: int = atomic_files.LARGEST) -> bytes:
        """Return the bytes of a regular file of at most `limit` bytes."""
        try:
            return atomic_files.read(path, limit)
        except (StoreError, ValueError):  # ValueError: a path with a null byte
            self._check(path, limit)
            raise

    def _check(self, path: Path, limit: int) -> None:
        """Raise Damaged unless `path` is a regular file of at most `limit` bytes."""
        if not atomic_files.exists(path):
            raise self.damaged(path, "it is missing")
        if path.is_dir():
            raise self.damaged(path, "it is a folder")
        if not path.is_file():
            raise self.damaged(path, "it is not a regular file")
        if path.stat().st_size > limit:
            raise self.damaged(path, "it is larger than what was written")

    def verified(self, path: Path, digest: str | None) -> bytes:
        """Return the verified bytes; a wrong large file is detected without loading it at once."""
        if atomic_files.is_larger(path, _AT_ONCE) and atomic_files.sha256(path) != digest:
            raise self.damaged(path, "SHA-256 mismatch")
        return super().verified(path, digest)


FOLDER = Folder()
