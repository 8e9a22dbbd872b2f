"""What somebody says of a run: tags and a note, beside its record, which stays as it is."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from convcompare.core.errors import UsageError, quote

MOST = 50
_TAG = re.compile(rf"[^\W_][\w.:/=+-]{{0,{MOST - 1}}}")


@dataclass(frozen=True)
class Annotation:
    """``tags`` in the order of the alphabet, each once; ``note`` is free text, empty for none."""

    tags: tuple[str, ...] = ()
    note: str = ""

    def tagged(self, tags: Iterable[str]) -> Annotation:
        """The same with these tags as well; UsageError for what is not a tag."""
        added = [checked(tag) for tag in tags]
        return Annotation(tuple(sorted({*self.tags, *added})), self.note)

    def without(self, tags: Iterable[str]) -> Annotation:
        """The same without these tags."""
        return Annotation(tuple(sorted({*self.tags} - {*tags})), self.note)

    def noted(self, note: str) -> Annotation:
        """The same tags with another note."""
        return Annotation(self.tags, note.strip())


def checked(tag: str) -> str:
    """A tag; UsageError unless it is one word of at most `MOST` characters."""
    if not _TAG.fullmatch(tag):
        raise UsageError(
            f"{quote(tag)} is not a tag",
            f"one word of at most {MOST} letters, digits and `.:/=+-_`, such as `baseline`",
        )
    return tag
