"""A report as a folder: Markdown with its figures beside it, and a self-contained HTML page.

The folder also contains tables for LaTeX, and the cited works for BibTeX.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from convcompare.store import atomic_files

from .document import Document
from .html import to_html
from .latex_table import to_latex
from .markdown import to_markdown

FIGURES, TABLES = "figures", "tables"
PAGE_BYTES = 8_000_000
"""Maximum bytes of all figures of a page as text, so that it loads fast and can be sent."""


def write_report(document: Document, folder: Path) -> tuple[Path, Path]:
    """Write ``report.md``, ``report.html`` and the files beside them; return these two paths."""
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
    _write(page, to_html(_fitting(document)).encode())
    return markdown, page


def _write(path: Path, content: bytes) -> None:
    """Write a file unless it has this content already."""
    if (
        not path.is_file()
        or path.stat().st_size != len(content)
        or atomic_files.read(path) != content
    ):
        atomic_files.write(path, content)


def _fitting(document: Document) -> Document:
    """Return the document with pictures so small that all figures fit on the page."""
    found = [one for one in document.figures if one.kind == "png"]
    lines = sum(len(one.file) for one in document.figures if one.kind == "svg")
    room = max(0, PAGE_BYTES - lines) * 3 // 4
    if sum(len(one.page) for one in found) <= room:
        return document
    each = room // len(found)
    with ThreadPoolExecutor() as pool:
        pages = list(pool.map(lambda one: one.page_within(each), found))
    smaller = {one.name: replace(one, page=page) for one, page in zip(found, pages, strict=True)}
    return document.with_figures([smaller.get(one.name, one) for one in document.figures])
