"""``convcompare worker``."""

from __future__ import annotations

from typing import Annotated

import typer

from convcompare.core.errors import UsageError, quote

SHARED = ("compare", "study")


def worker(
    command: Annotated[
        list[str],
        typer.Argument(
            metavar="COMMAND...",
            help="`compare` or `study`, with its arguments.",
            show_default=False,
        ),
    ],
) -> None:
    """Share a comparison: run its trials together with other workers until none is left.

    $ convcompare worker compare fcn simple --seeds 10 --store /shared/runs

    Start any number of workers on any hosts that share the store. One worker runs each trial; if it
    dies, another resumes the trial. The command without `worker` prints the table.
    """
    from ..lazy_commands import load

    name, *arguments = command
    if name not in SHARED:
        raise UsageError(
            f"a worker cannot take part in {quote(name)}",
            "`convcompare worker compare …` or `convcompare worker study …`",
        )
    code = load(name).main(
        ["--worker", *arguments], prog_name=f"convcompare worker {name}", standalone_mode=False
    )
    raise typer.Exit(code if isinstance(code, int) else 0)
