"""The screens of the documentation are what terminals of these widths show today."""

from __future__ import annotations

from pathlib import Path
from runpy import run_path

from rich.cells import cell_len

DOCS = Path(__file__).parents[2] / "docs"


def test_the_screens_of_the_documentation_are_current() -> None:
    made = run_path(str(DOCS / "screens_page.py"))
    page = (DOCS / "reference" / "screens.md").read_text(encoding="utf-8")
    assert made["page"]() == page, "python docs/screens_page.py"
    for networks, widths in made["SCREENS"]:
        for columns in widths:
            lines = made["screen"](networks, columns).splitlines()
            assert max(map(cell_len, lines)) <= columns
