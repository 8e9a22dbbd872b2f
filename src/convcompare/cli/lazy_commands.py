"""The commands for the parser; the module of a command is imported when the command is used.

The function of a command has the command's name with underscores, and so has its module in
`commands/`: `receptive-field` is in `receptive_field.py`, `runs check` in `runs/check.py`, `runs`
itself in `runs/__init__.py`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from .command_list import COMMANDS

PASSING_ON = {"worker": {"ignore_unknown_options": True, "allow_interspersed_args": False}}
"""Parser settings of commands that pass their remaining arguments to another command."""


class Outline(TyperCommand):
    """A command as shown in the list of commands; its module is imported to run it."""

    def __init__(self, path: str) -> None:
        super().__init__(path.rpartition(" ")[2], help=COMMANDS[path])
        self.path = path

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        """Import the command, or the named subcommand, and let it parse."""
        below = outlines(self.path)
        if args and args[0] in below:
            inner = below[args[0]]
            return inner.make_context(f"{info_name} {args[0]}", args[1:], parent, **extra)
        return load(self.path).make_context(info_name, args, parent, **extra)


def outlines(path: str = "") -> dict[str, Outline]:
    """Return the subcommands of a command by their last word; without a path, all top commands."""
    found = [name for name in COMMANDS if name.rpartition(" ")[0] == path]
    return {name.rpartition(" ")[2]: Outline(name) for name in found}


class Commands(TyperGroup):
    """The group of all commands."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given | {"commands": outlines()})

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the options of the group, all flags.

        Defaults are set, since Typer would import pydantic for a default of None.
        """
        params = super().get_params(ctx)
        for param in params:
            param.default = False if param.default is None else param.default
        return params

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the list of commands."""
        from . import help

        help.show(help.group_help(help.room()))


class Command(TyperCommand):
    """One loaded command."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help of the command."""
        _show_help(self, ctx, {})


class Family(TyperGroup):
    """A loaded command with subcommands; `Outline` selects the subcommand.

    Its own arguments and options may therefore be in any order, as for any command.
    """

    allow_extra_args = False
    allow_interspersed_args = True

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help of the command with its subcommands."""
        _show_help(self, ctx, {name: str(one.help) for name, one in self.commands.items()})


def _show_help(command: Any, ctx: Any, below: Mapping[str, str]) -> None:
    from . import help

    help.show(help.command_help(command, ctx.command_path, below, help.room()))


def function_of(path: str) -> Callable[..., Any]:
    """Import the module of a command and return its function."""
    module = path.replace("-", "_").replace(" ", ".")
    found: Callable[..., Any] = getattr(
        importlib.import_module(f"{__package__}.commands.{module}"), module.rpartition(".")[2]
    )
    return found


def load(path: str) -> Any:
    """Import the module of a command and return the command for the parser."""
    function = function_of(path)
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    if not (below := outlines(path)):
        app.command(path, cls=Command, context_settings=PASSING_ON.get(path))(function)
        return typer.main.get_command(app)
    app.callback(cls=Family, invoke_without_command=True, subcommand_metavar="")(function)
    family: Any = typer.main.get_command(app)
    family.commands.update(below)
    return family
