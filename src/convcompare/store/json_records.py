"""JSON records that notice when they are damaged: each carries a CRC of itself."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from convcompare.core.errors import Damaged, quote

from . import atomic_files
from .run import SCHEMA_VERSION

REPAIR = "`convcompare runs check --repair` quarantines it, and the same command makes it again"
"""What helps if a file of a folder is damaged."""


def write_record(
    path: Path, record: Mapping[str, Any], guard: atomic_files.Guard | None = None
) -> None:
    """Write a record, its schema version and its CRC."""
    atomic_files.write(path, stamp(record), guard)


def stamp(record: Mapping[str, Any]) -> bytes:
    """A record as it stands in a file: with its schema version and its CRC."""
    whole = {"schema_version": SCHEMA_VERSION, **record}
    return json.dumps({**whole, "crc32": _crc(whole)}, indent=1).encode() + b"\n"


def unstamp(data: bytes) -> dict[str, Any] | None:
    """The record that `stamp` wrote; None where these bytes are not it."""
    try:
        record = json.loads(data)
        if not isinstance(record, dict):
            return None
        crc = record.pop("crc32", None)
        return record if crc == _crc(record) else None
    except (ValueError, RecursionError, MemoryError):
        return None


def damaged(path: Path, what: str, hint: str = REPAIR) -> Damaged:
    """The error for a file of the store that is not what was written."""
    return Damaged(f"{quote(path, 300)} is damaged: {what}", hint)


def sha256(data: bytes) -> str:
    """The SHA-256 of bytes, in hex digits."""
    return hashlib.sha256(data).hexdigest()


def _crc(record: Mapping[str, Any]) -> str:
    return f"{zlib.crc32(_SORTED.encode(record).encode()):08x}"


_SORTED = json.JSONEncoder(sort_keys=True)
