"""Notes and warnings about the files and images of a data set."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from convcompare.core.errors import NAMED, listed
from convcompare.store.json_fields import from_record, to_record


@dataclass(frozen=True)
class DataNote:
    """A finding about the files or images of a data set.

    Attributes:
        kind: an identifier for programs (``leak``, ``constant``, ``scaling``).
        text: the finding in one line, with its count.
        names: all files or classes concerned.
        hint: how to correct it.
        serious: whether it is a warning, which everyone who trains on the data must see.
    """

    kind: str
    text: str
    names: tuple[str, ...] = ()
    hint: str = ""
    serious: bool = True

    def line(self, most: int = NAMED) -> str:
        """Return the text with the first `most` names on one line."""
        return f"{self.text}: {listed(self.names, most)}" if self.names else self.text


def to_text(notes: Iterable[DataNote]) -> str:
    """Return notes as JSON, for the cache of decoded images."""
    return json.dumps([to_record(note) for note in notes])


def from_text(text: str) -> tuple[DataNote, ...]:
    """Return the notes that `to_text` wrote; raise ValueError for any other text."""
    try:
        return tuple(from_record(DataNote, record) for record in json.loads(text))
    except TypeError as error:
        raise ValueError(f"not notes of a data set: {error}") from error
