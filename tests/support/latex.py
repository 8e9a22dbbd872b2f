"""Typesetting with LaTeX."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

TOO_WIDE = 12
"""Permitted excess over the text width in points, about two characters."""


def typeset(body: str, folder: Path) -> str:
    """Typeset a body as an article; assert that pdflatex succeeds and return its output."""
    page = "\\documentclass{article}\\usepackage{array,longtable}\\begin{document}\n"
    (folder / "page.tex").write_text(f"{page}{body}\n\\end{{document}}\n")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"],
        cwd=folder, capture_output=True, text=True, errors="replace", timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]
    return done.stdout


def assert_fits(log: str) -> None:
    """Assert that nothing extends beyond the text width or the page."""
    wide = [float(points) for points in re.findall(r"Overfull \\hbox \(([\d.]+)pt", log)]
    assert not [points for points in wide if points > TOO_WIDE]
    assert "too large" not in log
