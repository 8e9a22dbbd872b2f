"""JSON records that notice when they are damaged: each carries a CRC of itself."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import files
from .errors import StoreError, quote
from .run import SCHEMA_VERSION


def write_record(path: Path, record: Mapping[str, Any], guard: files.Guard | None = None) -> None:
    """Write a record, its schema version and its CRC."""
    files.write(path, stamp(record), guard)


def stamp(record: Mapping[str, Any]) -> bytes:
    """A record as it stands in a file: with its schema version and its CRC."""
    return seal({"schema_version": SCHEMA_VERSION, **record}, indent=1) + b"\n"


def read_record(path: Path) -> dict[str, Any]:
    """Read a record; StoreError where it is damaged or newer than this version."""
    record = unseal(files.read(path))
    if record is None:
        raise damaged(path, "it is not the record that was written")
    if record.get("schema_version", 0) > SCHEMA_VERSION:
        raise StoreError(
            f"{quote(path)} was written by a newer convcompare", "upgrade convcompare to read it"
        )
    return record


def seal(record: Mapping[str, Any], indent: int | None = None) -> bytes:
    """A record as JSON, with its CRC."""
    return json.dumps({**record, "crc32": _crc(record)}, indent=indent).encode()


def unseal(data: bytes) -> dict[str, Any] | None:
    """The record that `seal` wrote; None where these bytes are not it."""
    try:
        record = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict):
        return None
    crc = record.pop("crc32", None)
    return record if crc == _crc(record) else None


def damaged(path: Path, what: str) -> StoreError:
    """The error for a file of the store that is not what was written."""
    return StoreError(
        f"{quote(path)} is damaged: {what}",
        "move the run's folder away, or train it again with `--fresh`",
    )


def _crc(record: Mapping[str, Any]) -> str:
    return f"{zlib.crc32(json.dumps(record, sort_keys=True).encode()):08x}"
