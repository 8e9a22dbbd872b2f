"""Where text goes: results to stdout, talk to stderr; one style for every message."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from convcompare.core import formatting
from convcompare.core.errors import ConvcompareError

if TYPE_CHECKING:
    from rich.console import Console

WIDE = 10_000
"""Columns of a pipe: nothing is folded or dropped for it."""


def out() -> Console:
    """Results."""
    return _console(sys.stdout.isatty(), stderr=False)


def talk() -> Console:
    """Progress, warnings, errors."""
    return _console(sys.stderr.isatty(), stderr=True)


def width(console: Console) -> int | None:
    """The columns there are, or None for a pipe."""
    return console.width if console.is_terminal else None


@contextmanager
def drawing_progress() -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal, and nothing elsewhere; it hears how many are done, and of how many."""
    console = talk()
    if not console.is_terminal:
        yield lambda done, total: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    columns = (TextColumn("drawing"), BarColumn(), MofNCompleteColumn(), Remaining())
    with Progress(*columns, console=console, transient=True, refresh_per_second=4) as progress:
        task = progress.add_task("")
        yield lambda done, total: progress.update(task, completed=done, total=total)


def show_error(error: ConvcompareError) -> None:
    """``error: …`` and ``hint: …``, one line each."""
    message("error", error.message, "red")
    if error.hint:
        message(" hint", error.hint, "cyan")


def show_warning(text: str, hint: str | None = None) -> None:
    """``warning: …`` with its hint in parentheses, on stderr."""
    message("warning", f"{text} ({hint})" if hint else text, "magenta")


def message(kind: str, text: str, colour: str) -> None:
    """A message on one line of a pipe, or on as many as a terminal needs."""
    from rich.text import Text

    console, words = talk(), " ".join(text.split())
    indent = len(kind) + 2
    lines = [words]
    if console.is_terminal:
        lines = formatting.wrapped(words, max(20, console.width - indent - 1)) or [""]
    shown = f"\n{' ' * indent}".join(lines)
    console.print(Text.assemble((f"{kind}: ", f"bold {colour}"), shown), soft_wrap=True)


def _console(terminal: bool, stderr: bool) -> Console:
    from rich.console import Console

    return Console(
        stderr=stderr,
        highlight=False,
        markup=False,
        emoji=False,
        force_jupyter=False,
        width=None if terminal else WIDE,
    )
