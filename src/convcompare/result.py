"""A comparison as a Python program or a notebook has it: figures, verdicts, rows and a table."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pandas import DataFrame

    from .comparison.assessment import Assessment
    from .data.dataset import Sources
    from .output.plots.figure import Drawing
    from .output.tables.table import Table


@dataclass(frozen=True, repr=False)
class Result:
    """What networks came to under the same conditions; shown, it is the table and the verdicts.

    Everything is worked out from the stored runs when it is asked for, by the rules of the command
    line. `assessment` has all of it as objects, which may change between versions.
    """

    assessment: Assessment
    sources: Sources
    columns: Sequence[str] = ()

    @property
    def verdicts(self) -> list[str]:
        """Who is better than whom and by how much, a sentence each, and what to know of them."""
        return [" ".join(line.split()) for line in (*self.assessment.lines, *self.assessment.notes)]

    @property
    def warnings(self) -> list[str]:
        """What a reader of the figures must know, each with what to do about it."""
        found = [f"{text} ({hint})" for text, hint in self.assessment.warnings()]
        return [*found, *(error.message for error in self.assessment.store.damage)]

    def to_json(self) -> dict[str, Any]:
        """The object that ``--format json`` prints: it only grows."""
        return self.assessment.to_json()

    def to_dataframe(self, kind: str = "models") -> DataFrame:
        """A row for each of the ``models``, the ``runs`` or the ``epochs``, in full precision.

        Accuracies are fractions, times seconds; an empty cell was not measured. Those of
        ``models`` are the columns of ``--format csv``.
        """
        import pandas

        from .output.rows import rows

        found = rows(self.assessment, kind, self.columns)
        filled = [{n: math.nan if v is None else v for n, v in row.items()} for row in found]
        return pandas.DataFrame(filled)

    def plot(self, kind: str = "learning-curves") -> Drawings:
        """The figures of a kind of ``convcompare plot``; each has a matplotlib ``figure``."""
        from .core.registry import register
        from .output.plots.figure import styled
        from .output.plots.source import Source, draw

        source = Source(self.assessment.comparison, self.assessment.store, self.sources)
        with styled():
            return Drawings(draw(register.plot[kind], source))

    def __str__(self) -> str:
        from rich.console import Console

        from .output.tables.table import print_table

        told = io.StringIO()
        console = Console(
            file=told, width=10_000, highlight=False, markup=False, emoji=False, force_jupyter=False
        )
        print_table(console, self._table, None)
        lines = (*self.assessment.lines, *self.assessment.notes)
        return told.getvalue() + "".join(f"\n {line}" for line in lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from .output.report.html import excerpt

        comparison = self.assessment.comparison
        caption = f"{len(comparison.groups)} networks on {comparison.conditions.dataset}"
        return excerpt(self._table, caption, (self.verdicts, self.warnings))

    @property
    def _table(self) -> Table:
        from .output.tables.comparison_table import comparison_table

        return comparison_table(self.assessment.ranked(), self.assessment.store, self.columns)


class Drawings(tuple["Drawing", ...]):
    """Figures, each with its data and its caption; a notebook shows them."""

    def save(self, folder: str | Path, kind: str = "png") -> list[Path]:
        """Write each figure, and its data beside it as CSV; the paths of the figures."""
        from .output.plots.figure import styled

        with styled():
            return [drawing.save(Path(folder), kind) for drawing in self]

    def _repr_html_(self) -> str:
        from .output.plots.figure import styled
        from .output.report.document import FigureBlock
        from .output.report.folder import LARGEST_PICTURE, picture
        from .output.report.html import figure

        with styled():
            pictures = [picture(drawing.picture(), LARGEST_PICTURE) for drawing in self]
        blocks = [FigureBlock(drawing, drawing.alt) for drawing in self]
        shown = enumerate(zip(blocks, pictures, strict=True), start=1)
        return "\n".join(figure(block, number, seen) for number, (block, seen) in shown)
