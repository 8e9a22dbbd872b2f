"""Matrix of all pairs: the difference between each network and each other one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from convcompare.comparison.assessment import Assessment
from convcompare.comparison.figures import figure_words
from convcompare.comparison.quantity import ACCURACY, Quantity
from convcompare.comparison.stats.estimates import inverse
from convcompare.comparison.verdict import Verdict

from .table import Column, Table


def pair_tables(assessment: Assessment) -> list[Table]:
    """Return one table per figure that has verdicts."""
    by_figure = groupby(assessment.verdicts, key=lambda verdict: verdict.quantity)
    return [_pair_table(assessment, quantity, [*same]) for quantity, same in by_figure]


def _pair_table(assessment: Assessment, quantity: Quantity, verdicts: Sequence[Verdict]) -> Table:
    """Return a row and a column per network: the figure of the row against that of the column."""
    labels = [group.label for group in assessment.comparison.groups]
    cells: dict[tuple[str, str], str | None] = {}
    for verdict in verdicts:
        cells[verdict.model, verdict.baseline] = _cell(verdict, 1)
        cells[verdict.baseline, verdict.model] = _cell(verdict, -1)
    columns = [Column("model", _title(quantity), "left", names=True)]
    columns += [
        Column(f"against {label}", label, priority=i, of_network=True, under=("against", label))
        for i, label in enumerate(labels)
    ]
    rows = [
        {
            "model": row,
            **{f"against {column}": cells.get((row, column)) for column in labels},
        }
        for row in labels
    ]
    note = "with a star: clear at 5 %, all pairs adjusted together (Holm)"
    counted = "counted: no seed changes it"
    return Table(tuple(columns), tuple(rows), (counted if quantity.scale == "exact" else note,))


def _title(quantity: Quantity) -> str:
    if quantity == ACCURACY:
        return "points ahead of"
    if quantity.scale == "difference":
        return f"{quantity.noun}{quantity.unit_in_brackets}, minus"
    return f"{quantity.noun}, times"


def _cell(verdict: Verdict, sign: int) -> str | None:
    """Return the estimate of a verdict, reversed if `sign` is -1."""
    estimate = verdict.estimate
    if estimate is None:
        return None
    star = " *" if verdict.differs and verdict.quantity.scale != "exact" else ""
    if verdict.quantity.scale != "difference":
        return f"{figure_words.times(estimate if sign > 0 else inverse(estimate))}{star}"
    plain = replace(verdict.quantity, unit="")
    return f"{figure_words.amount(estimate, plain, sign)}{star}"
