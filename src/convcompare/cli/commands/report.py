"""``convcompare report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import completions as c
from .. import options as o
from ..console import talk
from ..output import emit_paths, end


def report(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Studies, models, or `latest`: the last comparison (all studies and the last).",
            metavar="NAME",
            autocompletion=c.selected_names,
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path, o.option("--out", "-o", panel=o.OUTPUT, help="Folder (convcompare-report).")
    ] = Path("convcompare-report"),
    store: o.Store = Path("runs"),
    data_dir: o.DataDir = None,
) -> None:
    """Write a report: a folder with Markdown, figures and their data, and one HTML page.

    $ convcompare report
    $ convcompare report --out reports/monday

    The page holds all that it shows, and opens from disk; nothing is trained.
    """
    from convcompare.data.dataset import Sources
    from convcompare.data.load import default_cache
    from convcompare.output.plots.figure import styled
    from convcompare.output.report.compose import compose
    from convcompare.output.report.folder import write_report
    from convcompare.output.report.sections import select
    from convcompare.store.run_store import RunStore

    opened = RunStore(store)
    sections = select(names or [], opened, Sources(default_cache(), data_dir))
    with styled(), talk().status("reading the runs") as status:
        document = compose(sections, out, status.update)
        status.update("writing the figures and the page")
        paths = write_report(document, out)
    emit_paths(paths)
    end(opened)
