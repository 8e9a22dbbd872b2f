"""``convcompare doctor``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from convcompare.core.errors import UsageError, quote

from .. import options as o
from ..console import out, show_warning, width
from ..output import emit_json

if TYPE_CHECKING:
    from ..installed import Check

COLOURS = {"ok": "green", "warning": "magenta", "error": "red"}


def doctor(
    timeout: Annotated[
        float,
        o.option(
            "--timeout", metavar="SECONDS", panel=o.STORE, min=0.1, max=60.0,
            help="Seconds to wait for each source of data sets [default: 3].",
        ),
    ] = 3.0,
    store: o.Store = Path("runs"),
    data_dir: o.DataDir = None,
    format: Annotated[
        str, o.option("--format", "-f", panel=o.OUTPUT, help="table or json [default: table].")
    ] = "table",
) -> None:  # fmt: skip
    """Show what this machine offers: versions, device, data, sources, state of the runs.

    $ convcompare doctor
    $ convcompare doctor --format json

    Nothing is trained, fetched or changed. The exit code is that of the first error: 4 if the
    store is damaged or cannot be written, 2 if something is not installed.
    """
    from convcompare.data.load import default_sources

    from ..diagnosis import diagnose

    if format not in ("table", "json"):
        raise UsageError(f"there is no format {quote(format)}", "formats: table, json")
    checks = []
    for check in diagnose(store, default_sources(data_dir), timeout):
        checks.append(check)
        if format == "table":
            _print(check)
    if format == "json":
        record = {"checks": [vars(check) for check in checks]}
        emit_json(record)
    else:
        for check in checks:
            if check.state != "ok":
                show_warning(f"{check.name}: see above", check.hint or None)
    codes = [check.exit_code for check in checks if check.state == "error"]
    raise typer.Exit(codes[0] if codes else 0)


def _print(check: Check) -> None:
    from rich.text import Text

    from ..help import beside

    lines = beside(f"{check.state:<7}  {check.name:<11}", check.found, width(out()))
    for number, line in enumerate(lines):
        state = len(check.state) if number == 0 else 0
        text = Text(line)
        text.stylize(COLOURS[check.state], 0, state)
        out().print(text, soft_wrap=True)
