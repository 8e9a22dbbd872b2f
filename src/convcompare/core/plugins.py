"""Packages that add registry entries: loading them, and hashing their code."""

from __future__ import annotations

import hashlib
import inspect
import linecache
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import ConvcompareError, UsageError, quote
from .failures import reason

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "convcompare.plugins"
"""Entry point group. Each entry point names a module that registers entries when imported."""
_PACKAGE = Path(__file__).parents[1]


_left_out: set[str] = set()
"""Modules of entry points that do not load and are skipped."""


def load_plugins() -> None:
    """Import the module of every entry point that is not skipped.

    Raises:
        UsageError: if one cannot be imported; names the entry point and its package.
    """
    for point in _points():
        if point.value not in _left_out:
            _load(point)


def leave_out_broken() -> dict[str, UsageError | None]:
    """Import the module of every entry point, and return for each module its error or None.

    Those with an error are skipped from then on.
    """
    found: dict[str, UsageError | None] = {}
    for point in _points():
        try:
            _load(point)
            found[point.value] = None
        except UsageError as error:
            found[point.value] = error
            _left_out.add(point.value)
    return found


def _points() -> Iterable[EntryPoint]:
    from importlib.metadata import entry_points

    return entry_points(group=GROUP)


def _load(point: EntryPoint) -> None:
    try:
        point.load()
    except (Exception, SystemExit) as error:
        package = point.dist.name if point.dist else point.name
        why = error.message if isinstance(error, ConvcompareError) else reason(error)
        raise UsageError(
            f"plugin {quote(point.value)} of the package {quote(package)} cannot be loaded: {why}",
            f"fix it, or `pip uninstall {package}`; `--debug` shows the traceback",
        ) from error


def code_sha256(function: Callable[..., Any]) -> str | None:
    """Return the SHA-256, in hex, of the file that defines a function or class.

    If the function wraps others, their files are hashed, too; files that these import are not. None
    for code of this package.

    Raises:
        OSError: if no file defines the function.
        TypeError: for an object that is neither a function nor a class.
    """
    files = [file for file in _files(function) if not Path(file).is_relative_to(_PACKAGE)]
    if not files:
        return None
    return hashlib.sha256(b"".join(map(_content, dict.fromkeys(files)))).hexdigest()


def _files(function: Callable[..., Any]) -> Iterator[str]:
    """Yield the file of a function and those of the functions that it wraps (`functools.wraps`)."""
    wrapped: Any = function
    while wrapped is not None:
        yield inspect.getsourcefile(wrapped) or ""
        wrapped = getattr(wrapped, "__wrapped__", None)


def _content(file: str) -> bytes:
    if Path(file).is_file():
        return Path(file).read_bytes()
    lines = linecache.getlines(file)  # a cell of a notebook
    if not lines:
        raise OSError(f"there is no source file {file!r}")
    return "".join(lines).encode()
