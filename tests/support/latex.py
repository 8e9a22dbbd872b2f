"""Typesetting with LaTeX."""

from __future__ import annotations

import subprocess
from pathlib import Path


def typeset(body: str, folder: Path) -> str:
    """Typeset a body as an article; assert that pdflatex succeeds and return its output."""
    page = "\\documentclass{article}\\usepackage{array,longtable}\\begin{document}\n"
    (folder / "page.tex").write_text(f"{page}{body}\n\\end{{document}}\n")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"],
        cwd=folder, capture_output=True, text=True, errors="replace", timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]
    return done.stdout
