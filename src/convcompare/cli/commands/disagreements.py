"""``convcompare disagreements``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from convcompare.core.errors import UsageError, one_of, quote
from convcompare.output.tables.formats import chosen_format

from .. import options as o
from ..output import emit_json, emit_table, end, show_warnings, show_written, write_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convcompare.comparison.comparison import Comparison
    from convcompare.comparison.disagreement import Disagreements
    from convcompare.comparison.model_runs import ModelRuns
    from convcompare.store.run_store import RunStore


def disagreements(
    names: o.Selection = None,
    store: o.Store = Path("runs"),
    data_dir: o.DataDir = None,
    by: Annotated[
        str,
        o.option(
            "--by", panel=o.OUTPUT, metavar="WHAT",
            help="Rows of the table: class or image [default: class].",
        ),
    ] = "class",
    format: o.Format = "table",
    out: Annotated[
        Path | None,
        o.option(
            "--out", "-o", panel=o.OUTPUT,
            help="Write the table to a file, or the images on a sheet: sheet.png.",
        ),
    ] = None,
) -> None:  # fmt: skip
    """Show on which images two networks differ, compared with two seeds of one.

    $ convcompare disagreements fcn simple
    $ convcompare disagreements fcn simple --out sheet.png
    $ convcompare disagreements fcn simple --by image --format csv
    """
    from convcompare.comparison.assessment import Assessment
    from convcompare.comparison.disagreement import disagreements as compared
    from convcompare.comparison.selection import select
    from convcompare.output.plots.figure import FORMATS
    from convcompare.output.tables.disagreement_table import disagreement_table
    from convcompare.store.run_store import RunStore

    one_of(
        ("class", "image"),
        by,
        f"invalid value for `--by`: {quote(by)}",
        "`--by class`, `--by image`",
    )
    picture = out is not None and out.suffix.lower().removeprefix(".") in FORMATS
    kind = chosen_format(format, None if picture else out)
    opened = RunStore(store)
    comparison = select(opened, names or [])
    found = compared(opened, _in_order(comparison, names or []))
    classes = comparison.conditions.classes
    table = disagreement_table(found, classes, "image" if by == "image" else "class")
    if picture and out is not None:
        _draw(found, comparison, opened, (data_dir, out))
    if kind == "json":
        rows = [dict(row) for row in disagreement_table(found, classes).rows]
        record = {**found.to_json(classes), "classes": rows, "notes": list(table.notes)}
        emit_json(record, None if picture else out)
    else:
        emit_table(table, kind, None if picture else out)
    show_warnings(Assessment(comparison, opened), each=True, timed=False)
    end(opened)


def _in_order(comparison: Comparison, names: Sequence[str]) -> list[ModelRuns]:
    """Return the networks in the order of `names`."""
    place = {name: i for i, name in enumerate(names)}
    return sorted(comparison.groups, key=lambda group: place.get(group.label, len(place)))


def _draw(
    found: Disagreements, comparison: Comparison, store: RunStore, where: tuple[Path | None, Path]
) -> None:
    from convcompare.data.load import default_sources
    from convcompare.output.plots.disagreement_sheet import disagreement_sheet
    from convcompare.output.plots.source import Source

    data_dir, path = where
    if not found.images:
        raise UsageError(
            f"{found.first.label} and {found.second.label} differ on no image",
            "leave out `--out`",
        )
    source = Source(comparison, store, default_sources(data_dir))
    write_file(path, disagreement_sheet(source, found, path.suffix.lower().removeprefix(".")))
    show_written(path)
