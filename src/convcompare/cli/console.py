"""Output streams and message style: results to stdout, progress and diagnostics to stderr."""

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
"""Width of a pipe in columns: nothing is wrapped or dropped."""


def out() -> Console:
    """Return the console for results."""
    return _console(sys.stdout.isatty(), stderr=False)


def err() -> Console:
    """Return the console for progress, warnings and errors."""
    return _console(sys.stderr.isatty(), stderr=True)


def width(console: Console) -> int | None:
    """Return the width of a terminal in columns; None for a pipe."""
    return console.width if console.is_terminal else None


@contextmanager
def drawing_progress() -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar on a terminal; yield a function of the finished and the total number."""
    console = err()
    if not console.is_terminal:
        yield lambda done, total: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    columns = (TextColumn("drawing"), BarColumn(), MofNCompleteColumn(), Remaining())
    with Progress(*columns, console=console, transient=True, refresh_per_second=4) as progress:
        task = progress.add_task("")
        yield lambda done, total: progress.update(task, completed=done, total=total)


def say(text: str, style: str = "") -> None:
    """Print a text to stderr, on a terminal in lines that keep figures with their units."""
    console = err()
    for line in formatting.wrapped(text, console.width - 1) if console.is_terminal else [text]:
        console.print(line, style=style, soft_wrap=True)


def show_error(error: ConvcompareError) -> None:
    """Print ``error: …`` and ``hint: …`` to stderr, one line each."""
    message("error", error.message, "red")
    if error.hint:
        message(" hint", error.hint, "cyan")


def show_warning(text: str, hint: str | None = None) -> None:
    """Print ``warning: …`` to stderr, with its hint in parentheses."""
    message("warning", f"{text} ({hint})" if hint else text, "magenta")


def message(kind: str, text: str, colour: str) -> None:
    """Print a message to stderr, on one line in a pipe and wrapped on a terminal."""
    from rich.text import Text

    console, words = err(), " ".join(text.split())
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
