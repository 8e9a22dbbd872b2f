"""Comparison of class names that differ only in spelling."""

from __future__ import annotations

import re
from contextlib import suppress


def meaning(name: str) -> str | float:
    """Return what all spellings of a name have in common: its value, or its words in lower case.

    U+FFFD stands for letters that cannot be shown, such as blanks of no width.
    """
    with suppress(ValueError):
        return float(name)
    words = " ".join(re.split(r"[\s_\ufffd]+", name.strip().strip("\ufffd")))
    return words if len(words) == 1 else words.casefold()  # single letters: A is not a
