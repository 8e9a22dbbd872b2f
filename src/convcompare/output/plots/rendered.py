"""Figures as the bytes of their files: lines and text as SVG, pictures and heat maps as PNG."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from xml.etree import ElementTree

from ..tables.formats import csv_text
from . import vector

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .figure import Drawing

DPI, CSS_DPI = 160, 96
"""Pixels per inch of a PNG, and of a page."""
LARGEST_SVG = 250_000
"""Bytes beyond which a figure is a PNG: what has so many marks is a picture."""
COLOURS = 256
SCALES = (1.0, 0.75, 0.6, 0.45, 0.3)


@dataclass(frozen=True)
class RenderedFigure:
    """A figure with its caption and its data, without matplotlib.

    ``file`` is the figure, an SVG or a PNG file; ``page`` the same for a page, a PNG in few
    colours. ``csv`` are the data. ``models`` are the networks that these are of; None if they are
    not of networks. ``width`` and ``height`` are CSS pixels.
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


def render(drawing: Drawing) -> RenderedFigure:
    """A figure as files; call it within `figure.styled`, and draw nothing more in it."""
    figure = drawing.figure
    rows = [tuple(row) for row in drawing.rows]
    about_models = tuple(drawing.columns[:1]) == ("model",)
    models = tuple(dict.fromkeys(str(row[0]) for row in rows)) if about_models else None
    _lay_out(figure)
    size = (math.ceil(CSS_DPI * inches) for inches in figure.get_size_inches())
    file, kind = _file(figure)
    page = b"" if kind == "svg" else reduced(file)
    return RenderedFigure(
        drawing.name, drawing.caption, drawing.alt, csv_text(drawing.columns, rows), models,
        kind, file, page, *size,
    )  # fmt: skip


def _lay_out(figure: Figure) -> None:
    """Lay it out once; saving it would draw it a first time for that."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        figure.set_layout_engine("none")


def _file(figure: Figure) -> tuple[bytes, Literal["svg", "png"]]:
    if not any(axes.images for axes in figure.axes):
        try:
            file = vector.svg(figure)
        except ElementTree.ParseError:  # of a character that only pictures can show
            file = b""
        if 0 < len(file) <= LARGEST_SVG:
            return file, "svg"
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI)
    return buffer.getvalue(), "png"


def reduced(png: bytes, room: int | None = None) -> bytes:
    """A PNG in 256 colours, as large as `room` bytes allow [default: as it is]."""
    from PIL import Image

    with Image.open(io.BytesIO(png)) as opened:
        whole = opened.convert("RGB")
    buffer = io.BytesIO()
    for scale in SCALES:
        size = (max(1, round(whole.width * scale)), max(1, round(whole.height * scale)))
        scaled = whole if scale == 1 else whole.resize(size, Image.Resampling.LANCZOS)
        buffer = io.BytesIO()
        scaled.quantize(COLOURS, dither=Image.Dither.NONE).save(buffer, "png", optimize=True)
        if room is None or buffer.tell() <= room:
            break
    return buffer.getvalue()
