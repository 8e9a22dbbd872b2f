"""Screens in the documentation equal the output on terminals of the same widths."""

from __future__ import annotations

import re
from pathlib import Path
from runpy import run_path

from rich.cells import cell_len

DOCS = Path(__file__).parents[2] / "docs"


def test_screens_of_the_documentation_are_current() -> None:
    made = run_path(str(DOCS / "screens_page.py"))
    page = (DOCS / "reference" / "screens.md").read_text(encoding="utf-8")
    assert made["page"]() == page, "python docs/screens_page.py"
    shown = re.findall(r"^### \d+ networks, (\d+) columns\n\n```text\n(.*?)```$", page, re.M | re.S)
    assert len(shown) == sum(len(widths) for _, widths in made["SCREENS"])
    for columns, text in shown:
        assert max(map(cell_len, text.splitlines())) <= int(columns)
