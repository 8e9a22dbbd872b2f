"""A document as data, which `markdown` and `html` write: what is said, not how it looks.

Every text is plain, but for code spans as Markdown has them: ``"`--lr 0.1` lowers it"``. Names from
outside go into a text through `code`, so that nothing in them is markup, backticks included.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from convcompare.core.errors import printable

from ..tables.table import Table

if TYPE_CHECKING:
    from ..plots.rendered import RenderedFigure

_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
_LONGEST_NAME = 60


@dataclass(frozen=True)
class Heading:
    """``level`` 2 opens a section, 3 a part of it; 1 is the title of the document."""

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
    """What a reader must know, each with what to do about it."""

    items: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class TableBlock:
    """A table with its caption."""

    table: Table
    caption: str


@dataclass(frozen=True)
class FigureBlock:
    """A figure under its own caption; its `alt` says it in words for those who do not see it.

    Its name is the name of its file: unique in a document, see `unique_names`.
    """

    figure: RenderedFigure


@dataclass(frozen=True)
class CommandBlock:
    """What to type to have the same again."""

    text: str


@dataclass(frozen=True)
class Facts:
    """Terms and what holds for each, in a box of their own if they are ``boxed``."""

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


def code(text: str) -> str:
    """A name from outside as a code span, whatever is in it."""
    shown = one_line(text) or "–"
    longest = max((len(run) for run in re.findall("`+", shown)), default=0)
    fence, space = "`" * (longest + 1), " " if longest else ""
    return f"{fence}{space}{shown}{space}{fence}"


def spans(text: str) -> Iterator[tuple[str, bool]]:
    """The pieces of a text, and whether each is code."""
    end = 0
    for match in _SPAN.finditer(text):
        yield text[end : match.start()], False
        inner = match[2]
        padded = inner[0] == inner[-1] == " " and inner.strip() and len(inner) > 2
        yield inner[1:-1] if padded else inner, True
        end = match.end()
    yield text[end:], False


def one_line(text: str) -> str:
    """Text on one line that shows all it holds: no control characters, nothing that turns it."""
    return visible(" ".join(text.split()))


def visible(text: str) -> str:
    """Text with a mark in place of each character that has no shape, but the end of a line."""
    return "\n".join(map(printable, text.split("\n")))


def unique_names(texts: Iterable[str]) -> list[str]:
    """A name for each text that any file system and any address takes, no two the same."""
    names: list[str] = []
    for text in texts:
        words = re.sub(r"[^a-z0-9]+", "-", text.lower())[:_LONGEST_NAME].strip("-") or "part"
        name, number = words, 2
        while name in names:
            name, number = f"{words}-{number}", number + 1
        names.append(name)
    return names
