"""A comparison as flat rows for data frames and files: one per network, run or epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from numbers import Number
from typing import TYPE_CHECKING, Any

from convcompare.comparison.model_runs import run_json
from convcompare.comparison.robustness import Robustness
from convcompare.core.errors import one_of, quote

from .tables.verdict_columns import assessed_table

if TYPE_CHECKING:
    from convcompare.comparison.assessment import Assessment
    from convcompare.comparison.comparison import Comparison

KINDS = ("models", "runs", "epochs", "robustness")
NESTED = ("epoch_seconds", "inference", "timing")
"""Entries of a run's object that are no single value."""


def rows(assessment: Assessment, kind: str, columns: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return the rows of a kind; each value is a text, a number or None.

    Args:
        assessment: The comparison with its verdicts.
        kind: ``models`` has the columns of the table in full precision, with intervals; ``runs``
            the figures of the selected epoch; ``epochs`` every epoch; ``robustness`` the accuracy
            and consistency of each run per kind of damage and severity.
        columns: Further columns for ``models``.

    Raises:
        UsageError: If there is no such kind.
    """
    one_of(KINDS, kind, f"there are no rows of {quote(kind)}", f"rows: {', '.join(KINDS)}")
    if kind == "models":
        table = assessed_table(assessment, columns)
        return [{c.key: _plain(row.get(c.key)) for c in table.columns} for row in table.rows]
    if kind == "robustness":
        return list(Robustness(assessment.comparison, assessment.store).rows())
    return list(_runs(assessment) if kind == "runs" else _epochs(assessment.comparison))


def _runs(assessment: Assessment) -> Iterator[dict[str, Any]]:
    comparison = assessment.comparison
    for group in comparison.groups:
        about = {"model": group.label, "parameters": group.parameters, "macs": group.macs}
        for run in map(run_json, group.runs):
            figures = {name: value for name, value in run.items() if name not in NESTED}
            annotation = assessment.store.annotation(run["id"])
            words = {"tags": " ".join(annotation.tags), "note": annotation.note}
            data = {"dataset": comparison.conditions.dataset}
            yield {"id": run["id"], **about, **data, **figures, **words}


def _epochs(comparison: Comparison) -> Iterator[dict[str, Any]]:
    for group in comparison.groups:
        for run in group.runs:
            about = {"id": run.id, "model": group.label, "seed": run.trial.seed}
            for epoch in run.history:
                yield {**about, **asdict(epoch)}


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, (str, Number)) else float(value)
