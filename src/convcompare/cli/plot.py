"""``convcompare plot``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from ..errors import UsageError, quote
from . import options as o
from .output import emit_drawings, emit_text


def plot(
    kind: Annotated[
        str,
        typer.Argument(help="What to draw: `convcompare plot list`.", autocompletion=o.plot_names),
    ],
    store: o.Store = Path("runs"),
    data_dir: o.DataDir = None,
    out: Annotated[
        Path, o.option("--out", "-o", panel=o.OUTPUT, help="Folder (convcompare-figures).")
    ] = Path("convcompare-figures"),
    figure_format: Annotated[
        str, o.option("--figure-format", panel=o.OUTPUT, help="png (the default), svg or pdf.")
    ] = "png",
    format: Annotated[
        str, o.option("--format", "-f", panel=o.OUTPUT, help="json prints the data, draws nothing.")
    ] = "figure",
) -> None:
    """Draw the latest comparison: figures, and beside each its data as CSV.

    [bold]convcompare plot gradients[/bold]

    [bold]convcompare plot activations --out figures --figure-format svg[/bold]
    """
    from .. import register
    from ..comparison import Comparison
    from ..data import Sources
    from ..drawing import styled
    from ..load import default_cache
    from ..plotting import Source
    from ..store import RunStore

    if kind == "list":
        for entry in register.plot:
            typer.echo(f"{entry.name:<18} {entry.summary}")
        return
    if format not in ("figure", "json"):
        raise UsageError(f"there is no format {quote(format)}", "formats: figure, json")
    entry = register.plot[kind]
    opened = RunStore(store)
    source = Source(Comparison.latest(opened), opened, Sources(default_cache(), data_dir))
    with styled():
        drawings = entry.function(source)
        if format == "json":
            emit_text(json.dumps([d.to_json() for d in drawings], indent=1, default=float), None)
        else:
            emit_drawings(drawings, out, figure_format)
