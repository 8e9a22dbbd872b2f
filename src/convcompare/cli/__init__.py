"""The command line: parse, print, exit. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import io
import os
import sys
from typing import Any

import typer

from convcompare.core import signals
from convcompare.core.errors import ConvcompareError, Terminated, TrialError
from convcompare.core.version import __version__

from .lazy_commands import Commands
from .parsing import in_our_words

COMPLETING = "_CONVCOMPARE_COMPLETE"
"""Set by a shell that asks for completions."""

app = typer.Typer(
    name="convcompare",
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(asked: bool) -> None:
    if asked:
        print(f"convcompare {__version__}")
        raise typer.Exit


@app.callback()
def convcompare(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version."
    ),
) -> None:
    """Examples, where nothing is asked for."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit."""
    signals.install()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal of another locale shows a mark
            stream.reconfigure(errors="replace")
    code = signals.code(run(sys.argv[1:] if arguments is None else arguments))
    if signals.stop.number:  # nothing is left to do, and nothing of it may be interrupted
        _say_stopped()
        sys.stdout.flush()
        os._exit(code)
    sys.exit(code)


def _say_examples() -> None:
    from . import help
    from .command_list import ABOUT, EXAMPLES

    more = "`convcompare --help` lists all commands, `convcompare COMMAND --help` explains one."
    help.show([ABOUT, "", *(f"  {example}" for example in EXAMPLES), "", more])


def _say_stopped() -> None:
    from .console import show_warning

    if not signals.stop.said:
        signals.stop.said = True
        try:
            show_warning(signals.TEXT, signals.HINT)
        except Exception:  # what it needs was being imported
            print(f"warning: {signals.TEXT} ({signals.HINT})", file=sys.stderr)


def run(arguments: list[str]) -> int:
    """Run the command line; its exit code. ``--debug`` may stand anywhere in it."""
    from .console import show_error

    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    if not arguments and COMPLETING not in os.environ:
        _say_examples()
        return 0
    command = typer.main.get_command(app)
    try:
        code: Any = command.main(arguments, prog_name="convcompare", standalone_mode=False)
    except Terminated:
        return 143
    except KeyboardInterrupt:
        return 130
    except ConvcompareError as error:
        if debug:
            raise
        if signals.stop.number:
            return error.exit_code
        show_error(error)
        return error.exit_code
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except Exception as error:
        if debug:
            raise
        if signals.stop.number:
            return 1
        told = in_our_words(error)
        show_error(told)
        if isinstance(told, TrialError):
            return told.exit_code
        return int(getattr(error, "exit_code", 70))
    return code if isinstance(code, int) else 0
