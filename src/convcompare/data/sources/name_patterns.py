"""Patterns for classes in file names, as in ``cat.0.jpg``."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from convcompare.core.errors import UsageError, quote

from .image_files import stem
from .image_walk import one_form

_WORDS = {
    "CLASS": r"(.+?)",
    "NUMBER": r"(?<![0-9])[0-9]++",
    "ANY": r"[^\s_.()-]+",
}
"""Regular expressions of a pattern's words. Only CLASS may contain separators, so that its part of
a name is unambiguous. A number is a complete run of digits."""
_WORD = re.compile("|".join(_WORDS))
_UNCLEAR = re.compile("CLASSANY|ANYCLASS|ANYANY")
_SEPARATOR = re.compile(r"([\s_.()-]+)")
_DIGITS = re.compile("[0-9]+")
_MOST = 20_000
"""Maximum number of names from which patterns are proposed."""
_NEARLY = 0.95
"""Minimum share of the names that a proposed pattern fits."""
_FEWEST = 5
"""Maximum ratio of a proposal's classes to those of the proposal with the fewest."""


@dataclass(frozen=True)
class NamePattern:
    """A pattern of file names: CLASS once, NUMBER, ANY (without separators), and text.

    ``CLASS_NUMBER`` reads `hot_dog` from ``hot_dog_12.jpg``, ``ANY_CLASS`` `cat` from
    ``0001_cat.png``.

    Raises:
        UsageError: if the text is not a pattern.
    """

    text: str

    def __post_init__(self) -> None:
        if self.text.count("CLASS") != 1 or _UNCLEAR.search(self.text):
            raise UsageError(
                f"{quote(f'names={self.text}')} does not say which part of a name is the class",
                "CLASS once, and NUMBER or ANY for the other parts, with what stands between them: "
                "`names=CLASS_NUMBER`, `names=ANY_CLASS`",
            )

    @cached_property
    def _regex(self) -> re.Pattern[str]:
        text, end, parts = one_form(self.text), 0, []
        for word in _WORD.finditer(text):
            parts += [re.escape(text[end : word.start()]), _WORDS[word[0]]]
            end = word.end()
        return re.compile("".join([*parts, re.escape(text[end:])]))

    def class_in(self, name: str) -> str | None:
        """Return the class in the name of a file; None if the name does not fit."""
        found = self._regex.fullmatch(one_form(stem(name)))
        return found[1].strip() or None if found else None


def proposed_patterns(names: Sequence[str]) -> list[tuple[NamePattern, list[str]]]:
    """Return patterns that fit nearly all names, with on average two or more names per class.

    Each comes with its classes, found in a sample if there are many names; the pattern with the
    fewest classes is first.
    """
    some = names[:: -(-len(names) // _MOST) or 1]
    found: list[tuple[NamePattern, list[str]]] = []
    for pattern in _candidates([_SEPARATOR.split(one_form(stem(name))) for name in some]):
        classes = Counter(one for name in some if (one := pattern.class_in(name)))
        fits = classes.total() >= _NEARLY * len(some)
        if fits and 1 < len(classes) <= classes.total() / 2:
            found.append((pattern, sorted(classes)))
    found.sort(key=lambda pair: len(pair[1]))
    return [pair for pair in found if len(pair[1]) <= _FEWEST * len(found[0][1])]


def _candidates(names: Sequence[Sequence[str]]) -> Iterable[NamePattern]:
    """Yield patterns with the class at each part of names, split into parts and separators."""
    least = sorted(map(len, names))[int((1 - _NEARLY) * len(names))] if names else 0
    usual = [name for name in names if len(name) >= least]
    for place in range(0, least, 2):
        before = [_piece(usual, i) for i in range(place)]
        after = [_piece(usual, i) for i in range(place + 1 - least, 0)]
        for word in ("CLASS", "CLASSNUMBER", "NUMBERCLASS"):
            yield NamePattern("".join([*before, word, *after]))


def _piece(names: Sequence[Sequence[str]], place: int) -> str:
    """Return the element of a pattern at an index of split names: a separator, NUMBER or ANY."""
    pieces = Counter(name[place] for name in names)
    common = pieces.most_common(1)[0][0]
    if not common or _SEPARATOR.fullmatch(common):
        return common
    digits = sum(count for piece, count in pieces.items() if _DIGITS.fullmatch(piece))
    return "NUMBER" if digits >= _NEARLY * len(names) else "ANY"
