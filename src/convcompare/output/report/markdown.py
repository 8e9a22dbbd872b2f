"""A document as GitHub's Markdown: figures are links to the files beside it."""

from __future__ import annotations

import dataclasses
import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import assert_never

from ..code_spans import code, one_line, spans, visible
from ..plots.rendered import RenderedFigure
from ..tables.formats import render
from ..tables.markup import escaped
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
)


def to_markdown(document: Document, figures: Mapping[str, str]) -> str:
    """Return the document as Markdown; `figures` maps the name of each figure to its address."""
    writer = _MarkdownWriter(figures)
    parts = [f"# {_inline(document.title)}", _paragraph(document.subtitle)]
    return "\n\n".join([*parts, *map(writer.write, document.blocks)]) + "\n"


@dataclass(frozen=True)
class _MarkdownWriter:
    """Writes blocks in order, and numbers tables and figures."""

    addresses: Mapping[str, str]
    tables: Iterator[int] = field(default_factory=lambda: count(1))
    figures: Iterator[int] = field(default_factory=lambda: count(1))

    def write(self, block: Block) -> str:
        match block:
            case Heading(level, text):
                return f"{'#' * level} {_inline(text)}"
            case Paragraph(text):
                return _paragraph(text)
            case Bullets(items):
                return "\n".join(f"- {_paragraph(item)}" for item in items)
            case Warnings(warnings):
                return "\n>\n".join(
                    f"> **Warning:** {_inline(t)} ({_inline(h)})" for t, h in warnings
                )
            case Facts(pairs):
                return "\n".join(f"- **{_inline(term)}:** {_inline(fact)}" for term, fact in pairs)
            case TableBlock():
                return _table(block, next(self.tables))
            case FigureBlock(figure):
                return _figure(figure, next(self.figures), self.addresses[figure.name])
            case CommandBlock(text):
                fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`+", text))])
                return f"{fence}sh\n{visible(text)}\n{fence}"
            case Details(summary, blocks):
                inner = "\n\n".join(self.write(one) for one in blocks)
                bare = "".join(part for part, _ in spans(summary))  # within a tag, code is none
                head = html.escape(one_line(bare))
                return f"<details>\n<summary>{head}</summary>\n\n{inner}\n\n</details>"
        assert_never(block)


def _table(block: TableBlock, number: int) -> str:
    notes = "".join(f"\n\n{_paragraph(note)}" for note in block.table.notes)
    table = render(dataclasses.replace(block.table, notes=()), "markdown")
    return f"**Table {number}.** {_inline(block.caption)}\n\n{table}{notes}"


def _figure(figure: RenderedFigure, number: int, address: str) -> str:
    data = address.rpartition(".")[0] + ".csv"
    caption = f"**Figure {number}.** {_inline(figure.caption)} [Data]({data})"
    return f"![{_plain(figure.alt)}]({address})\n\n{caption}"


def _paragraph(text: str) -> str:
    """Return a text for the start of a line, where a digit or a sign could start a list."""
    return re.sub(r"^(\d*)([.)#+=-])", r"\1\\\2", _inline(text))


def _inline(text: str) -> str:
    return "".join(code(part) if is_code else _plain(part) for part, is_code in spans(text))


def _plain(text: str) -> str:
    """Return a text without markup; spaces at its ends are kept, next to code spans."""
    lead, tail = text[:1].isspace(), text[-1:].isspace() and len(text) > 1
    return " " * lead + escaped(one_line(text), "markdown") + " " * tail
