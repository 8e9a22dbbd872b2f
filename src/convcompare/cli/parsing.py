"""The parser without a shell: what arguments ask for, and its errors in our style."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from convcompare.core import failures
from convcompare.core.errors import ConvcompareError, TrialError, UsageError


def read_arguments(name: str, arguments: Sequence[str]) -> dict[str, Any]:
    """What a command would be given of these arguments, as it is from a shell; it is not run."""
    import typer

    from .lazy_commands import function_of

    function = function_of(name)

    @functools.wraps(function)
    def given(**values: Any) -> dict[str, Any]:
        return values

    app = typer.Typer(add_completion=False)
    app.command(name)(given)
    try:
        values: dict[str, Any] = typer.main.get_command(app).main(
            [*arguments], prog_name=f"convcompare {name}", standalone_mode=False
        )
    except ConvcompareError:
        raise
    except Exception as error:
        said = in_our_words(error)
        raise UsageError(said.message, said.hint) from error
    return values


def in_our_words(error: Exception) -> ConvcompareError:
    """The command-line parser's errors in our style; anything else is a bug and says so."""
    if failures.is_out_of_memory(error):
        return TrialError(failures.in_words(error), failures.HINT)
    if not hasattr(error, "format_message"):
        text = f"{type(error).__name__}: {error}".partition("\n")[0]
        return ConvcompareError(f"this is a bug in convcompare: {text}", "`--debug` shows where")
    text = error.format_message().replace("'", "`").rstrip(".")
    text = text[:1].lower() + text[1:]
    near = getattr(error, "possibilities", None)
    if near:
        return ConvcompareError(text.partition(" (Possible")[0], f"did you mean `{near[0]}`?")
    text, _, suggestion = text.partition(". Did you mean ")
    path = getattr(getattr(error, "ctx", None), "command_path", "convcompare")
    hint = f"did you mean {suggestion}" if suggestion else f"`{path} --help` explains it"
    return ConvcompareError(text, hint)
