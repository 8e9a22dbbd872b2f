"""The result of a comparison in Python: tables, verdicts, data frames and figures."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convcompare.core.errors import one_of, quote
from convcompare.core.formatting import several
from convcompare.core.python_spelling import in_python

if TYPE_CHECKING:
    from pandas import DataFrame

    from convcompare.comparison.assessment import Assessment
    from convcompare.comparison.disagreement import Disagreements
    from convcompare.data.dataset import Sources

    from .plots.figure import Drawing
    from .tables.table import Table


@dataclass(frozen=True, repr=False)
class Result:
    """The results of a comparison; ``print`` shows its table and verdicts.

    Everything is computed from the stored runs on access, as on the command line. `assessment` has
    the results as objects, which may change between versions.
    """

    assessment: Assessment
    sources: Sources
    columns: Sequence[str] = ()

    @property
    def verdicts(self) -> list[str]:
        """The verdicts, one sentence each, and notes on them."""
        return [*map(in_python, (*self.assessment.sentences, *self.assessment.notes))]

    @property
    def warnings(self) -> list[str]:
        """Warnings about the networks and their runs, each with a remedy."""
        found = [
            in_python(f"{text} ({hint})") for text, hint in self.assessment.warnings(each=True)
        ]
        return [*found, *(error.message for error in self.assessment.store.damage)]

    def to_json(self) -> dict[str, Any]:
        """Return the object that ``--format json`` prints; later versions only add names."""
        from .tables.verdict_columns import assessed_json

        return assessed_json(self.assessment, self._table)

    def to_dataframe(self, kind: str = "models") -> DataFrame:
        """Return the results as a data frame in full precision.

        Accuracies are fractions, times are in seconds; an empty cell was not measured.

        Args:
            kind: A row per network (``models``, with the columns of ``--format csv``), per run
                (``runs``), per epoch (``epochs``), or per run, kind of damage and severity
                (``robustness``).
        """
        import pandas

        from .rows import rows

        found = rows(self.assessment, kind, self.columns)
        filled = [{n: math.nan if v is None else v for n, v in row.items()} for row in found]
        return pandas.DataFrame(filled)

    def plot(self, kind: str = "learning-curves") -> Drawings:
        """Draw the figures of a kind of ``convcompare plot``; each has a matplotlib ``figure``."""
        from convcompare.core.registry import register

        from .plots.figure import styled
        from .plots.source import Source, draw

        source = Source(self.assessment.comparison, self.assessment.store, self.sources)
        with styled():
            return Drawings(draw(register.plot[kind], source))

    def disagreements(self, *models: str) -> Disagreements:
        """Compare the predictions of two networks, as ``convcompare disagreements`` does.

        Args:
            models: Labels of two networks [default: those of a comparison of two].

        Returns:
            Shares of the test images with different predictions: ``between`` the networks,
            ``within`` the seeds of each, and ``excess``, the difference of the two.
        """
        from convcompare.comparison.disagreement import disagreements

        groups = self.assessment.comparison.by_label
        for model in models:
            one_of(tuple(groups), model, f"no model is called {quote(model)}", ", ".join(groups))
        return disagreements(
            self.assessment.store, [groups[model] for model in models] or list(groups.values())
        )

    def __str__(self) -> str:
        from .tables.table import plain_console, print_table
        from .tables.verdict_block import verdict_blocks

        text = io.StringIO()
        console = plain_console(text)
        print_table(console, _for_python(self._table), None)
        for heading, block in verdict_blocks(self.assessment, None):
            console.print(f"\n {heading}\n")
            print_table(console, _for_python(block), None)
        for note in self.assessment.notes:
            console.print(f" {in_python(note)}")
        return text.getvalue().rstrip("\n")

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from .report.html import excerpt

        comparison = self.assessment.comparison
        caption = f"{several(len(comparison.groups), 'network')} on {comparison.conditions.dataset}"
        warnings = [f"warning: {one}" for one in self.warnings]
        return excerpt(_for_python(self._table), caption, (self.verdicts, warnings))

    @property
    def _table(self) -> Table:
        from .tables.verdict_columns import assessed_table

        return assessed_table(self.assessment, self.columns)


def _for_python(table: Table) -> Table:
    """Return the table with options in its notes spelled as in Python."""
    return replace(table, notes=tuple(type(note)(in_python(note)) for note in table.notes))


class Drawings(tuple["Drawing", ...]):
    """Figures, each with its data and its caption; a notebook displays them."""

    def __repr__(self) -> str:
        return f"<figures: {', '.join(drawing.name for drawing in self)}>"

    def save(self, folder: str | Path, kind: str = "png") -> list[Path]:
        """Write each figure, and its data beside it as CSV; return the paths of the figures."""
        from .plots.figure import styled

        with styled():
            return [drawing.save(Path(folder), kind) for drawing in self]

    def _repr_html_(self) -> str:
        from .plots.figure import styled
        from .plots.rendered import render
        from .report.html import figure

        with styled():
            rendered = [render(drawing) for drawing in self]
        return "\n".join(figure(one, number) for number, one in enumerate(rendered, start=1))
