"""Every error that this tool raises on purpose, and the exit code of each.

    ConvcompareError          exit code
    ├── UsageError                2      the request cannot be met as it was written
    │   └── ModelError            2      a network does not build, or does not fit the data set
    │       └── ProcessDied       2      the process that had its code died of it
    ├── DataError                 3      a data set or weights are not available, or are others
    ├── StoreError                4      the run store is damaged or cannot be written
    │   ├── Damaged               4      what is read is not what was written
    │   └── LeaseLost             4      another process has taken over what this one wrote
    └── TrialError                1      a trial failed while it ran

`message` and `hint` are one line each, in plain words, without a full stop. Names that come from
outside are quoted with `quote`, which removes control characters.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TypeVar

Choice = TypeVar("Choice", bound=str)


class ConvcompareError(Exception):
    """An error that the user can act on.

    ``message`` says what is wrong and ``hint`` what to do about it, or is None; each is one line in
    plain words without a full stop. ``exit_code`` is that of the command line.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows in place of a traceback."""
        lines = [f"{type(self).__name__}: {self.message}"]
        return [*lines, f" hint: {self.hint}"] if self.hint else lines

    def reword(self, words: Callable[[str], str]) -> None:
        """Say the same in the words of another caller, who sees the hint behind the message."""
        self.message = words(self.message)
        self.hint = self.hint and words(self.hint)
        self.args = (f"{self.message} ({self.hint})" if self.hint else self.message,)


class UsageError(ConvcompareError):
    """The request cannot be met as it was written: an unknown name, a value out of its limits."""

    exit_code = 2


class ModelError(UsageError):
    """A network cannot be built, or does not fit the data set."""


class ProcessDied(ModelError):
    """The process that had the code of a network died of it."""


class DataError(ConvcompareError):
    """A data set or published weights are not available, or differ from their checksum."""

    exit_code = 3


class StoreError(ConvcompareError):
    """The run store is damaged or cannot be written."""

    exit_code = 4


class Damaged(StoreError):
    """What is read is not what was written."""


class LeaseLost(StoreError):
    """Another process has taken over what this one wrote."""


class TrialError(ConvcompareError):
    """A trial failed while it ran."""


class Terminated(BaseException):
    """SIGTERM: stops everything as Ctrl-C does, with an exit code of its own."""


def printable(text: object) -> str:
    """Text from outside, fit for a terminal: what moves its cursor or turns its writing is "�"."""
    return "".join(c if c.isprintable() else "�" for c in str(text))


def shortened(text: object, limit: int = 120) -> str:
    """A name from outside, fit for a line of a terminal: printable and short."""
    shown = printable(text)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def quote(text: object, limit: int = 120) -> str:
    """A name from outside as `shortened`, in backticks."""
    return f"`{shortened(text, limit)}`"


def typed(spec: object) -> str:
    """What a hint asks to be typed, in backticks and whole, however long a path in it is."""
    return quote(spec, 4096)


_PARTS = re.compile(r"[^a-z0-9]+")
NAMED = 3
"""How many names a line carries."""


def listed(names: Sequence[object], most: int = NAMED) -> str:
    """The first `most` names, quoted, and how many more there are."""
    shown = ", ".join(quote(name) for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def shell_word(text: object) -> str:
    """A name from outside as one word of a command that a hint shows."""
    import shlex

    return shlex.quote(printable(text))


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """``"did you mean `kernel`?"`` where a known word is close, else None.

    One with a part that no other has is closer than one that only looks alike: ``f1-score`` is
    ``macro-f1``, not ``brier-score``.
    """
    lower = {name.lower(): name for name in known}
    close = partial(difflib.get_close_matches, word.lower(), lower, n=1)
    near = close(cutoff=0.85) or _of_one_part(word.lower(), lower) or close(cutoff=0.6)
    return f"did you mean `{lower[near[0]]}`?" if near else None


def _of_one_part(word: str, known: Iterable[str]) -> list[str]:
    """The known word with a part of this one, the first that no other has; none or one."""
    parts = [part for part in _PARTS.split(word) if len(part) > 1]
    shared = ([one for one in known if part in _PARTS.split(one)] for part in parts)
    return next((found for found in shared if len(found) == 1), [])


def one_of(choices: Sequence[Choice], word: str, message: str, hint: str) -> Choice:
    """The choice that a word from outside is.

    Raises UsageError with `message` where it is none, and the closest choice or else `hint`.
    """
    for choice in choices:
        if word == choice:
            return choice
    raise UsageError(message, did_you_mean(word, choices) or hint)
