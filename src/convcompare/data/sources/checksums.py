"""Verification by the publishers' checksums, for data sets without a pinned fingerprint."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

_HASHES: Mapping[int, Callable[[], Any]] = {
    32: partial(hashlib.md5, usedforsecurity=False),
    64: hashlib.sha256,
}
"""By the number of hex digits of a checksum."""


class WrongContent(ValueError):
    """Raised if a file is not the published one."""


def check_file(path: Path, *digests: str) -> None:
    """Raise WrongContent unless the file has one of the `digests`, MD5 or SHA-256 in hex."""
    with path.open("rb") as file:
        _check(path.name, file, digests)


def check_bytes(name: str, content: bytes, *digests: str) -> None:
    """Raise WrongContent unless `content` has one of the `digests`, MD5 or SHA-256 in hex."""
    _check(name, io.BytesIO(content), digests)


def _check(name: str, file: io.BufferedReader | io.BytesIO, digests: tuple[str, ...]) -> None:
    for digest in digests:
        file.seek(0)
        if hashlib.file_digest(file, _HASHES[len(digest)]).hexdigest() == digest:
            return
    kind = "MD5" if len(digests[0]) == 32 else "SHA-256"
    raise WrongContent(f"{name} is not the published file of {kind} {digests[0][:12]}…")
