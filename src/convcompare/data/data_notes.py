"""What is known of the images of a data set beyond its arrays: notes, and warnings."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from convcompare.core.errors import NAMED, listed


@dataclass(frozen=True)
class DataNote:
    """One thing that was found in the files or images of a data set.

    ``kind`` is a word for programs (``leak``, ``constant``, ``scaling``). ``text`` says it in one
    line, with its count; ``names`` are all files or classes concerned; ``hint`` says what helps.
    ``serious`` notes are warnings: whoever trains on the data must see them.
    """

    kind: str
    text: str
    names: tuple[str, ...] = ()
    hint: str = ""
    serious: bool = True

    def line(self, most: int = NAMED) -> str:
        """The text with the first `most` names, on one line."""
        return f"{self.text}: {listed(self.names, most)}" if self.names else self.text


def to_text(notes: Iterable[DataNote]) -> str:
    """Notes as JSON, for the cache of decoded images."""
    return json.dumps([asdict(note) for note in notes])


def from_text(text: str) -> tuple[DataNote, ...]:
    """The notes that `to_text` wrote. Raises ValueError for anything else."""
    try:
        return tuple(
            DataNote(**{**record, "names": tuple(record["names"])}) for record in json.loads(text)
        )
    except (TypeError, KeyError) as error:
        raise ValueError(f"not notes of a data set: {error}") from error
