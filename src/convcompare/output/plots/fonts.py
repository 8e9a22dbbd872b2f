"""Fonts of figures, and the characters that they have."""

from __future__ import annotations

import logging
import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

FAMILIES = (
    "DejaVu Sans",
    # Chinese, Japanese, Korean: Linux, macOS, Windows
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans CJK KR", "Noto Sans SC", "Noto Sans JP"),
    *("Source Han Sans SC", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Droid Sans Fallback"),
    *("PingFang SC", "Hiragino Sans GB", "Hiragino Sans", "Apple SD Gothic Neo"),
    *("Microsoft YaHei", "Yu Gothic", "Meiryo", "Malgun Gothic", "SimHei"),
    # other scripts and pictures, as outlines: matplotlib draws no fonts of coloured bitmaps
    *("Noto Sans", "Arial Unicode MS", "Nirmala UI", "Leelawadee UI", "FreeSans"),
    *("Noto Emoji", "Segoe UI Emoji", "Segoe UI Symbol", "Apple Symbols", "Noto Sans Symbols2"),
    *("Symbola", "Unifont"),
)
"""Font families; the first that has a character draws it."""
MISSING = "□"
"""Replacement for a character that no family has."""
_RIGHT_TO_LEFT = ("R", "AL")
_INVISIBLE = ("Cf", "Mn", "Me")
_SHAPING = (3, 11)
"""Version of matplotlib from which right-to-left text is ordered and Arabic is joined."""


@cache
def installed() -> list[str]:
    """Return the installed families; matplotlib includes the first."""
    from matplotlib.font_manager import fontManager

    known = set(fontManager.get_font_names())
    return [name for name in FAMILIES if name in known]


@contextmanager
def without_warnings() -> Iterator[None]:
    """Suppress matplotlib's log: fallback fonts without a bold face, a home without its folder."""
    logger = logging.getLogger("matplotlib")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def drawable(text: str) -> str:
    """Return a text of characters that the fonts have, in the order in which matplotlib draws them.

    Others become `MISSING`; characters without a shape are left out.
    """
    shown = "".join(_characters(text))
    return shown if _is_shaped() or not shown else visual_order(shown)


def lacking(text: str) -> bool:
    """Return whether a text has characters that no font has."""
    return any(not _known(c) and unicodedata.category(c) not in _INVISIBLE for c in text)


def visual_order(text: str) -> str:
    """Return a text with its right-to-left runs reversed, for drawing from left to right.

    Numbers in them keep their order. Text that nests several directions is not laid out in full
    (Unicode Standard Annex 9).
    """
    kinds = "".join("R" if unicodedata.bidirectional(c) in _RIGHT_TO_LEFT else
                    "L" if unicodedata.bidirectional(c) == "L" else "n" for c in text)  # fmt: skip
    parts, last = [], 0
    for run in re.finditer(r"R(?:[Rn]*R)?", kinds):
        turned = text[run.start() : run.end()][::-1]
        parts += [text[last : run.start()], re.sub(r"\d+", lambda m: m.group()[::-1], turned)]
        last = run.end()
    return "".join([*parts, text[last:]])


def _characters(text: str) -> Iterator[str]:
    for character in text:
        if _known(character):
            yield character
        elif unicodedata.category(character) not in _INVISIBLE:
            yield MISSING


def _known(character: str) -> bool:
    return character.isascii() or ord(character) in _covered()


@cache
def _covered() -> frozenset[int]:
    """Return the code points that the fonts have."""
    from matplotlib.font_manager import FontProperties, findfont
    from matplotlib.ft2font import FT2Font

    paths = (findfont(FontProperties(family=name)) for name in installed())
    return frozenset().union(*(FT2Font(path).get_charmap() for path in paths))


@cache
def _is_shaped() -> bool:
    import matplotlib

    numbers = re.findall(r"\d+", matplotlib.__version__)
    return tuple(map(int, numbers[:2])) >= _SHAPING
