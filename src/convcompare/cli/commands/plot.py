"""``convcompare plot``."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from convcompare.core import formatting
from convcompare.core.errors import DataError, UsageError, quote

from .. import completions as c
from .. import options as o
from ..arguments import parse_figures
from ..console import out as results
from ..console import show_warning, width
from ..help import beside
from ..output import emit_json, emit_paths, emit_text, end
from ..run_choice import selected

if TYPE_CHECKING:
    from convcompare.core.registry import Entry
    from convcompare.output.plots.figure import Drawing
    from convcompare.output.plots.source import Source

FIGURES = Path("convcompare-figures")
REFUSED = (
    *("jpg", "jpeg", "gif", "webp", "eps", "ps", "tif", "tiff", "bmp"),
    *("csv", "html", "json", "md", "tex", "txt", "xlsx"),
)
"""Endings that mean a file, not a folder, of a format that no figure has."""


def plot(
    kind: Annotated[
        str | None,
        typer.Argument(
            help="What to draw: `plot list` lists the kinds, `plot all` draws each.",
            autocompletion=c.plot_names,
        ),
    ] = None,
    names: o.Selection = None,
    store: o.Store = Path("runs"),
    data_dir: o.DataDir = None,
    out: Annotated[
        Path,
        o.option(
            "--out",
            "-o",
            panel=o.OUTPUT,
            help="Folder, or a file such as fig.svg [default: convcompare-figures].",
        ),
    ] = FIGURES,
    figure_format: Annotated[
        str | None,
        o.option("--figure-format", panel=o.OUTPUT, help="png, svg or pdf [default: png]."),
    ] = None,
    format: Annotated[
        str,
        o.option("--format", "-f", panel=o.OUTPUT, help="json: print the data and draw nothing."),
    ] = "figure",
    comparison: Annotated[
        str | None,
        o.option(
            "--comparison",
            panel=o.STORE,
            help="Comparison to draw, by its name [default: the latest].",
        ),
    ] = None,
    verdict_on: o.VerdictOn = None,
    terminal: Annotated[
        bool,
        o.option("--terminal", panel=o.OUTPUT, help="Draw as text in the terminal; write no file."),
    ] = False,
) -> None:
    """Draw figures of a comparison, with their data as CSV.

    $ convcompare plot learning-curves
    $ convcompare plot confusion-matrix fcn simple --out confusion.svg
    $ convcompare plot accuracy --terminal
    """
    from convcompare.core.registry import register

    if kind in (None, "list"):
        _list(list(register.plot))
        return
    if format not in ("figure", "json"):
        raise UsageError(f"there is no format {quote(format)}", "formats: figure, json")
    entries = list(register.plot) if kind == "all" else [register.plot[str(kind)]]
    folder, stem, picture = _target(out, figure_format)
    chosen = [*([comparison] if comparison else []), *(names or [])]
    source = _source(store, data_dir, chosen, parse_figures(verdict_on))
    if terminal:
        _in_terminal(entries, source)
    else:
        drawings = _drawn(entries, source)
        if stem is not None:
            drawings = _renamed(drawings, stem, entries[0].name if len(entries) == 1 else "")
        if format == "json":
            emit_json({"figures": [drawing.to_json() for drawing in drawings]})
        else:
            from convcompare.output.plots.figure import styled

            with styled():
                emit_paths(drawing.save(folder, picture) for drawing in drawings)
    needs = {entry.info.get("needs") for entry in entries}
    lines = [line for need in needs for line in source.left_out(need)]
    for line in dict.fromkeys(lines):
        show_warning(line)
    end(source.store)


def _list(entries: Sequence[Entry]) -> None:
    """Print a line per kind of plot, on a terminal with its summary wrapped."""
    longest = max(len(entry.name) for entry in entries)
    columns = width(results())
    for entry in entries:
        for line in beside(f"{entry.name:<{longest}}", entry.summary, columns):
            typer.echo(line)


def _target(out: Path, figure_format: str | None) -> tuple[Path, str | None, str]:
    """Return the folder, the name of the figure if one was given, and the format."""
    from convcompare.output.plots.figure import FORMATS

    ending = out.suffix.lower().removeprefix(".")
    if ending in REFUSED:
        hint = f"formats: {', '.join(FORMATS)}"
        raise UsageError(f"there is no figure format {quote(ending)}", hint)
    if ending not in FORMATS:
        return out, None, figure_format or "png"
    if figure_format not in (None, ending):
        raise UsageError(
            f"`--out {out}` is not {quote(figure_format)}", "leave out `--figure-format`"
        )
    return out.parent, out.stem, ending


def _source(
    store: Path, data_dir: Path | None, names: Sequence[str], figures: tuple[str, ...]
) -> Source:
    from convcompare.data.load import default_sources
    from convcompare.output.plots.source import Source
    from convcompare.store.run_store import RunStore

    opened = RunStore(store)
    comparison = selected(opened, names)
    if figures:
        comparison = dataclasses.replace(comparison, verdict_on=figures)
    return Source(comparison, opened, default_sources(data_dir))


def _in_terminal(entries: Sequence[Entry], source: Source) -> None:
    able = [entry for entry in entries if "terminal" in entry.info]
    if not able:
        from convcompare.core.registry import register

        names = [entry.name for entry in register.plot if "terminal" in entry.info]
        raise UsageError(
            f"{quote(entries[0].name)} cannot be drawn as text", f"these can: {', '.join(names)}"
        )
    from convcompare.output.plots.source import marked_words

    console = results()
    columns = min(width(console) or 80, 120)
    texts = [entry.info["terminal"](source, columns) for entry in able]
    marks = dict.fromkeys(words for entry in able if (words := marked_words(entry, source)))
    below = ["\n".join(formatting.wrapped(words, columns)) for words in marks]
    emit_text("\n\n".join([source.conditions(), *texts, *below]), None)


def _drawn(entries: Sequence[Entry], source: Source) -> list[Drawing]:
    """Return the figures; of several kinds, those that fail are reported and skipped."""
    from convcompare.output.plots.figure import styled
    from convcompare.output.plots.source import draw

    found: list[Drawing] = []
    with styled():
        for entry in entries:
            try:
                found += draw(entry, source)
            except (UsageError, DataError) as error:
                if len(entries) == 1:
                    raise
                show_warning(f"{entry.name} is not drawn: {error.message}", error.hint)
    if not found:
        raise UsageError("nothing of these runs can be drawn", "`convcompare runs` lists them")
    return found


def _renamed(drawings: Sequence[Drawing], stem: str, kind: str) -> list[Drawing]:
    """Return the figures under the name of the requested file.

    Of several, each has the name and what its own adds to that of its kind, as in
    ``confusion.svg`` and ``confusion-difference.svg``.
    """
    if len(drawings) == 1:
        return [dataclasses.replace(drawings[0], name=stem)]
    parts = (
        one.name.removeprefix(kind) if kind and one.name.startswith(kind) else f"-{one.name}"
        for one in drawings
    )
    return [
        dataclasses.replace(drawing, name=f"{stem}{part}")
        for drawing, part in zip(drawings, parts, strict=True)
    ]
