"""``convcompare classes``."""

from __future__ import annotations

from pathlib import Path

from convcompare.output.tables.formats import chosen_format

from .. import options as o
from ..output import emit_table, end, show_warnings


def classes(
    names: o.Selection = None,
    store: o.Store = Path("runs"),
    format: o.Format = "table",
    out: o.Out = None,
) -> None:
    """Show the test accuracy of each class, and how the networks differ.

    $ convcompare classes
    $ convcompare classes fcn simple --format csv
    """
    from convcompare.comparison.assessment import Assessment
    from convcompare.comparison.selection import select
    from convcompare.output.tables.class_table import class_table
    from convcompare.store.run_store import RunStore

    kind = chosen_format(format, out)
    opened = RunStore(store)
    comparison = select(opened, names or [])
    comparison.require_finished()
    assessment = Assessment(comparison, opened)
    emit_table(class_table(assessment), kind, out)
    show_warnings(assessment, each=True, timed=False)
    end(opened)
