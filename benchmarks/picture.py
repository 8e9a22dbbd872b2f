"""Pictures of the README: a study on a terminal, and the start of its report.

The runs are those of docs/results/recorded: nothing is trained.

python benchmarks/picture.py      writes docs/pictures/study.svg and, with chromium, report.png
"""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import tempfile
import termios
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

WIDTH = 98
COMMAND = ["convcompare", "runs", "mnist"]
DOCS = Path(__file__).parent.parent / "docs"
RECORDED = DOCS / "results" / "recorded" / "runs.ccpack"
PICTURES = DOCS / "pictures"
BROWSER = ["chromium", "--headless", "--no-sandbox", "--hide-scrollbars", "--window-size=1100,1000"]
FRAME = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg"
 role="img" aria-label="a study on a terminal">
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


def on_terminal(store: Path) -> str:
    """Return the command's output on a terminal of WIDTH columns, without its progress."""
    our_end, terminal_end = pty.openpty()
    termios.tcsetwinsize(terminal_end, (50, WIDTH))
    variables = {
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "CONVCOMPARE_STORE": str(store),
    }
    with subprocess.Popen(
        COMMAND,
        env=os.environ | variables,
        stdin=terminal_end,
        stdout=terminal_end,
        stderr=subprocess.DEVNULL,
    ) as process:
        os.close(terminal_end)
        printed = b""
        while chunk := read(our_end):
            printed += chunk
    assert process.returncode == 0
    return printed.decode().replace("\r\n", "\n")


def read(terminal: int) -> bytes:
    """Return the next bytes of a terminal; empty when its program has ended."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


def page(store: Path, folder: Path) -> None:
    """Save a screenshot of the start of the study's report."""
    subprocess.run(
        ["convcompare", "report", COMMAND[2], "--store", store, "--out", folder], check=True
    )
    shot = f"--screenshot={PICTURES / 'report.png'}"
    subprocess.run([*BROWSER, shot, (folder / "report.html").as_uri()], check=True)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "runs"
        subprocess.run(["convcompare", "runs", "unpack", RECORDED, store], check=True)
        printed = on_terminal(store)
        if shutil.which(BROWSER[0]):
            page(store, Path(folder) / "report")
    console = Console(record=True, width=WIDTH, file=open(os.devnull, "w"))  # noqa: PTH123, SIM115
    console.print(Text.assemble(("$ ", "bold green"), " ".join(COMMAND)))
    console.print(Text.from_ansi(printed), soft_wrap=True)
    svg = console.export_svg(theme=MONOKAI, title="convcompare", code_format=FRAME, unique_id="cc")
    (PICTURES / "study.svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
