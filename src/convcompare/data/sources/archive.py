"""Untrusted archives: only expected members are read, as streams, and never extracted to disk."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Collection
from pathlib import Path

MAX_MEMBER = 64_000_000
"""Maximum size of a file in an archive of the known data sets, in bytes."""
MAX_MEMBERS = 64
"""Maximum number of files in an archive."""


def read_tar(path: Path, names: Collection[str], largest: int = MAX_MEMBER) -> dict[str, bytes]:
    """Return the contents of regular files of a gzipped tar archive, by name.

    Args:
        path: the archive.
        names: names of the files within it.
        largest: maximum size of a file, in bytes.

    Raises:
        ValueError: if a file is missing, or the archive has too many or too large files.
        OSError, EOFError, zlib.error, tarfile.TarError: if the archive is damaged.
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
    """Return the content of a file, unpacked if its name ends in ``.gz``.

    Raises:
        ValueError: if the content is longer than `limit` bytes.
        OSError, EOFError, zlib.error: if the file is damaged.
    """
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        return _limited(file, path.name, limit)


def unpacked(name: str, content: bytes, limit: int) -> bytes:
    """Decompress gzip; raise ValueError if the result is longer than `limit` bytes."""
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
        return _limited(file, name, limit)


def _limited(file: gzip.GzipFile | io.BufferedReader, name: str, limit: int) -> bytes:
    content = file.read(limit + 1)
    if len(content) > limit:
        raise ValueError(f"{name} holds more than this data set")
    return content
