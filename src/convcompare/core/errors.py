"""All errors that this package raises deliberately, and their exit codes.

    ConvcompareError          exit code
    ├── UsageError                2      the request cannot be met as it was written
    │   └── ModelError            2      a network does not build, or does not fit the data set
    │       └── ProcessDied       2      the process with the code of a network died
    ├── DataError                 3      a data set or weights are not available, or have changed
    ├── StoreError                4      the run store is damaged or cannot be written
    │   ├── Damaged               4      stored data differ from what was written
    │   └── LeaseLost             4      another process has taken over the run directory
    └── TrialError                1      a trial failed while it ran

`message` and `hint` are one line each, in plain words, without a full stop. Names from outside are
quoted with `quote`, which removes control characters.
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

    ``message`` describes the problem and ``hint`` the remedy, or is None; each is one line in plain
    words without a full stop. ``exit_code`` is the exit code of the command line.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def _render_traceback_(self) -> list[str]:
        """Return the lines that a notebook shows in place of a traceback."""
        lines = [f"{type(self).__name__}: {self.message}"]
        return [*lines, f" hint: {self.hint}"] if self.hint else lines

    def reword(self, words: Callable[[str], str]) -> None:
        """Rewrite message and hint for a caller who sees the hint behind the message."""
        self.message = words(self.message)
        self.hint = self.hint and words(self.hint)
        self.args = (f"{self.message} ({self.hint})" if self.hint else self.message,)


class UsageError(ConvcompareError):
    """The request cannot be met as it was written: an unknown name, a value out of its limits."""

    exit_code = 2


class ModelError(UsageError):
    """A network cannot be built, or does not fit the data set."""


class ProcessDied(ModelError):
    """The process with the code of a network died."""


class DataError(ConvcompareError):
    """A data set or published weights are not available, or differ from their checksum."""

    exit_code = 3


class StoreError(ConvcompareError):
    """The run store is damaged or cannot be written."""

    exit_code = 4


class Damaged(StoreError):
    """Stored data differ from what was written."""


class LeaseLost(StoreError):
    """Another process has taken over the run directory that this one wrote."""


class TrialError(ConvcompareError):
    """A trial failed while it ran."""


class Terminated(BaseException):
    """SIGTERM: stops everything as Ctrl-C does, with its own exit code."""


def printable(text: object) -> str:
    """Return text for a terminal: "�" replaces what moves the cursor or changes the direction."""
    return "".join(c if c.isprintable() else "�" for c in str(text))


def shortened(text: object, limit: int = 120) -> str:
    """Return a name from outside for one line of a terminal: printable and short."""
    shown = printable(text)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def quote(text: object, limit: int = 120) -> str:
    """Return a name from outside, shortened and in backticks."""
    return f"`{shortened(text, limit)}`"


def typed(spec: object) -> str:
    """Return a spec that a hint suggests typing, in backticks and not shortened."""
    return quote(spec, 4096)


_PARTS = re.compile(r"[^a-z0-9]+")
NAMED = 3
"""Maximum number of names in a line."""


def listed(names: Sequence[object], most: int = NAMED) -> str:
    """Return the first `most` names, quoted, and how many more there are."""
    shown = ", ".join(quote(name) for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def shell_word(text: object) -> str:
    """Return a name from outside as one word of a shell command in a hint."""
    import shlex

    return shlex.quote(printable(text))


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """Return ``"did you mean `kernel`?"`` if a known word is similar, otherwise None.

    A word with a part that no other has is closer than one that only looks similar: for
    ``f1-score`` it is ``macro-f1``, not ``brier-score``.
    """
    lower = {name.lower(): name for name in known}
    close = partial(difflib.get_close_matches, word.lower(), lower, n=1)
    near = close(cutoff=0.85) or _of_one_part(word.lower(), lower) or close(cutoff=0.62)
    return f"did you mean `{lower[near[0]]}`?" if near else None


def _of_one_part(word: str, known: Iterable[str]) -> list[str]:
    """Return the known word that alone has a part of this one, for the first such part.

    The list has one word or none.
    """
    parts = [part for part in _PARTS.split(word) if len(part) > 1]
    shared = ([one for one in known if part in _PARTS.split(one)] for part in parts)
    return next((found for found in shared if len(found) == 1), [])


def invalid(what: str, value: object, hint: str) -> UsageError:
    """Return the error for an invalid value of an option or setting, spelt as it is typed."""
    return UsageError(f"invalid value for `{what}`: {quote(value)}", hint)


def exclusive(one: str, other: str, hint: str) -> UsageError:
    """Return the error for two options that cannot be combined, spelt as they are typed."""
    return UsageError(f"`{one}` and `{other}` cannot be combined", hint)


def one_of(choices: Sequence[Choice], word: str, message: str, hint: str) -> Choice:
    """Return the choice that equals a word from outside.

    Raises:
        UsageError: with `message` if there is none; its hint is the closest choice, or else `hint`.
    """
    for choice in choices:
        if word == choice:
            return choice
    raise UsageError(message, did_you_mean(word, choices) or hint)
