"""The live display on terminals that are resized, and on slow ones."""

from __future__ import annotations

import io
import threading
from collections.abc import Sequence

import pytest
from rich.console import Console, Group
from rich.text import Text

from convcompare.cli.live_region import LiveRegion
from tests.support.emulator import Emulator

SIZES = [(100, 30), (50, 30), (25, 30), (120, 30), (40, 12), (40, 30), (90, 9), (200, 50)]


class Frames:
    """A region of lines on a terminal, drawn explicitly."""

    def __init__(self, terminal: Emulator, lines: Sequence[str]) -> None:
        self.terminal, self.told = terminal, io.StringIO()
        self.console = Console(
            file=self.told, width=terminal.width, height=terminal.height, force_terminal=True
        )
        self.console.print("the conditions, in a line that is longer than most terminals are " * 2,
                           soft_wrap=True)  # fmt: skip
        self.lines, self.drawn = lines, 0
        self.region = LiveRegion(self, self.console)
        self.console.push_render_hook(self.region)

    def __rich__(self) -> Group:
        self.drawn += 1
        lines = (f"{line} {self.drawn}" for line in self.lines)
        return Group(*(Text(line, no_wrap=True, overflow="ellipsis") for line in lines))

    def draw(self) -> None:
        self.region.draw()
        self.hand_over()

    def hand_over(self) -> None:
        self.terminal.feed(self.told.getvalue())
        self.told.seek(0)
        self.told.truncate()

    def resize(self, width: int, height: int) -> None:
        self.terminal.resize(width, height)
        self.console.size = (width, height)  # type: ignore[assignment]


@pytest.mark.parametrize("reflow", [True, False])
@pytest.mark.parametrize("late", [True, False])
def test_a_terminal_of_another_size_has_nothing_left_behind(reflow: bool, late: bool) -> None:
    """Each line of the region is there once after every drawing, and the text above it as well.

    `late`: the program learns of the size one drawing after the terminal has it.
    """
    terminal = Emulator(*SIZES[0], reflow=reflow)
    lines = [f"network {i} " + "with a long name " * 4 for i in range(6)]
    frames = Frames(terminal, lines)
    frames.draw()
    for width, height in SIZES[1:]:
        if late:
            terminal.resize(width, height)
            frames.draw()
        frames.resize(width, height)
        frames.draw()
        frames.draw()
        shown = [line for line in terminal.shown if line.startswith("network")]
        assert [line[:9] for line in shown] == [f"network {i}" for i in range(6)]
        assert terminal.shown[-6:] == shown, "and nothing is below them"


def test_lines_printed_meanwhile_stay_above() -> None:
    terminal = Emulator(60, 20, reflow=True)
    frames = Frames(terminal, ["one", "two"])
    frames.draw()
    frames.console.print("a message")
    frames.hand_over()
    frames.draw()
    assert [line.split()[0] for line in terminal.shown[-3:]] == ["a", "one", "two"]


def test_unchanged_region_writes_nothing() -> None:
    frames = Frames(Emulator(60, 20, reflow=True), [])
    frames.draw()
    frames.draw()
    before = frames.told.tell()
    frames.draw()
    assert frames.told.tell() == before


class Slow(io.StringIO):
    """A terminal that blocks until it is released."""

    def __init__(self) -> None:
        super().__init__()
        self.takes, self.full = threading.Event(), threading.Event()

    def write(self, text: str) -> int:
        if threading.current_thread() is not threading.main_thread():
            self.full.set()
            self.takes.wait(600)
        return super().write(text)

    def fileno(self) -> int:
        raise io.UnsupportedOperation


def test_work_does_not_wait_for_the_terminal() -> None:
    """While its thread waits for the terminal, events and lines are accepted."""
    told = Slow()
    console = Console(file=told, width=60, height=20, force_terminal=True)
    with LiveRegion(Text("at work"), console) as region:
        assert told.full.wait(600)
        for i in range(100):
            region.say(f"line {i}")  # returns, or the test hangs
        told.takes.set()
    assert told.getvalue().count("line") == 100
    assert told.getvalue().endswith("\x1b[?25h"), "the cursor is visible again"
