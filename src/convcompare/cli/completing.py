"""Shell completion from a precomputed table, without importing the parser.

It implements the protocol of Typer's scripts for bash, zsh and fish; the parser handles whatever is
not understood here.
"""

from __future__ import annotations

import os
import sys

from . import completions

TYPE_CHECKING = False  # `typing` takes longer to import than a completion should take
if TYPE_CHECKING:
    from typing import Any

REQUEST_VARIABLE = "_CONVCOMPARE_COMPLETE"
"""Environment variable by which a shell requests completions."""
Found = tuple[str, str]
"""A completion and its help."""


class _Unknown(Exception):
    """Raised for a command line that is left to the parser."""


def answered() -> bool:
    """Print the completions that a shell requests by the environment; return whether it did."""
    try:
        shell = os.environ[REQUEST_VARIABLE].removeprefix("complete_")
        words, incomplete = _typed(shell)
        text = _shown(shell, list(complete(words, incomplete)))
    except Exception:  # the parser reports the error, if there is one
        return False
    sys.stdout.write(text + "\n")
    return True


def complete(words: list[str], incomplete: str) -> list[Found]:
    """Return the completions of `incomplete` after `words`, which exclude the program's name."""
    from .command_list import COMMANDS

    commands = completions.table()["commands"]
    path, rest = _command(words, commands)
    if not path:
        if rest or incomplete.startswith("-"):
            raise _Unknown
        found = [(n, line) for n, line in COMMANDS.items() if n.startswith(incomplete)]
        return [(n, line) for n, line in found if " " not in n]
    line = _Line(commands[path])
    for word in rest:
        line.take(word)
    found = line.completions(incomplete)
    if not rest and not incomplete.startswith("-"):
        below = commands[path]["below"]
        found += [(n, COMMANDS[f"{path} {n}"]) for n in below if n.startswith(incomplete)]
    return found


def _command(words: list[str], commands: dict[str, Any]) -> tuple[str, list[str]]:
    """Return the typed command and the words after it."""
    for length in (2, 1):
        path = " ".join(words[:length])
        if len(words) >= length and path in commands:
            return path, words[length:]
    return "", words


class _Line:
    """A partly typed command line; `params` are its options with a value, by name."""

    def __init__(self, command: dict[str, Any]) -> None:
        self.command = command
        self.options = {name: one for one in command["options"] for name in one[0]}
        self.params: dict[str, Any] = {}
        self.seen: set[str] = set()
        self.waiting: Any = None
        self.arguments = 0

    def take(self, word: str) -> None:
        """Add one typed word."""
        name, equals, value = word.partition("=")
        if self.waiting is not None:
            self._set(self.waiting, word)
            self.waiting = None
        elif word == "--" or (word.startswith("-") and name not in self.options):
            raise _Unknown
        elif word.startswith("-"):
            option = self.options[name]
            self.seen.update(option[0])
            if option[1] and not equals:
                self.waiting = option
            elif equals:
                self._set(option, value)
        else:
            self.arguments += 1

    def _set(self, option: Any, value: str) -> None:
        self.params[option[0][0].lstrip("-").replace("-", "_")] = value

    def completions(self, incomplete: str) -> list[Found]:
        """Return the completions of the next word."""
        name, equals, value = incomplete.partition("=")
        if self.waiting is not None:
            return self._values(self.waiting[2], incomplete)
        if equals and name in self.options:
            return self._values(self.options[name][2], value)
        if incomplete.startswith("-"):
            return [
                (one, text)
                for names, _, _, several, text in self.command["options"]
                for one in names
                if one.startswith(incomplete) and (several or one not in self.seen)
            ]
        given = 0
        for completer, count in self.command["arguments"]:
            given += max(1, count)
            if count < 0 or self.arguments < given:
                return self._values(completer, incomplete)
        return []

    def _values(self, completer: Any, incomplete: str) -> list[Found]:
        if completer is None:
            return []
        if isinstance(completer, list):
            return [(one, "") for one in completer if one.startswith(incomplete)]
        function = getattr(completions, completer)
        code = function.__code__
        wants = code.co_varnames[: code.co_argcount]
        found = function(self, incomplete) if "ctx" in wants else function(incomplete)
        return [(one, "") for one in found]


def _typed(shell: str) -> tuple[list[str], str]:
    """Return the complete words after the program's name, and the incomplete last one."""
    import shlex

    if shell == "bash":
        words = shlex.split(os.environ["COMP_WORDS"])
        place = int(os.environ["COMP_CWORD"])
        return words[1:place], words[place] if place < len(words) else ""
    if shell not in ("zsh", "fish"):
        raise _Unknown
    line = os.environ["_TYPER_COMPLETE_ARGS"]
    words = shlex.split(line)[1:]
    if words and not line.endswith(" "):
        return words[:-1], words[-1]
    return words, ""


def _shown(shell: str, found: list[Found]) -> str:
    """Return the completions in the format of a shell's script."""
    if shell == "bash":
        return "\n".join(value for value, _ in found)
    if shell == "zsh":
        lines = (":".join(f'"{_escaped(one)}"' for one in pair if one) for pair in found)
        return f"_arguments '*: :(({chr(10).join(lines)}))'" if found else "_files"
    if os.environ.get("_TYPER_COMPLETE_FISH_ACTION") == "is-args":
        sys.exit(0 if found else 1)
    return "\n".join("\t".join(one for one in pair if one) for pair in found)


def _escaped(text: str) -> str:
    for mark, written in (('"', '""'), ("'", "''"), ("$", "\\$"), ("`", "\\`"), (":", r"\\:")):
        text = text.replace(mark, written)
    return text
