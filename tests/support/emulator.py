"""A terminal emulator: text, carriage returns, cursor up, erase down, wrapping, resizing."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

TOKEN = re.compile(r"\x1b\[\??[\d;]*[A-Za-z]|\r|\n|[^\x1b\r\n]")


@dataclass
class Row:
    """A row of the screen; `joined` if it continues the wrapped line of the row above."""

    text: str = ""
    joined: bool = False


@dataclass
class Emulator:
    """A screen; with `reflow`, long lines are wrapped again when the width changes, else cut."""

    width: int
    height: int
    reflow: bool
    rows: list[Row] = field(default_factory=lambda: [Row()])
    row: int = 0
    column: int = 0
    wraps: bool = True

    def feed(self, text: str) -> None:
        """Process the output of a program."""
        for token in TOKEN.findall(text):
            self._take(token)

    @property
    def shown(self) -> list[str]:
        """Return all lines, including those scrolled off the top of the screen."""
        lines = [row.text.rstrip() for row in self.rows]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    def resize(self, width: int, height: int) -> None:
        """Change the size and keep the cursor at the same place in the text."""
        self.height = height
        if not self.reflow:
            for row in self.rows:
                row.text = row.text[:width]
        else:
            self._wrap_again(width)
        self.width = width

    def _wrap_again(self, width: int) -> None:
        rows: list[Row] = []
        at = 0
        for index, row in enumerate(self.rows):
            if index == self.row:
                assert not row.joined and not self.column, (
                    "the cursor is at the start of a paragraph"
                )
                at = len(rows)
            if row.joined:
                rows[-1].text += row.text
            else:
                rows.append(Row(row.text.rstrip()))
                continue
        broken: list[Row] = []
        for index, row in enumerate(rows):
            if index == at:
                self.row = len(broken)
            pieces = [row.text[i : i + width] for i in range(0, len(row.text), width)] or [""]
            broken += [Row(piece, joined=i > 0) for i, piece in enumerate(pieces)]
        self.rows = broken

    def _take(self, token: str) -> None:
        if token == "\n":
            self._down(joined=False)
            self.column = 0
        elif token == "\r":
            self.column = 0
        elif token == "\x1b[J":
            del self.rows[self.row + 1 :]
            self.rows[self.row].text = self.rows[self.row].text[: self.column]
        elif token.endswith("A") and token[0] == "\x1b":
            top = max(0, len(self.rows) - self.height)
            self.row = max(top, self.row - int(token[2:-1]))
        elif token in ("\x1b[?7l", "\x1b[?7h"):
            self.wraps = token.endswith("h")
        elif token[0] != "\x1b":
            self._put(token)

    def _put(self, letter: str) -> None:
        if self.column == self.width:
            if not self.wraps:
                return
            self._down(joined=True)
            self.column = 0
        line = self.rows[self.row].text.ljust(self.column)
        self.rows[self.row].text = line[: self.column] + letter + line[self.column + 1 :]
        self.column += 1

    def _down(self, joined: bool) -> None:
        self.row += 1
        if self.row == len(self.rows):
            self.rows.append(Row(joined=joined))
