"""Packages that only one export needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from convcompare.core.errors import UsageError


@contextmanager
def needs(package: str, extra: str) -> Iterator[None]:
    """Turn an ImportError of the block into a UsageError with the package to install."""
    try:
        yield
    except ImportError as error:
        raise UsageError(
            f"the export to {extra} needs the package `{package}`",
            f"`pip install {package}`, or `pip install 'convcompare[{extra}]'`",
        ) from error
