"""Commands and options of other programs that users type, and their counterparts here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from convcompare.core.errors import UsageError, shell_word

from .command_list import COMMANDS

VERBS: Mapping[str, str] = {
    "list": "`convcompare models` lists networks, `convcompare datasets` data sets, `convcompare "
    "runs` runs",
    "ls": "`convcompare runs` lists the runs",
    "help": "`convcompare --help` lists the commands, `convcompare COMMAND --help` explains one",
    "version": "`convcompare --version` prints it",
    "run": "`convcompare compare MODEL…` trains networks, `convcompare runs` lists runs",
    "bench": "`convcompare compare MODEL…` compares networks",
    "benchmark": "`convcompare compare MODEL…` compares networks",
    "test": "`convcompare runs latest` shows the test accuracy of what has run",
    "evaluate": "`convcompare runs latest` shows the test accuracy of what has run",
    "show": "`convcompare runs latest` shows the last comparison, `convcompare runs ID` a run",
    "latest": "`convcompare runs latest` shows the last comparison",
    "results": "`convcompare runs latest` shows the last comparison",
    "delete": "`convcompare runs rm RUN…` removes runs",
    "remove": "`convcompare runs rm RUN…` removes runs",
    "rm": "`convcompare runs rm RUN…` removes runs",
    "export": "`convcompare runs export --to csv` exports runs to other tools",
    "verify": "`convcompare runs verify RUN` trains a run again",
    "check": "`convcompare runs check` verifies every file of a store",
    "networks": "`convcompare models` lists the networks",
    "info": "`convcompare doctor` shows what this machine offers",
    "figures": "`convcompare plot list` lists the figures",
    "data": "`convcompare datasets` lists the data sets",
    "download": "a data set is fetched when it is used first: `convcompare datasets NAME`",
}
"""Hints for words in place of a command."""
BELOW: Mapping[tuple[str, str], str] = {
    ("runs", "delete"): VERBS["delete"],
    ("runs", "remove"): VERBS["delete"],
    ("runs", "list"): VERBS["ls"],
    ("runs", "ls"): VERBS["ls"],
    ("runs", "show"): VERBS["show"],
    ("models", "list"): VERBS["networks"],
    ("datasets", "list"): VERBS["data"],
    ("plot", "show"): VERBS["figures"],
    ("study", "list"): "`convcompare study` lists the studies",
}
"""Hints for words after a command."""
OPTIONS: Mapping[tuple[str, str], str] = {
    ("report", "--format"): "a report is a folder with Markdown and one HTML page: `--out FOLDER`",
    ("compare", "--models"): "networks are arguments: `convcompare compare fcn simple`",
    ("compare", "--model"): "networks are arguments: `convcompare compare fcn simple`",
    ("train", "--model"): "the network is an argument: `convcompare train simple`",
    ("train", "--seeds"): "`convcompare compare MODEL --seeds N` trains a network several times",
}
"""Hints for options that a command lacks."""


TRAINING = ("compare", "train", "study")
"""Commands that take `--set`."""


def habit(arguments: Sequence[str]) -> str | None:
    """Return a hint for two words that are no command here; None if there is none."""
    return BELOW.get(_words(arguments))


def _words(arguments: Sequence[str]) -> tuple[str, str]:
    words = [word for word in arguments if not word.startswith("-")]
    return (*words, "", "")[0], (*words, "", "")[1]


def command_of(arguments: Sequence[str]) -> str:
    """Return the command of a command line: ``convcompare runs pack``."""
    first, second = _words(arguments)
    found = next((name for name in (f"{first} {second}", first) if name in COMMANDS), "")
    return f"convcompare {found}".rstrip()


def refuse_empty(arguments: Sequence[str]) -> None:
    """Raise UsageError for an option with an empty value, since a path would be this folder."""
    pairs = [*(word.partition("=")[::2] for word in arguments if "=" in word), *pairwise(arguments)]
    for option, value in pairs:
        if option.startswith("-") and not value:
            raise UsageError(f"`{option}` has an empty value", "is a variable of the shell empty?")


def remedy(arguments: Sequence[str], message: str) -> str | None:
    """Return a hint for a command line that did not parse; None if there is none.

    `message` is the error of the parser.
    """
    from convcompare.core.config import TrainConfig

    first, second = _words(arguments)
    if first == "help" and second in COMMANDS:
        return f"`convcompare {second} --help` explains it"
    if first not in COMMANDS:
        return VERBS.get(first.lower())
    if meant := habit(arguments):
        return meant
    if "`--seed`: " in message and "," in message:
        return "`--seed` is the first seed, a number; `--seeds 1,2,3` names several"
    for option in arguments:
        name = option.partition("=")[0]
        if (first, name) in OPTIONS and name in message:
            return OPTIONS[first, name]
        setting = name.removeprefix("--").replace("-", "_")
        known = setting in TrainConfig.__dataclass_fields__
        if first in TRAINING and f"no such option: {name}" in message and known:
            return f"`--set {setting}=VALUE` sets it"
    pack = next((one for one in arguments if one.endswith(".ccpack")), None)
    if pack and "too many arguments" in message:
        return f"`--store {shell_word(pack)}` reads this pack"
    if first == "train" and "too many arguments" in message:
        return "`convcompare compare MODEL…` trains several networks"
    return None
