"""Lines at the end of a terminal that are drawn again and again, whatever becomes of its size."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, Self, TextIO, cast

from rich.console import Console, ConsoleRenderable, RenderableType, RenderHook
from rich.control import Control
from rich.file_proxy import FileProxy
from rich.segment import ControlType, Segment

PERIOD = 0.25
"""Seconds between two looks at what is to be drawn."""
REST = 4
"""How many times as long as a drawing took the next one waits: a slow terminal gets fewer."""
ERASE = "\r\x1b[J"
SHOW, HIDE = "\x1b[?25h", "\x1b[?25l"
CUT, WRAP = "\x1b[?7l", "\x1b[?7h"
"""Lines too long for a terminal that has become narrower meanwhile are cut, not wrapped."""


class LiveRegion(RenderHook):
    """Draws a renderable at the end of a terminal for as long as it is entered.

    Between two drawings the cursor stands at the beginning of its first line. A terminal that gets
    another size keeps it there, whether or not it breaks long lines anew, so that erasing from
    there on leaves nothing behind. Some keep its row instead if they lose rows: as many above it
    are erased then. All writing is that of a thread of its own, which may wait for the terminal.
    """

    def __init__(self, renderable: RenderableType, console: Console) -> None:
        self.renderable, self.console = renderable, console
        self._pending: list[str] = []
        self._ended = threading.Event()
        self._drawn: tuple[Any, str] | None = None
        self._height = console.size.height
        self._thread = threading.Thread(target=self._draw_again, name="live", daemon=True)

    def __enter__(self) -> Self:
        self._raw(HIDE)
        self.console.push_render_hook(self)
        self._streams = {name: getattr(sys, name) for name in ("stdout", "stderr")}
        for name, stream in self._streams.items():
            setattr(sys, name, cast(TextIO, FileProxy(self.console, stream)))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        for name, stream in self._streams.items():
            setattr(sys, name, stream)
        self.console.pop_render_hook()
        self._raw(f"{self._lost()}{ERASE}")
        self._say()
        self._raw(SHOW)

    def say(self, line: str) -> None:
        """A line above the region, which stays; written with the next drawing."""
        self._pending.append(line)

    @contextmanager
    def stoppable(self) -> Iterator[None]:
        """Within it Ctrl-Z leaves the terminal to the shell as it was."""
        usual = threading.current_thread() is threading.main_thread() and hasattr(signal, "SIGTSTP")
        if not usual or signal.getsignal(signal.SIGTSTP) != signal.SIG_DFL:
            yield
            return
        signal.signal(signal.SIGTSTP, self._stop)
        try:
            yield
        finally:
            signal.signal(signal.SIGTSTP, signal.SIG_DFL)

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        """What is printed meanwhile stands above the region, which is drawn below it anew."""
        lines = self.console.render_lines(self.renderable, pad=False)[: self.console.height - 1]
        return [
            _Codes(f"{self._lost()}{ERASE}"),
            *renderables,
            _Codes(CUT),
            _Lines(lines),
            _Codes(f"\r{_up(len(lines) - 1)}{WRAP}"),
        ]

    def _draw_again(self) -> None:
        rest = 0.0
        while not self._ended.wait(max(PERIOD, rest)):
            began = time.perf_counter()
            self._say()
            self.draw()
            rest = REST * (time.perf_counter() - began)

    def _say(self) -> None:
        while self._pending:
            self.console.print(self._pending.pop(0), soft_wrap=True)

    def draw(self) -> None:
        """Draw the region if it does not look as it did."""
        with self.console.capture() as captured:
            self.console.print(Control())
        now = (self.console.size, captured.get())
        if now != self._drawn:
            self._drawn = now
            self._raw(now[1])

    def _lost(self) -> str:
        """Up by the rows that the terminal has lost since the last drawing."""
        before, self._height = self._height, self.console.size.height
        return _up(before - self._height)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        os.write(self._fileno, f"{ERASE}{SHOW}".encode())
        self._drawn = None
        os.kill(os.getpid(), signal.SIGSTOP)
        os.write(self._fileno, HIDE.encode())

    @property
    def _fileno(self) -> int:
        return self.console.file.fileno()

    def _raw(self, codes: str) -> None:
        self.console.file.write(codes)
        self.console.file.flush()


class _Codes:
    """Control codes in the midst of what is printed."""

    def __init__(self, codes: str) -> None:
        self.codes = codes

    def __rich_console__(self, *_: object) -> Iterator[Segment]:
        yield Segment(self.codes, None, [(ControlType.CARRIAGE_RETURN,)])


class _Lines:
    """Lines that are rendered already, without an end after the last."""

    def __init__(self, lines: Sequence[Sequence[Segment]]) -> None:
        self.lines = lines

    def __rich_console__(self, *_: object) -> Iterator[Segment]:
        for at, line in enumerate(self.lines):
            yield from ([Segment.line()] if at else [])
            yield from line


def _up(rows: int) -> str:
    return f"\x1b[{rows}A" if rows > 0 else ""
