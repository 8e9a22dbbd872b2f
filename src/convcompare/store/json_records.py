"""JSON records that notice when they are damaged: each carries a CRC of itself."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from convcompare.core.errors import Damaged, StoreError, quote

from . import atomic_files
from .json_fields import from_record
from .run import SCHEMA_VERSION

LARGEST = 32 << 20
"""Bytes of a record."""
_AT_ONCE = 64 << 20
"""Bytes of a file that is read before it is known whether it is the right one."""
T = TypeVar("T")


def write_record(
    path: Path, record: Mapping[str, Any], guard: atomic_files.Guard | None = None
) -> None:
    """Write a record, its schema version and its CRC."""
    atomic_files.write(path, stamp(record), guard)


def stamp(record: Mapping[str, Any]) -> bytes:
    """A record as it stands in a file: with its schema version and its CRC."""
    return seal({"schema_version": SCHEMA_VERSION, **record}, indent=1) + b"\n"


def read_record(path: Path) -> dict[str, Any]:
    """Read a record; StoreError where it is damaged or newer than this version."""
    record = unseal(content(path, LARGEST))
    if record is None:
        raise damaged(path, "it is not the record that was written")
    version = record.get("schema_version", 0)
    if not isinstance(version, int):
        raise damaged(path, "it has no version")
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"{quote(path, 300)} was written by a newer convcompare",
            "upgrade convcompare to read it",
        )
    return record


def read_parsed(path: Path, build: Callable[[Mapping[str, Any]], T]) -> T:
    """What `build` makes of a record; StoreError where it cannot make anything of it."""
    record = read_record(path)
    try:
        return build(record)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise damaged(path, f"{type(error).__name__} {error}") from error


def read_as(path: Path, cls: type[T]) -> T:
    """A record as the dataclass `cls`. Raises StoreError if it is damaged or is no such record."""
    return read_parsed(path, lambda record: from_record(cls, record))


def verified(path: Path, digest: str | None) -> bytes:
    """The bytes of a file, where they are those that a record names; StoreError elsewhere."""
    large = _size(path) > _AT_ONCE
    if large and atomic_files.sha256(path) != digest:
        raise damaged(path, "its bytes are not those that were written")
    data = content(path, atomic_files.LARGEST)
    if sha256(data) != digest:
        raise damaged(path, "its bytes are not those that were written")
    return data


def seal(record: Mapping[str, Any], indent: int | None = None) -> bytes:
    """A record as JSON, with its CRC."""
    return json.dumps({**record, "crc32": _crc(record)}, indent=indent).encode()


def unseal(data: bytes) -> dict[str, Any] | None:
    """The record that `seal` wrote; None where these bytes are not it."""
    try:
        record = json.loads(data)
        if not isinstance(record, dict):
            return None
        crc = record.pop("crc32", None)
        return record if crc == _crc(record) else None
    except (ValueError, RecursionError, MemoryError):
        return None


def damaged(path: Path, what: str) -> Damaged:
    """The error for a file of the store that is not what was written."""
    return Damaged(
        f"{quote(path, 300)} is damaged: {what}",
        "`convcompare runs check --repair` puts it aside, and the same command makes it anew",
    )


def sha256(data: bytes) -> str:
    """The SHA-256 of bytes, in hex digits."""
    return hashlib.sha256(data).hexdigest()


def content(path: Path, limit: int = atomic_files.LARGEST) -> bytes:
    """The bytes of a file of the store; Damaged where there is none, or a far too large one."""
    if not atomic_files.exists(path):
        raise damaged(path, "it is missing")
    if path.is_dir():
        raise damaged(path, "it is a folder")
    if not path.is_file():
        raise damaged(path, "it is not a regular file")
    if _size(path) > limit:
        raise damaged(path, "it is larger than what was written")
    return atomic_files.read(path, limit)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _crc(record: Mapping[str, Any]) -> str:
    return f"{zlib.crc32(json.dumps(record, sort_keys=True).encode()):08x}"
