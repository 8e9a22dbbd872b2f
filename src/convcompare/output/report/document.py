"""A document as data, which `markdown` and `html` write: its content, without a layout.

Every text is plain except for code spans as in Markdown: ``"`--lr 0.1` lowers it"``. Names from
outside go into a text through `code_spans.code`: nothing in them is markup, backticks included.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ..tables.table import Table

if TYPE_CHECKING:
    from ..plots.rendered import RenderedFigure

_LONGEST_NAME = 60


@dataclass(frozen=True)
class Heading:
    """A heading: ``level`` 2 starts a section, 3 a part of it; 1 is the title of the document."""

    level: int
    text: str


@dataclass(frozen=True)
class Paragraph:
    """Running text."""

    text: str


@dataclass(frozen=True)
class Bullets:
    """A list of sentences."""

    items: Sequence[str]


@dataclass(frozen=True)
class Warnings:
    """Warnings, each with its remedy."""

    items: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class TableBlock:
    """A table with its caption."""

    table: Table
    caption: str


@dataclass(frozen=True)
class FigureBlock:
    """A figure with its caption; its `alt` describes it for people who do not see it.

    Its name is the name of its file: unique in a document, see `unique_names`.
    """

    figure: RenderedFigure


@dataclass(frozen=True)
class CommandBlock:
    """A command that reproduces a result."""

    text: str


@dataclass(frozen=True)
class Facts:
    """Terms, each with a description, in a box if they are ``boxed``."""

    pairs: Sequence[tuple[str, str]]
    boxed: bool = False


@dataclass(frozen=True)
class Details:
    """Blocks that a page shows when their ``summary`` is opened; no headings, tables or figures."""

    summary: str
    blocks: Sequence[Block]


Block = (
    Heading | Paragraph | Bullets | Warnings | TableBlock | FigureBlock | CommandBlock | Facts
    | Details
)  # fmt: skip


@dataclass(frozen=True)
class Document:
    """A report: its title and its blocks, in order, and text files beside it by name."""

    title: str
    subtitle: str
    blocks: Sequence[Block]
    beside: Mapping[str, str] = field(default_factory=dict)

    @property
    def tables(self) -> Iterator[TableBlock]:
        """Its tables, in their order."""
        return (block for block in self.blocks if isinstance(block, TableBlock))

    @property
    def figures(self) -> Iterator[RenderedFigure]:
        """Its figures, in their order."""
        return (block.figure for block in self.blocks if isinstance(block, FigureBlock))

    def with_figures(self, figures: Iterable[RenderedFigure]) -> Document:
        """Return the document with other figures in place of its own, in their order."""
        given = iter(figures)
        blocks = [
            FigureBlock(next(given)) if isinstance(block, FigureBlock) else block
            for block in self.blocks
        ]
        return replace(self, blocks=blocks)


def unique_names(texts: Iterable[str]) -> list[str]:
    """Return a unique name for each text that is valid in any file system and URL."""
    names: list[str] = []
    for text in texts:
        words = re.sub(r"[^a-z0-9]+", "-", text.lower())[:_LONGEST_NAME].strip("-") or "part"
        name, number = words, 2
        while name in names:
            name, number = f"{words}-{number}", number + 1
        names.append(name)
    return names
