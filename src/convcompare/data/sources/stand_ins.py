"""Files that contain something else than expected: pointers of Git LFS, web pages, nothing."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

_BEGINNINGS = (
    (b"version https://git-lfs", "a pointer of Git LFS, which `git lfs pull` replaces by the file"),
    (b"/annex/objects/", "a pointer of git-annex, which `git annex get` replaces by the file"),
    (b"<!doctype html", "a web page"),
    (b"<html", "a web page"),
)


def stand_in(file: Path) -> str:
    """Return what a file is if it does not have its expected format; empty if not known."""
    with suppress(OSError), file.open("rb") as opened:
        start = opened.read(256).lstrip().lower()
        return next((what for begins, what in _BEGINNINGS if start.startswith(begins)),
                    "" if start else "an empty file")  # fmt: skip
    return ""
