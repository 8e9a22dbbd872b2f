"""When two names of classes are one name written in two ways."""

from __future__ import annotations

import re
from contextlib import suppress


def meaning(name: str) -> str | float:
    """What all spellings of a name have in common: its value, or its words in small letters."""
    with suppress(ValueError):
        return float(name)
    words = " ".join(re.split(r"[\s_]+", name.strip()))
    return words if len(words) == 1 else words.casefold()  # letters: A is not a
