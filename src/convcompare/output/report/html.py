"""A document as one HTML page that holds all it shows: no script, no font, no request.

The page forbids itself to load anything (its Content-Security-Policy), so what slipped through the
escaping would still be dead text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from convcompare.core.formatting import together

from ..tables.table import Column, Table
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
    one_line,
    spans,
    unique_names,
    visible,
)

STYLE = Path(__file__).with_name("report.css")
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'"
FEW = 4
"""So many sections have their parts listed among the contents."""


@dataclass(frozen=True)
class Picture:
    """A figure as a page takes it: a data URI, and its size in CSS pixels where there is room."""

    address: str
    width: int
    height: int


def to_html(document: Document, pictures: Mapping[str, Picture]) -> str:
    """The page; `pictures` has each figure by the name of its drawing."""
    title = escape("".join(text for text, _ in spans(one_line(document.title))))
    body = "\n".join(_body(document, pictures))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
{STYLE.read_text(encoding="utf-8")}</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""


def excerpt(table: Table, caption: str, lists: Sequence[Sequence[str]]) -> str:
    """A table with lists of lines below it, for a page of somebody else's: no style of its own."""
    body = list(_table(table, _inline(caption)))
    body += [_block(Bullets(lines)) for lines in lists if lines]
    return "\n".join(body)


def _body(document: Document, pictures: Mapping[str, Picture]) -> Iterator[str]:
    headings = [block for block in document.blocks if isinstance(block, Heading)]
    anchors = unique_names(heading.text for heading in headings)
    yield f"<header><h1>{_inline(document.title)}</h1>"
    yield f'<p class="subtitle">{_inline(document.subtitle)}</p></header>'
    yield from _contents(list(zip(headings, anchors, strict=True)))
    places = iter(anchors)
    tables = figures = 0
    for block in document.blocks:
        if isinstance(block, Heading):
            yield f'<h{block.level} id="{next(places)}">{_inline(block.text)}</h{block.level}>'
        elif isinstance(block, TableBlock):
            tables += 1
            yield from _table(block.table, f"<b>Table {tables}.</b> {_inline(block.caption)}")
        elif isinstance(block, FigureBlock):
            figures += 1
            yield figure(block, figures, pictures[block.drawing.name])
        else:
            yield _block(block)


def _contents(headings: list[tuple[Heading, str]]) -> Iterator[str]:
    """Links to the sections; below each those to its parts, unless the sections are many."""
    parts = sum(heading.level == 2 for heading, _ in headings) <= FEW
    yield '<nav aria-label="Contents"><ul>'
    opened = False
    for heading, anchor in headings:
        link = f'<a href="#{anchor}">{_inline(heading.text)}</a>'
        if heading.level == 2:
            yield f"{'</span></li>' * opened}<li>{link}<span>"
            opened = True
        elif parts:
            yield link
    yield f"{'</span></li>' * opened}</ul></nav>"


def _block(block: Block) -> str:
    match block:
        case Paragraph(text):
            return f"<p>{_inline(text)}</p>"
        case Bullets(items):
            return f"<ul>{''.join(f'<li>{_inline(item)}</li>' for item in items)}</ul>"
        case Warnings(warnings):
            rows = (f"<li>{_inline(t)}<small>{_inline(hint)}</small></li>" for t, hint in warnings)
            return f'<ul class="warnings" aria-label="Warnings">{"".join(rows)}</ul>'
        case Facts(pairs):
            rows = (f"<dt>{_inline(term)}</dt><dd>{_inline(fact)}</dd>" for term, fact in pairs)
            return f"<dl>{''.join(rows)}</dl>"
        case CommandBlock(text):
            return _command(text)
    raise AssertionError(block)


def figure(block: FigureBlock, number: int, picture: Picture) -> str:
    size = f'width="{picture.width}" height="{picture.height}"'
    image = f'<img src="{picture.address}" {size} alt="{escape(one_line(block.alt))}">'
    caption = f"<b>Figure {number}.</b> {_inline(block.drawing.caption)}"
    return f"<figure><div>{image}</div><figcaption>{caption}</figcaption></figure>"


def _table(table: Table, caption: str) -> Iterator[str]:
    """A table that scrolls in a frame of its own where it is wider than the page."""
    yield '<div class="table" tabindex="0"><table>'
    yield f"<caption><span>{caption}</span></caption>"
    names = next((column for column in table.shown if column.align == "left"), None)
    kinds = [_kind(column, names) for column in table.shown]
    heads = zip(table.shown, kinds, strict=True)
    cells = (f'<th scope="col"{kind}>{_inline(column.title)}</th>' for column, kind in heads)
    yield f"<thead><tr>{''.join(cells)}</tr></thead><tbody>"
    best = [table.best(column) for column in table.shown]
    for row in range(len(table.rows)):
        quiet = ' class="unranked"' if row in table.unranked else ""
        yield f"<tr{quiet}>"
        for column, kind, winners in zip(table.shown, kinds, best, strict=True):
            text = together(escape(one_line(table.text(row, column))))
            text = f"<strong>{text}</strong>" if row in winners else text
            if column is names:
                yield f'<th scope="row"{kind}>{_breakable(text)}</th>'
            else:
                yield f"<td{kind}>{text}</td>"
        yield "</tr>"
    yield "</tbody></table></div>"
    if table.notes:
        yield f'<p class="notes">{"<br>".join(_inline(note) for note in table.notes)}</p>'


def _kind(column: Column, names: Column | None) -> str:
    """The class of a column's cells: names stay where a table moves, numbers stand on the right."""
    if column is names:
        return ' class="name"'
    return f' class="{"number" if column.align == "right" else "words"}"'


def _inline(text: str) -> str:
    parts = spans(text)
    return "".join(_code(part) if is_code else together(_plain(part)) for part, is_code in parts)


def _code(text: str) -> str:
    return f"<code>{_breakable(_plain(text))}</code>"


def _breakable(name: str) -> str:
    """A name that may break between its options: specs are long."""
    return re.sub(r"([,:])(?=\w)", r"\1<wbr>", name)


def _command(text: str) -> str:
    """A command, which breaks between its words: an option in two parts reads as another."""
    words = (f"<span>{escape(word)}</span>" for word in visible(text).split(" "))
    return f"<pre><code>{' '.join(words)}</code></pre>"


def _plain(text: str) -> str:
    """Text without markup; a space at an end stays, for a code span may stand beside it."""
    return escape("".join(" " if c.isspace() else c for c in visible(text)))
