"""The table for shell completion: commands, options and registered names.

``python docs/completion_table.py`` writes it from the code, and a test checks that it is current.
Importing the parser and the registries for each completion would take too long.
"""

from __future__ import annotations

import typing
from collections.abc import Iterator
from typing import Any

import typer

from convcompare.comparison.figures.catalogue import MEASURES
from convcompare.core.registry import register
from convcompare.output.tables.columns import EXTRA
from convcompare.output.tables.sorting import ALWAYS

from . import completions
from .command_list import COMMANDS
from .lazy_commands import function_of, load, outlines

KINDS = ("model", "dataset", "plot", "study", "export", "executor", "metric")


def table() -> dict[str, Any]:
    """Return the commands with their options and arguments, and the names that values can have."""
    names: dict[str, Any] = {kind: getattr(register, kind).names() for kind in KINDS}
    for kind in ("model", "dataset"):
        registry = getattr(register, kind)
        names[kind] = {name: registry.parameters(name) for name in names[kind]}
    names["column"] = list(EXTRA)
    names["sort"] = [name.replace("_", "-") for name in ALWAYS]
    names["figure"] = [one.name for one in MEASURES]
    return {"names": names, "commands": {path: _command(path) for path in COMMANDS}}


def _command(path: str) -> dict[str, Any]:
    completers = dict(_completers(path))
    options, arguments = [], []
    for param in load(path).params:
        completer = completers.get(param.name)
        if isinstance(param, typer.core.TyperArgument):
            arguments.append([completer, param.nargs])
        elif not param.hidden:
            names = [*param.opts, *param.secondary_opts]
            value = not param.is_flag
            options.append([names, value, completer, bool(param.multiple), param.help or ""])
    options.append([["--help", "-h"], False, None, False, "Show this help."])
    return {"options": options, "arguments": arguments, "below": list(outlines(path))}


def _completers(path: str) -> Iterator[tuple[str, Any]]:
    """Yield the completer or the choices of each parameter of a command."""
    known = {id(one): name for name, one in vars(completions).items() if callable(one)}
    for name, hint in typing.get_type_hints(function_of(path), include_extras=True).items():
        for about in getattr(hint, "__metadata__", ()):
            completer = getattr(about, "autocompletion", None)
            if words := getattr(completer, "names", None):
                yield name, list(words)
            elif completer is not None:
                yield name, known[id(completer)]
