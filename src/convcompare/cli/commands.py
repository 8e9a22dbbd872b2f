"""The commands by name: what each does in one line, and its module only when it is asked for.

A command's function stands in the module of its name, here with its dashes as underscores.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

COMMANDS: Mapping[str, str] = {
    "compare": "Train networks under the same conditions and print the table of the reports.",
    "train": "Train one network once.",
    "worker": "Take part in a comparison: run its trials beside other workers until none is left.",
    "study": "Run the studies of the reports: what is missing is trained, the tables are printed.",
    "models": "List the networks, with parameters and MACs for a data set.",
    "layers": "Measure the custom layers beside torch's: differences, time, parameters.",
    "receptive-field": "What each unit sees: exact size, stride and start of every layer.",
    "gradients": "Gradient of each layer on one fixed batch, at initialisation and after each "
    "epoch.",
    "plot": "Draw figures of a comparison, and beside each its data as CSV.",
    "classes": "Test accuracy of each class, and how the networks differ in it.",
    "report": "Write a report: a folder with Markdown, figures and their data, and one HTML page.",
    "datasets": "List the data sets, and which of them are on this machine.",
    "runs": "List the runs, show one, or the table of the latest comparison.",
}
"""In the order of the help. The line is the first paragraph of the function's docstring."""

PASSING_ON = {"worker": {"ignore_unknown_options": True, "allow_interspersed_args": False}}
"""How a command is parsed of which all that follows belongs to another."""

UNUSED = {"rich.markdown": "Markdown", "rich.traceback": "Traceback"}
"""What Typer's help imports for ways of writing that this tool does not use; their lexers and
parsers take as long as everything else that the help needs."""


class Outline(TyperCommand):
    """A command as the list of commands shows it; to run it, its module is imported."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        assert self.name
        return load(self.name).make_context(info_name, args, parent, **extra)


class Commands(TyperGroup):
    """The group of all commands."""

    def __init__(self, **given: Any) -> None:
        outlines = {name: Outline(name, help=line) for name, line in COMMANDS.items()}
        super().__init__(**given | {"commands": outlines})

    def get_params(self, ctx: Any) -> list[Any]:
        """The options of the group, all flags: where one is None, Typer imports pydantic to see."""
        params = super().get_params(ctx)
        for param in params:
            param.default = False if param.default is None else param.default
        return params

    def format_help(self, ctx: Any, formatter: Any) -> None:
        with light_help():
            super().format_help(ctx, formatter)


class Command(TyperCommand):
    """One command, loaded."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        with light_help():
            super().format_help(ctx, formatter)


def load(name: str) -> Any:
    """The command of that name as the parser has it; imports its module."""
    module = name.replace("-", "_")
    function = getattr(importlib.import_module(f"{__package__}.{module}"), module)
    app = typer.Typer(add_completion=False, rich_markup_mode="rich")
    app.command(name, cls=Command, context_settings=PASSING_ON.get(name))(function)
    return typer.main.get_command(app)


@contextmanager
def light_help() -> Iterator[None]:
    """Stand-ins for UNUSED, so that Typer's help comes up without them.

    Whatever imports those modules afterwards gets the real ones.
    """
    stand_ins = {}
    for name, member in UNUSED.items():
        if name not in sys.modules:
            stand_ins[name] = ModuleType(name)
            setattr(stand_ins[name], member, object)
    sys.modules.update(stand_ins)
    try:
        yield
    finally:
        for name in stand_ins:
            del sys.modules[name]
