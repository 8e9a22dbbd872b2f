"""Tags and a note that a user adds to a run, in a file of their own beside its record."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from convcompare.core.errors import UsageError, quote

MOST = 50
_TAG = re.compile(rf"[^\W_][\w.:/=+-]{{0,{MOST - 1}}}")


@dataclass(frozen=True)
class Annotation:
    """Sorted, distinct ``tags`` and a free-text ``note``, empty if there is none."""

    tags: tuple[str, ...] = ()
    note: str = ""

    def tagged(self, tags: Iterable[str]) -> Annotation:
        """Return a copy with these tags added. Raises UsageError if one is not a valid tag."""
        added = [checked(tag) for tag in tags]
        return Annotation(tuple(sorted({*self.tags, *added})), self.note)

    def without(self, tags: Iterable[str]) -> Annotation:
        """Return a copy without these tags."""
        return Annotation(tuple(sorted({*self.tags} - {*tags})), self.note)

    def noted(self, note: str) -> Annotation:
        """Return a copy with another note."""
        return Annotation(self.tags, note.strip())


def checked(tag: str) -> str:
    """Return a valid tag unchanged: one word of at most `MOST` characters.

    Raises:
        UsageError: if it is not one.
    """
    if not _TAG.fullmatch(tag):
        raise UsageError(
            f"{quote(tag)} is not a tag",
            f"one word of at most {MOST} letters, digits and `.:/=+-_`, such as `baseline`",
        )
    return tag
