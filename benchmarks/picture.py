"""The picture of the README: what a comparison prints on a terminal, as an SVG.

python benchmarks/picture.py COMMAND…      runs it in this folder, writes docs/pictures/compare.svg
"""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import termios
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

WIDTH = 98
TARGET = Path(__file__).parent.parent / "docs" / "pictures" / "compare.svg"
FRAME = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg"
 role="img" aria-label="a comparison on a terminal">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
 font-size: {char_height}px; line-height: {line_height}px; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/></clipPath>
{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}<g class="{unique_id}-matrix">{matrix}</g></g>
</svg>
"""


def on_terminal(command: list[str]) -> str:
    """What the command prints on a terminal of WIDTH columns; its progress is left out."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (50, WIDTH))
    environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    with subprocess.Popen(
        command, env=environment, stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL
    ) as process:
        os.close(theirs)
        printed = b""
        while chunk := read(ours):
            printed += chunk
    assert process.returncode == 0
    return printed.decode().replace("\r\n", "\n")


def read(terminal: int) -> bytes:
    """The next bytes of a terminal; none when its program has ended."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


def main() -> None:
    command = sys.argv[1:]
    printed = on_terminal(command)
    console = Console(record=True, width=WIDTH, file=open(os.devnull, "w"))  # noqa: PTH123, SIM115
    console.print(Text.assemble(("$ ", "bold green"), " ".join(["convcompare", *command[1:]])))
    console.print(Text.from_ansi(printed), soft_wrap=True)
    TARGET.parent.mkdir(exist_ok=True)
    svg = console.export_svg(theme=MONOKAI, title="convcompare", code_format=FRAME, unique_id="cc")
    TARGET.write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
