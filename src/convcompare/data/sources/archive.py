"""Archives from outside: only the expected members are read, as streams, never onto the disk."""

from __future__ import annotations

import gzip
import tarfile
from collections.abc import Collection
from pathlib import Path

MAX_MEMBER = 64_000_000
"""Bytes: no file inside an archive of the known data sets is larger."""
MAX_MEMBERS = 64


def read_tar(path: Path, names: Collection[str], largest: int = MAX_MEMBER) -> dict[str, bytes]:
    """The contents of the regular files `names` of the gzipped tar archive `path`.

    Raises ValueError where one is missing, or the archive holds too many files or too large ones;
    OSError, EOFError, zlib.error or tarfile.TarError where it is damaged.
    """
    found: dict[str, bytes] = {}
    with tarfile.open(path, "r|gz") as archive:
        for number, member in enumerate(archive):
            if number >= MAX_MEMBERS or member.size > largest:
                raise ValueError(f"{path.name} holds more than this data set")
            if member.name in names and member.isreg():
                file = archive.extractfile(member)
                found[member.name] = file.read() if file else b""
            if len(found) == len(names):
                return found
    missing = sorted(set(names) - set(found))
    raise ValueError(f"{path.name} lacks {missing[0]}")


def read_file(path: Path, limit: int = MAX_MEMBER) -> bytes:
    """The content of a file, unpacked where its name ends in ``.gz``; at most `limit` bytes.

    Raises ValueError where it is longer; OSError, EOFError or zlib.error where it is damaged.
    """
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        content: bytes = file.read(limit + 1)
    if len(content) > limit:
        raise ValueError(f"{path.name} holds more than this data set")
    return content
