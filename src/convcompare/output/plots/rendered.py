"""Figures as the bytes of their files: lines and text as SVG, pictures and heat maps as PNG."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from xml.etree import ElementTree

import numpy as np

from ..tables.formats import csv_text
from . import vector
from .figure import lay_out

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL.Image import Image

    from .figure import Drawing

DPI, CSS_DPI = 160, 96
"""Pixels per inch of a PNG, and of a page."""
LARGEST_SVG = 250_000
"""Size in bytes beyond which a figure becomes a PNG: with so many marks it is a picture."""
COLOURS = 256
SCALES = (0.75, 0.6, 0.45, 0.3)
"""Scales to which a picture is reduced that is too large for its page."""


@dataclass(frozen=True)
class RenderedFigure:
    """A figure with its caption and its data, without matplotlib.

    ``file`` is the figure as an SVG or a PNG file; ``page`` is the same for a page, a PNG with few
    colours. ``csv`` are the data. ``models`` are the networks in the data; None if the data are not
    about networks. ``width`` and ``height`` are CSS pixels.
    """

    name: str
    caption: str
    alt: str
    csv: str
    models: tuple[str, ...] | None
    kind: Literal["svg", "png"]
    file: bytes
    page: bytes
    width: int
    height: int

    def page_within(self, room: int) -> bytes:
        """Return the picture for a page in at most `room` bytes, or at the smallest of `SCALES`."""
        return self.page if len(self.page) <= room else _reduced(self.file, room)


def render(drawing: Drawing) -> RenderedFigure:
    """Render a figure to files, within `figure.styled`; nothing more may be drawn in it."""
    figure = drawing.figure
    rows = [tuple(row) for row in drawing.rows]
    about_models = tuple(drawing.columns[:1]) == ("model",)
    models = tuple(dict.fromkeys(str(row[0]) for row in rows)) if about_models else None
    lay_out(figure)
    width, height = (math.ceil(CSS_DPI * inches) for inches in figure.get_size_inches())
    file = _lines(figure)
    kind: Literal["svg", "png"] = "svg" if file else "png"
    file, page = (file, b"") if file else _picture(figure)
    return RenderedFigure(
        drawing.name, drawing.caption, drawing.alt, csv_text(drawing.columns, rows), models,
        kind, file, page, width, height,
    )  # fmt: skip


def _lines(figure: Figure) -> bytes:
    """Return the figure as SVG; empty if it contains pictures or is too large."""
    if any(axes.images for axes in figure.axes):
        return b""
    try:
        file = vector.svg(figure)
    except ElementTree.ParseError:  # a character that only pictures can show
        return b""
    return file if len(file) <= LARGEST_SVG else b""


def _picture(figure: Figure) -> tuple[bytes, bytes]:
    """Return the figure as PNG, and with few colours."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    figure.set_dpi(DPI)
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    whole = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    buffer = io.BytesIO()
    whole.save(buffer, "png", dpi=(DPI, DPI))
    return buffer.getvalue(), _few_colours(whole)


def _reduced(png: bytes, room: int) -> bytes:
    from PIL import Image

    with Image.open(io.BytesIO(png)) as opened:
        whole = opened.convert("RGB")
    for scale in SCALES:
        size = (max(1, round(whole.width * scale)), max(1, round(whole.height * scale)))
        found = _few_colours(whole.resize(size, Image.Resampling.LANCZOS))
        if len(found) <= room:
            break
    return found


def _few_colours(image: Image) -> bytes:
    from PIL import Image as module

    buffer = io.BytesIO()
    image.quantize(COLOURS, dither=module.Dither.NONE).save(buffer, "png")
    return buffer.getvalue()
