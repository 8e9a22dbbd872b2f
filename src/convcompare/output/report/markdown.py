"""A document as Markdown, as GitHub shows it: figures are links to the files beside it."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

from ..tables.formats import escaped, render
from .document import (
    Block,
    Bullets,
    CommandBlock,
    Document,
    Facts,
    FigureBlock,
    Heading,
    Paragraph,
    TableBlock,
    Warnings,
    code,
    one_line,
    spans,
    visible,
)


def to_markdown(document: Document, figures: Mapping[str, str]) -> str:
    """The document; `figures` has the address of each figure's file by its name."""
    parts = [f"# {_inline(document.title)}", _paragraph(document.subtitle)]
    tables = drawings = 0
    for block in document.blocks:
        if isinstance(block, TableBlock):
            tables += 1
            parts.append(_table(block, tables))
        elif isinstance(block, FigureBlock):
            drawings += 1
            parts.append(_figure(block, drawings, figures[block.figure.name]))
        else:
            parts.append(_block(block))
    return "\n\n".join(parts) + "\n"


def _block(block: Block) -> str:
    match block:
        case Heading(level, text):
            return f"{'#' * level} {_inline(text)}"
        case Paragraph(text):
            return _paragraph(text)
        case Bullets(items):
            return "\n".join(f"- {_paragraph(item)}" for item in items)
        case Warnings(warnings):
            return "\n>\n".join(f"> **Warning:** {_inline(t)} ({_inline(h)})" for t, h in warnings)
        case Facts(pairs):
            return "\n".join(f"- **{_inline(term)}:** {_inline(fact)}" for term, fact in pairs)
        case CommandBlock(text):
            fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`+", text))])
            return f"{fence}sh\n{visible(text)}\n{fence}"
    raise AssertionError(block)


def _table(block: TableBlock, number: int) -> str:
    notes = "".join(f"\n\n{_paragraph(note)}" for note in block.table.notes)
    table = render(dataclasses.replace(block.table, notes=()), "markdown")
    return f"**Table {number}.** {_inline(block.caption)}\n\n{table}{notes}"


def _figure(block: FigureBlock, number: int, address: str) -> str:
    data = address.rpartition(".")[0] + ".csv"
    caption = f"**Figure {number}.** {_inline(block.figure.caption)} [Data]({data})"
    return f"![{_plain(block.figure.alt)}]({address})\n\n{caption}"


def _paragraph(text: str) -> str:
    """A text at the beginning of a line, where a digit or a sign could begin a list."""
    return re.sub(r"^(\d*)([.)#+=-])", r"\1\\\2", _inline(text))


def _inline(text: str) -> str:
    return "".join(code(part) if is_code else _plain(part) for part, is_code in spans(text))


def _plain(text: str) -> str:
    """Text without markup, spaces at its ends kept: it may stand beside a code span."""
    lead, tail = text[:1].isspace(), text[-1:].isspace() and len(text) > 1
    return " " * lead + escaped(one_line(text), "markdown") + " " * tail
