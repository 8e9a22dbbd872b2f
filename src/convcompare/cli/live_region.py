"""Region at the end of a terminal that is redrawn repeatedly and survives resizing."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Self, TextIO, cast

from rich.console import Console, ConsoleRenderable, RenderableType, RenderHook
from rich.control import Control
from rich.file_proxy import FileProxy
from rich.segment import ControlType, Segment, Segments

PERIOD = 0.25
"""Minimum interval between two redraws in seconds."""
REST = 4
"""Minimum interval between two redraws, as a multiple of the duration of the last one; slow
terminals are redrawn less often."""
ERASE = "\r\x1b[J"
SHOW, HIDE = "\x1b[?25h", "\x1b[?25l"
CUT, WRAP = "\x1b[?7l", "\x1b[?7h"
"""Lines that are too long for a terminal that has become narrower are cut, not wrapped."""


class LiveRegion(RenderHook):
    """Draws a renderable at the end of a terminal within its context.

    Between two redraws the cursor is at the start of the region's first line. A terminal that is
    resized keeps it there, whether or not it rewraps long lines, so that erasing from there removes
    the whole region. Some terminals keep its row instead when they lose rows; then as many rows
    above are erased. A separate thread does all writing, since it may have to wait for the
    terminal.
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
        """Queue a line that stays above the region; it is written at the next redraw."""
        self._pending.append(line)

    @contextmanager
    def stoppable(self) -> Iterator[None]:
        """Restore the terminal for the shell when Ctrl-Z stops the process within the block."""
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
        """Print renderables above the region and redraw the region below them."""
        lines = self.console.render_lines(self.renderable, pad=False)[: self.console.height - 1]
        region = [one for line in lines for one in (*line, Segment.line())][:-1]
        return [
            _codes(f"{self._lost()}{ERASE}"),
            *renderables,
            _codes(CUT),
            Segments(region),
            _codes(f"\r{_up(len(lines) - 1)}{WRAP}"),
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
        """Draw the region if it has changed."""
        with self.console.capture() as captured:
            self.console.print(Control())
        now = (self.console.size, captured.get())
        if now != self._drawn:
            self._drawn = now
            self._raw(now[1])

    def _lost(self) -> str:
        """Return the code that moves the cursor up by the rows that the terminal has lost."""
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


def _codes(codes: str) -> Segments:
    """Return control codes within the output."""
    return Segments([Segment(codes, None, [(ControlType.CARRIAGE_RETURN,)])])


def _up(rows: int) -> str:
    return f"\x1b[{rows}A" if rows > 0 else ""
