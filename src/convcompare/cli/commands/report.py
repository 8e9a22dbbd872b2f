"""``convcompare report``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from .. import completions as c
from .. import options as o
from ..console import drawing_progress, err
from ..output import emit_paths, end


def report(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Studies, models, or `latest`: a comparison [default: all studies, `latest`].",
            metavar="NAME",
            autocompletion=c.selected_names,
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path, o.option("--out", "-o", panel=o.OUTPUT, help="Folder [default: convcompare-report].")
    ] = Path("convcompare-report"),
    figures: Annotated[
        str | None,
        o.option(
            "--figures",
            metavar="KINDS",
            panel=o.OUTPUT,
            help="Draw only these kinds, with commas, or none (all of the study).",
            autocompletion=c.plot_lists,
        ),
    ] = None,
    redraw: Annotated[
        bool,
        o.option("--redraw", panel=o.OUTPUT, help="Draw all figures again, also unchanged ones."),
    ] = False,
    store: o.Store = Path("runs"),
    data_dir: o.DataDir = None,
) -> None:
    """Write a report: a folder with Markdown, figures and their data, and one HTML page.

    $ convcompare report
    $ convcompare report --out reports/monday
    $ convcompare report --figures verdicts,accuracy

    The page is one file that needs no network. Nothing is trained.
    """
    from convcompare.data.load import default_cache, default_sources
    from convcompare.output.report.compose import compose
    from convcompare.output.report.drawn import draw_figures
    from convcompare.output.report.figure_cache import FigureCache
    from convcompare.output.report.folder import write_report
    from convcompare.output.report.sections import select
    from convcompare.store.run_store import RunStore

    kinds = None if figures is None else _kinds(figures)
    opened = RunStore(store)
    sections = select(names or [], opened, default_sources(data_dir))
    if kinds is not None:
        sections = [
            replace(section, figures=tuple(one for one in section.figures if one in kinds))
            for section in sections
        ]
    cache = None if redraw else FigureCache(default_cache() / "figures")
    with drawing_progress() as progress:
        drawn = draw_figures(sections, cache, progress)
    with err().status("writing the report"):
        paths = write_report(compose(sections, out, drawn), out)
    emit_paths(paths)
    end(opened)


def _kinds(text: str) -> frozenset[str]:
    """Parse kinds of figures, separated by commas, or `none`.

    Raises:
        UsageError: for an unknown kind.
    """
    from convcompare.core.registry import register

    words = [word.strip() for word in text.split(",")]
    return frozenset(register.plot[word].name for word in words if words != ["none"])
