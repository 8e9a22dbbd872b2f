"""A document as one self-contained HTML page: no script, no font, no request.

The tags are in ``templates/``, where Jinja2 escapes every text. The Content-Security-Policy of the
page forbids every load and every script, so a name that escaping missed could do nothing.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from pathlib import Path
from typing import assert_never

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from convcompare.core.formatting import no_break

from ..code_spans import one_line, spans, visible
from ..plots.rendered import RenderedFigure
from ..plots.vector import inline
from ..tables.page_cells import DrawnInterval, Folded, Mark
from ..tables.table import Column, Link, Linked, Table
from .document import (
    Block,
    Bullets,
    CommandBlock,
    Details,
    Document,
    Facts,
    FigureBlock,
    Heading,
    Paragraph,
    TableBlock,
    Warnings,
    unique_names,
)

STYLE = Path(__file__).with_name("report.css")
FEW = 4
"""Maximum number of sections whose parts are listed in the contents."""


@dataclass(frozen=True)
class ContentsEntry:
    """A link to a heading, with the links to its parts."""

    text: str
    anchor: str
    parts: list[ContentsEntry] = field(default_factory=list)


@dataclass(frozen=True)
class TableCell:
    """The text of a cell, its class on the page, and whether it is the best of its column.

    ``parts`` are the texts of a cell with links, each with its address or an empty one; ``shown``
    replaces the text and is already escaped.
    """

    text: str
    kind: str
    best: bool
    parts: Sequence[tuple[str, str]]
    shown: Markup | None


def to_html(document: Document) -> str:
    """Return the complete page of a document, with its style and its images."""
    headings = [block for block in document.blocks if isinstance(block, Heading)]
    anchors = unique_names(heading.text for heading in headings)
    page = _environment().get_template("page.html.j2")
    return page.render(
        document=document,
        title="".join(text for text, _ in spans(one_line(document.title))),
        style=STYLE.read_text(encoding="utf-8"),
        sections=_contents(headings, anchors),
        blocks=map(_PageWriter(iter(anchors)).write, document.blocks),
    )


def excerpt(table: Table, caption: str, lists: Sequence[Sequence[str]]) -> str:
    """Return a table with lists below it, without a style, to be embedded in another page.

    Args:
        table: The table, without a number.
        caption: Its caption.
        lists: The lines of each list; an empty list is left out.

    Returns:
        The elements, without a page around them.
    """
    shown = [_block("bullets", lines) for lines in lists if lines]
    return "\n".join([_table(table, caption), *shown])


def figure(shown: RenderedFigure, number: int) -> Markup:
    """Return a figure above its caption, which starts with its number."""
    alt, drawn, picture = one_line(shown.alt), None, ""
    if shown.kind == "svg":
        drawn = Markup(inline(shown.file, shown.name, alt, shown.width, shown.height))
    else:
        picture = base64.b64encode(shown.page).decode()
    return _block("figure", shown, number, alt, picture, drawn)


@cache
def _environment() -> Environment:
    """Return the templates: all their output is escaped, and unknown variables are errors."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    filters = {"one_line": one_line, "options": _options, "pieces": _pieces, "no_break": no_break}
    environment.filters.update(filters)
    return environment


def _block(macro: str, *values: object) -> Markup:
    """Return one block, written by its macro in ``blocks.html.j2``."""
    macros = _environment().get_template("blocks.html.j2").module
    shown: Markup = getattr(macros, macro)(*values)
    return shown.strip()


@dataclass(frozen=True)
class _PageWriter:
    """Writes blocks in order, with anchors of headings and numbers of tables and figures."""

    anchors: Iterator[str]
    tables: Iterator[int] = field(default_factory=lambda: count(1))
    figures: Iterator[int] = field(default_factory=lambda: count(1))

    def write(self, block: Block) -> Markup:
        match block:
            case Heading():
                return _block("heading", block, next(self.anchors))
            case Paragraph(text):
                return _block("paragraph", text)
            case Bullets(items):
                return _block("bullets", items)
            case Warnings(warnings):
                return _block("warnings", warnings)
            case TableBlock(table, caption):
                return _table(table, caption, next(self.tables))
            case FigureBlock(shown):
                return figure(shown, next(self.figures))
            case CommandBlock(text):
                return _block("command", visible(text).split(" "))
            case Facts(pairs, boxed):
                return _block("facts", pairs, boxed)
            case Details(summary, blocks):
                return _block("details", summary, [self.write(one) for one in blocks])
        assert_never(block)


def _contents(headings: Sequence[Heading], anchors: Sequence[str]) -> list[ContentsEntry]:
    """Return an entry per section, with its parts unless there are more than `FEW` sections."""
    sections: list[ContentsEntry] = []
    with_parts = sum(heading.level == 2 for heading in headings) <= FEW
    for heading, anchor in zip(headings, anchors, strict=True):
        entry = ContentsEntry(heading.text, anchor)
        if heading.level == 2:
            sections.append(entry)
        elif with_parts:
            sections[-1].parts.append(entry)
    return sections


def _table(table: Table, caption: str, number: int | None = None) -> Markup:
    """Return a table; without a `number` its caption starts with the text."""
    names = next((column for column in table.shown if column.align == "left"), None)
    columns = [(column, _kind(column, names), table.best(column)) for column in table.shown]
    rows = [
        (
            row in table.unranked,
            [
                TableCell(
                    one_line(table.text(row, column)),
                    kind,
                    row in best,
                    _links(table.rows[row].get(column.key)),
                    _drawn(table.rows[row].get(column.key)),
                )
                for column, kind, best in columns
            ],
        )
        for row in range(len(table.rows))
    ]
    heads = [(column.title, kind) for column, kind, _ in columns]
    return _block("table", heads, rows, table.notes, caption, number)


def _links(value: object) -> list[tuple[str, str]]:
    """Return the parts of a cell with links."""
    if not isinstance(value, (Linked, Folded)):
        return []
    return [
        (one_line(one.text), one.address) if isinstance(one, Link) else (visible(one), "")
        for one in value.parts
    ]


def _drawn(value: object) -> Markup | None:
    """Return a cell that is more than text, otherwise None."""
    match value:
        case Mark():
            return _block("mark", value)
        case DrawnInterval():
            return _block("interval", value, value.places)
        case Folded():
            return _block("folded", value, _links(value))
    return None


def _kind(column: Column, names: Column | None) -> str:
    """Return the class of a column's cells: names are fixed, numbers aligned to the right."""
    if column is names:
        return "name"
    return "number" if column.align == "right" else "words"


def _pieces(text: str) -> Iterator[tuple[str, bool]]:
    """Iterate over the `spans` of a text on one line; spaces at the ends of a span are kept."""
    for part, is_code in spans(text):
        yield "".join(" " if c.isspace() else c for c in visible(part)), is_code


def _options(name: str) -> list[str]:
    """Split a name before each option, where a line can break: ``fcn:``, ``hidden=8,``, ``bn``."""
    return re.split(r"(?<=[,:])(?=\w)", name)
