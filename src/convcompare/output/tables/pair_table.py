"""The matrix of all pairs: how much better each network is than each other one."""

from __future__ import annotations

from convcompare.comparison.assessment import Assessment
from convcompare.comparison.verdict import Verdict
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


def _cell(contrast: Verdict, sign: int) -> str | None:
    """The difference of a contrast, or with `sign` -1 that of the same one turned round."""
    difference = contrast.estimate
    if difference is None:
        return None
    factor, half = contrast.quantity.factor, difference.half_width
    value, margin = factor * sign * difference.value, None if half is None else factor * half
    shown = formatting.minus(formatting.plus_minus(value, margin))
    return f"{shown} *" if contrast.differs else shown
