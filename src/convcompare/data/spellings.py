"""Comparison of class names that differ only in spelling."""

from __future__ import annotations

import re
from contextlib import suppress


def meaning(name: str) -> str | float:
    """Return what all spellings of a name have in common: its value, or its words in lower case."""
    with suppress(ValueError):
        return float(name)
    words = " ".join(re.split(r"[\s_]+", name.strip()))
    return words if len(words) == 1 else words.casefold()  # single letters: A is not a
