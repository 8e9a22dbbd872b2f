"""A report as a folder: Markdown with its figures beside it, and one HTML page with all in it."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from pathlib import Path

from convcompare.store import atomic_files

from ..plots.figure import Drawing
from .document import Document
from .html import Picture, to_html
from .markdown import to_markdown

FIGURES = "figures"
PAGE_BYTES = 6_000_000
"""What the pictures of a page may weigh together, as text: a page must load and travel."""
LARGEST_PICTURE = 200_000
"""Bytes of one picture at most, where the page has room for more."""
SCALES = (1.0, 0.75, 0.6, 0.45, 0.3)
SAVED_DPI, CSS_DPI = 160, 96


def write_report(document: Document, folder: Path) -> tuple[Path, Path]:
    """Write ``report.md``, ``report.html`` and ``figures/``; the paths of the two documents.

    The figures of the document are empty after it.
    """
    saved = {drawing.name: _save(drawing, folder / FIGURES) for drawing in document.drawings}
    addresses = {name: f"{FIGURES}/{path.name}" for name, path in saved.items()}
    markdown, page = folder / "report.md", folder / "report.html"
    atomic_files.make_folder(folder)
    atomic_files.write(markdown, to_markdown(document, addresses).encode())
    atomic_files.write(page, to_html(document, _pictures(saved)).encode())
    return markdown, page


def _save(drawing: Drawing, folder: Path) -> Path:
    """Write a figure and let go of it: those of a long report take hundreds of megabytes."""
    path = drawing.save(folder)
    drawing.figure.clear()
    return path


def _pictures(saved: Mapping[str, Path]) -> dict[str, Picture]:
    """Each figure, small enough that all of them together fit the page."""
    room = min(LARGEST_PICTURE, PAGE_BYTES * 3 // 4 // max(1, len(saved)))
    return {name: picture(atomic_files.read(path), room) for name, path in saved.items()}


def picture(png: bytes, room: int) -> Picture:
    """A figure in at most 256 colours, as large as `room` bytes allow."""
    from PIL import Image

    with Image.open(io.BytesIO(png)) as opened:
        whole = opened.convert("RGB")
    for scale in SCALES:
        size = (max(1, round(whole.width * scale)), max(1, round(whole.height * scale)))
        scaled = whole if scale == 1 else whole.resize(size, Image.Resampling.LANCZOS)
        buffer = io.BytesIO()
        scaled.quantize(256, dither=Image.Dither.NONE).save(buffer, "png", optimize=True)
        if buffer.tell() <= room:
            break
    address = f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
    shown = CSS_DPI / SAVED_DPI
    return Picture(address, round(whole.width * shown), round(whole.height * shown))
