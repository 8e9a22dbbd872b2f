"""A report as a folder: Markdown with its figures beside it, and one HTML page with all in it.

Tables lie beside them for LaTeX, and so do the works that are cited, for BibTeX.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from convcompare.store import atomic_files

from ..plots.rendered import RenderedFigure, reduced
from ..tables.formats import escaped, render
from .document import Document, TableBlock, spans
from .html import Picture, png, to_html
from .markdown import to_markdown

FIGURES, TABLES = "figures", "tables"
LONGEST, WIDE = 40, "0.25\\textwidth"
"""Characters of a cell from which on its column breaks lines in LaTeX, and how wide it is then."""
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


def to_latex(block: TableBlock, number: int) -> str:
    """A table with its caption and its notes, to be included by ``\\input``."""
    caption = "".join(
        f"\\texttt{{{escaped(part, 'latex')}}}" if is_code else escaped(part, "latex")
        for part, is_code in spans(block.caption)
    )
    columns = block.table.shown
    texts = [[block.table.text(i, one) for i in range(len(block.table.rows))] for one in columns]
    kinds = "".join(
        f"p{{{WIDE}}}" if max(map(len, found), default=0) > LONGEST else column.align[0]
        for column, found in zip(columns, texts, strict=True)
    )
    rendered = render(block.table, "latex")
    tabular = re.sub(r"(?<=\\begin\{tabular\})\{\w+\}", lambda _: f"{{{kinds}}}", rendered)
    head = f"\\caption{{{caption}}}\n\\label{{tab:convcompare-{number}}}"
    return f"\\begin{{table}}\n\\centering\\footnotesize\n{head}\n{tabular}\n\\end{{table}}\n"


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
            pages = list(pool.map(lambda one: _within(one, each), found))
    return {
        one.name: png(page, one.width, one.height) for one, page in zip(found, pages, strict=True)
    }


def _within(figure: RenderedFigure, room: int) -> bytes:
    return figure.page if len(figure.page) <= room else reduced(figure.file, room)
