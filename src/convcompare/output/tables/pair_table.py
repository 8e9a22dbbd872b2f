"""The matrix of all pairs: how much better each network is than each other one."""

from __future__ import annotations

from convcompare.comparison.assessment import Assessment
from convcompare.comparison.contrasts import Contrast
from convcompare.core import formatting

from .table import Column, Table


def pair_table(assessment: Assessment) -> Table:
    """One row and one column a network: the difference of the row from the column, in points."""
    labels = [group.label for group in assessment.comparison.groups]
    cells: dict[tuple[str, str], str | None] = {}
    for contrast in assessment.contrasts:
        cells[contrast.model, contrast.baseline] = _cell(contrast, 1)
        cells[contrast.baseline, contrast.model] = _cell(contrast, -1)
    columns = [Column("model", "points ahead of", "left")]
    columns += [Column(f"column_{i}", label, priority=i) for i, label in enumerate(labels)]
    rows = [
        {
            "model": row,
            **{f"column_{i}": cells.get((row, column)) for i, column in enumerate(labels)},
        }
        for row in labels
    ]
    note = "with a star: clear at 5 %, all pairs adjusted together (Holm)"
    return Table(tuple(columns), tuple(rows), (note,))


def _cell(contrast: Contrast, sign: int) -> str | None:
    if contrast.difference is None:
        return None
    half = None
    if contrast.low is not None and contrast.high is not None:
        half = 100 * (contrast.high - contrast.low) / 2
    shown = formatting.plus_minus(100 * sign * contrast.difference, half).replace("-", "−")
    return f"{shown}{' *' if contrast.decided in ('better', 'worse') else ''}"
