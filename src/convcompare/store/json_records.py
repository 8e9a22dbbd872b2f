"""JSON records with a CRC of their content, by which damage is detected."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import atomic_files
from .run import SCHEMA_VERSION


def write_record(
    path: Path, record: Mapping[str, Any], guard: atomic_files.Guard | None = None
) -> None:
    """Write a record with its schema version and CRC; `guard` as for `atomic_files.write`."""
    atomic_files.write(path, stamp(record), guard)


def stamp(record: Mapping[str, Any]) -> bytes:
    """Return the bytes of a record in a file: JSON with the schema version and a CRC."""
    whole = {"schema_version": SCHEMA_VERSION, **record}
    return json.dumps({**whole, "crc32": _crc(whole)}, indent=1).encode() + b"\n"


def unstamp(data: bytes) -> dict[str, Any] | None:
    """Return the record that `stamp` wrote; None if the bytes are damaged or not a record."""
    try:
        record = json.loads(data)
        if not isinstance(record, dict):
            return None
        crc = record.pop("crc32", None)
        return record if crc == _crc(record) else None
    except (ValueError, RecursionError, MemoryError):
        return None


def sha256(data: bytes) -> str:
    """Return the SHA-256 of bytes in hex digits."""
    return hashlib.sha256(data).hexdigest()


def _crc(record: Mapping[str, Any]) -> str:
    return f"{zlib.crc32(_SORTED.encode(record).encode()):08x}"


_SORTED = json.JSONEncoder(sort_keys=True)
