"""Verification by the publishers' checksums, for data sets without a pinned fingerprint."""

from __future__ import annotations

import gzip
import hashlib
import io
from pathlib import Path

_CHUNK = 1 << 20


class WrongContent(ValueError):
    """Raised if a file is not the published one."""


def check_file(path: Path, *digests: str) -> None:
    """Raise WrongContent unless the file has one of the `digests`, MD5 or SHA-256 in hex."""
    hashes = {32: hashlib.md5(usedforsecurity=False), 64: hashlib.sha256()}
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            for one in hashes.values():
                one.update(chunk)
    _check(path.name, {size: one.hexdigest() for size, one in hashes.items()}, digests)


def check_bytes(name: str, content: bytes, *digests: str) -> None:
    """Raise WrongContent unless `content` has one of the `digests`, MD5 or SHA-256 in hex."""
    found = {
        32: hashlib.md5(content, usedforsecurity=False).hexdigest(),
        64: hashlib.sha256(content).hexdigest(),
    }
    _check(name, found, digests)


def _check(name: str, found: dict[int, str], digests: tuple[str, ...]) -> None:
    if not any(found[len(digest)] == digest for digest in digests):
        wanted = digests[0]
        kind = "MD5" if len(wanted) == 32 else "SHA-256"
        raise WrongContent(f"{name} is not the published file of {kind} {wanted[:12]}…")


def unpacked(name: str, content: bytes, limit: int) -> bytes:
    """Decompress gzip; raise ValueError if the result is longer than `limit` bytes."""
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
        found = file.read(limit + 1)
    if len(found) > limit:
        raise ValueError(f"{name} holds more than this data set")
    return found
