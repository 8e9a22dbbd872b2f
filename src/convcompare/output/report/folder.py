"""A report as a folder: Markdown with its figures beside it, and one HTML page with all in it.

Tables lie beside them for LaTeX, and so do the works that are cited, for BibTeX.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from convcompare.store import atomic_files

from ..plots.rendered import RenderedFigure
from .document import Document
from .html import Picture, png, to_html
from .latex_table import to_latex
from .markdown import to_markdown

FIGURES, TABLES = "figures", "tables"
PAGE_BYTES = 8_000_000
"""What the figures of a page may weigh together, as text: a page must load and travel."""


def write_report(document: Document, folder: Path) -> tuple[Path, Path]:
    """Write ``report.md``, ``report.html`` and what lies beside them; the paths of the two."""
    figures = list(document.figures)
    files = {one.name: f"{FIGURES}/{one.name}.{one.kind}" for one in figures}
    atomic_files.make_folder(folder / FIGURES if figures else folder)
    for one in figures:
        _write(folder / files[one.name], one.file)
        _write(folder / FIGURES / f"{one.name}.csv", one.csv.encode())
    for number, block in enumerate(document.tables, start=1):
        atomic_files.make_folder(folder / TABLES)
        _write(folder / TABLES / f"table-{number}.tex", to_latex(block, number).encode())
    for name, text in document.beside.items():
        _write(folder / name, text.encode())
    markdown, page = folder / "report.md", folder / "report.html"
    _write(markdown, to_markdown(document, files).encode())
    _write(page, to_html(document, _pictures(figures)).encode())
    return markdown, page


def _write(path: Path, content: bytes) -> None:
    """Write a file, unless it holds just that."""
    if (
        not path.is_file()
        or path.stat().st_size != len(content)
        or atomic_files.read(path) != content
    ):
        atomic_files.write(path, content)


def _pictures(figures: Sequence[RenderedFigure]) -> dict[str, Picture]:
    """The pictures among the figures, small enough that all figures together fit the page."""
    found = [one for one in figures if one.kind == "png"]
    lines = sum(len(one.file) for one in figures if one.kind == "svg")
    room = max(0, PAGE_BYTES - lines) * 3 // 4
    if sum(len(one.page) for one in found) <= room:
        pages = [one.page for one in found]
    else:
        each = room // len(found)
        with ThreadPoolExecutor() as pool:
            pages = list(pool.map(lambda one: one.page_within(each), found))
    return {
        one.name: png(page, one.width, one.height) for one, page in zip(found, pages, strict=True)
    }
