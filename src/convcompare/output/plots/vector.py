"""A figure as a small SVG: its text stays text, and a page can change its colours.

matplotlib names every group and writes coordinates to a millionth of a point. This keeps only what
is drawn, to a hundredth of a point: a third of the bytes.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from .style import COLOURS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FONTS = "'DejaVu Sans',Verdana,'Bitstream Vera Sans',sans-serif"
"""Verdana has the widths of DejaVu Sans, in which figures are laid out."""
INK, PAPER = "#000000", "#ffffff"
THEMED = frozenset(
    {INK, PAPER, "#555555", "#888888", "#e4e4e4", "#e9e9e9", *(c.lower() for c in COLOURS)}
)
"""Colours that a page replaces by those of its theme: ``var(--c0072b2,#0072b2)``."""
_NUMBER = re.compile(r"-?\d*\.\d+(?:e-?\d+)?")
_REFERENCE = re.compile(r"#([\w-]+)")
_COLOUR = re.compile(r"#[0-9a-f]{6}")
_SHAPE, _FACTOR = 2, 5
"""Decimals of coordinates, and of factors of coordinates."""
_REFERRING = ("href", "clip-path", "style", "fill", "mask")
_PLAIN = {"font-style": "normal", "font-weight": "normal"}


def svg(figure: Figure) -> bytes:
    """Return a laid-out figure as an SVG file on a white background.

    Raises:
        ElementTree.ParseError: If a text contains a character that no XML file can contain.
    """
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    buffer = io.BytesIO()
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        canvas: Any = FigureCanvasSVG(figure)
        canvas.print_svg(buffer, metadata={"Date": None})
    root = _compact(ElementTree.fromstring(buffer.getvalue()))
    root.set("xmlns", "http://www.w3.org/2000/svg")
    return ElementTree.tostring(root)


def inline(file: bytes, name: str, alt: str, width: int, height: int) -> str:
    """Return an SVG file of `svg` as an element of a page.

    Args:
        file: The file.
        name: Prefix of its identifiers, unique on the page.
        alt: Description for people who cannot see it.
        width: Width in CSS pixels.
        height: Height in CSS pixels.

    Returns:
        The element, with everything in it escaped; its colours are variables of the page.
    """
    root = ElementTree.fromstring(file)
    for element in root.iter():
        element.tag = _local(element.tag)
        for key, value in element.attrib.items():
            if key == "id":
                element.set(key, f"{name}-{value}")
            elif key in _REFERRING:
                referred = _REFERENCE.sub(rf"#{name}-\1", value) if _refers(key, value) else value
                element.set(key, _COLOUR.sub(_variable, referred))
    for key, value in (("class", "plot"), ("role", "img"), ("aria-label", alt)):
        root.set(key, value)
    root.set("width", str(width))
    root.set("height", str(height))
    return ElementTree.tostring(root, encoding="unicode")


def _refers(key: str, value: str) -> bool:
    return key == "href" or "url(#" in value


def _variable(match: re.Match[str]) -> str:
    colour = match[0]
    return f"var(--c{colour[1:]},{colour})" if colour in THEMED else colour


def _compact(root: Element) -> Element:
    """Return the same picture with fewer elements, and without names that nothing refers to.

    The other names are numbered in the order of their use, since matplotlib's are hashes of
    positions.
    """
    used = dict.fromkeys(name for one in root.iter() for name in _references(one))
    names = {name: f"i{number}" for number, name in enumerate(used)}
    for child in list(root):
        if _local(child.tag) == "metadata" or (
            _local(child.tag) == "defs" and len(child) == 1 and _local(child[0].tag) == "style"
        ):
            root.remove(child)
    size = root.attrib.pop("width"), root.attrib.pop("height")
    _clean(root, names)
    root.attrib = {
        "viewBox": _rounded(root.attrib["viewBox"], _SHAPE),
        "width": size[0], "height": size[1], "font-family": FONTS,
        "stroke-linejoin": "round", "stroke-linecap": "butt",
    }  # fmt: skip
    return root


def _references(element: Element) -> Iterator[str]:
    for key, value in element.attrib.items():
        name = _local(key)
        if name in _REFERRING and _refers(name, value):
            yield from _REFERENCE.findall(value)


def _clean(element: Element, names: dict[str, str]) -> None:
    element.tag = _local(element.tag)
    element.attrib = dict(_attributes(element, names))
    if element.tag != "text" and not (element.text or "").strip():
        element.text = None
    element.tail = None
    children = []
    for child in element:
        _clean(child, names)
        if child.tag in ("g", "defs") and not len(child):
            continue
        if child.tag == "g" and not child.attrib:
            children += list(child)
        else:
            children.append(child)
    element[:] = children


def _attributes(element: Element, names: dict[str, str]) -> Iterator[tuple[str, str]]:
    for key, value in element.attrib.items():
        name = _local(key)
        if name == "id":
            if value in names:
                yield name, names[value]
        elif name == "transform":
            if not value.startswith("rotate(-0 "):
                yield name, _rounded(value, _FACTOR if "matrix" in value else _SHAPE)
        elif name == "style":
            if style := _style(value, element.tag, names):
                yield name, style
        elif name in _REFERRING and _refers(name, value):
            yield name, _REFERENCE.sub(lambda match: f"#{names[match[1]]}", value)
        elif name == "d":
            yield name, _rounded(" ".join(value.split()), _SHAPE)
        elif name != "href" and name not in ("version", "viewBox"):
            yield name, _rounded(value, _SHAPE)
        else:
            yield name, value


def _style(text: str, tag: str, names: dict[str, str]) -> str:
    parts = dict(part.strip().split(": ", 1) for part in text.split(";") if ": " in part)
    kept = []
    for key, value in parts.items():
        if key == "font-family" or _PLAIN.get(key) == value:
            continue
        if _refers(key, value):
            value = _REFERENCE.sub(lambda match: f"#{names[match[1]]}", value)
        kept.append(f"{key}:{_rounded(value, _SHAPE)}")
    return ";".join(kept)


def _rounded(text: str, places: int) -> str:
    """Return a text with its decimal fractions rounded to at most `places` decimals."""

    def short(match: re.Match[str]) -> str:
        shown = f"{float(match[0]):.{places}f}".rstrip("0").rstrip(".")
        return "0" if shown in ("-0", "") else shown

    return _NUMBER.sub(short, text)


def _local(name: str) -> str:
    """Return a name without its namespace."""
    return name.rpartition("}")[2]
