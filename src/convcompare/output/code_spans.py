"""Code spans in plain text, as Markdown has them: ``"`--lr 0.1` lowers it"``."""

from __future__ import annotations

import re
from collections.abc import Iterator

from convcompare.core.errors import printable

_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)


def code(text: str) -> str:
    """Return a name from outside as a code span, whatever it contains."""
    shown = one_line(text) or "–"
    longest = max((len(run) for run in re.findall("`+", shown)), default=0)
    fence, space = "`" * (longest + 1), " " if longest else ""
    return f"{fence}{space}{shown}{space}{fence}"


def spans(text: str) -> Iterator[tuple[str, bool]]:
    """Iterate over the pieces of a text, each with whether it is code."""
    end = 0
    for match in _SPAN.finditer(text):
        yield text[end : match.start()], False
        inner = match[2]
        padded = inner[0] == inner[-1] == " " and inner.strip() and len(inner) > 2
        yield inner[1:-1] if padded else inner, True
        end = match.end()
    yield text[end:], False


def one_line(text: str) -> str:
    """Return a text on one line, without control characters and changes of direction."""
    return visible(" ".join(text.split()))


def visible(text: str) -> str:
    """Return a text with a mark for each character without a shape, except line ends."""
    return "\n".join(map(printable, text.split("\n")))
