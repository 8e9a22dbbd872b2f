"""The command line: parses, prints, exits. Heavy modules are imported only when needed."""

from __future__ import annotations

import gc
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from convcompare.core import failures, signals
from convcompare.core.errors import ConvcompareError, Terminated, TrialError, UsageError, quote
from convcompare.core.version import __version__

from . import completing, streams
from .lazy_commands import Commands
from .streams import PipeClosed
from .wrong_words import command_of, habit, refuse_empty, remedy

TOO_MANY = re.compile(r"^got unexpected extra arguments?(?:\(s\))? \((.+)\)$")
"""The parser's message for arguments beyond those that a command has."""

app = typer.Typer(
    name="convcompare",
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(requested: bool) -> None:
    if requested:
        print(f"convcompare {__version__}")
        raise typer.Exit


@app.callback()
def convcompare(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version."
    ),
) -> None:
    """Examples, printed without arguments."""


@signals.listening()
def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit."""
    streams.install()
    code = signals.code(run(sys.argv[1:] if arguments is None else arguments))
    if signals.stop.number:  # only the exit is left, which must not be interrupted
        _warn_stopped()
        signals.leave(signals.stop.number)
    gc.freeze()  # the exit frees all memory; no need to search for cycles before
    sys.exit(code)


def _print_examples() -> None:
    from . import help
    from .command_list import ABOUT, EXAMPLES

    more = "`convcompare --help` lists all commands, `convcompare COMMAND --help` explains one."
    help.show([ABOUT, "", *(f"  {example}" for example in EXAMPLES), "", more])


def _warn_stopped() -> None:
    from .console import show_warning

    if not signals.stop.reported:
        signals.stop.reported = True
        try:
            show_warning(signals.TEXT, signals.HINT)
        except Exception:  # a module that it needs was being imported
            print(f"warning: {signals.TEXT} ({signals.HINT})", file=sys.stderr)


def run(arguments: list[str]) -> int:
    """Run the command line and return its exit code; ``--debug`` may be anywhere in it."""
    from convcompare.experiment import foreign_code

    try:
        return _run(arguments)
    finally:
        foreign_code.close()


def _run(arguments: list[str]) -> int:
    from .console import show_error

    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    if not arguments and completing.REQUEST_VARIABLE not in os.environ:
        _print_examples()
        return 0
    command = typer.main.get_command(app)
    try:
        refuse_empty(arguments)
        _require_folder()
        code: Any = command.main(arguments, prog_name="convcompare", standalone_mode=False)
        sys.stdout.flush()
    except Terminated:
        return 143
    except KeyboardInterrupt:
        return 130
    except ConvcompareError as error:
        if debug:
            raise
        if signals.stop.number:
            return error.exit_code
        if isinstance(error, UsageError) and (meant := habit(arguments)):
            error.hint = meant
        show_error(error)
        return error.exit_code
    except PipeClosed:
        return 0
    except Exception as error:
        if debug:
            raise
        if signals.stop.number:
            return 1
        shown = _reworded(error, arguments)
        show_error(shown)
        if isinstance(shown, TrialError):
            return shown.exit_code
        return int(getattr(error, "exit_code", 70))
    return code if isinstance(code, int) else 0


def _require_folder() -> None:
    """Raise UsageError if the current folder was removed, since torch cannot be imported there."""
    try:
        Path.cwd()
    except FileNotFoundError:
        raise UsageError("the current folder no longer exists", "change to another one") from None


def _reworded(error: Exception, arguments: Sequence[str]) -> ConvcompareError:
    """Return an error of the parser in our style; any other exception is reported as a bug."""
    if failures.is_out_of_memory(error):
        return TrialError(failures.in_words(error), failures.HINT)
    if not hasattr(error, "format_message"):
        text = f"{type(error).__name__}: {error}".partition("\n")[0]
        return ConvcompareError(f"this is a bug in convcompare: {text}", "`--debug` shows where")
    text = error.format_message().replace("'", "`").rstrip(".")
    text = TOO_MANY.sub(r"too many arguments: `\1`", text[:1].lower() + text[1:])
    if meant := remedy(arguments, text):
        return ConvcompareError(text.partition(" (Possible")[0].partition(". Did you")[0], meant)
    before, mismatch, wanted = text.partition(": Input should be ")
    if mismatch:  # a message of pydantic, which omits the value
        faults: list[dict[str, object]] = getattr(error.__cause__, "errors", list)()
        given = f": {quote(faults[0]['input'])}" if faults else ""
        return ConvcompareError(before + given, f"it should be {wanted.partition(', unable')[0]}")
    near = getattr(error, "possibilities", None)
    if near:
        return ConvcompareError(text.partition(" (Possible")[0], f"did you mean `{near[0]}`?")
    text, _, suggestion = text.partition(". Did you mean ")
    path = getattr(getattr(error, "ctx", None), "command_path", command_of(arguments))
    hint = f"did you mean {suggestion}" if suggestion else f"`{path} --help` explains it"
    return ConvcompareError(text, hint)
