"""A comparison as flat rows, for data frames and files: one a network, a run or an epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from numbers import Number
from typing import TYPE_CHECKING, Any

from convcompare.comparison.robustness import Robustness
from convcompare.core.errors import one_of, quote

from .tables.verdict_columns import assessed_table

if TYPE_CHECKING:
    from convcompare.comparison.assessment import Assessment
    from convcompare.comparison.comparison import Comparison

KINDS = ("models", "runs", "epochs", "robustness")
NESTED = ("epoch_seconds", "inference", "timing")
"""What the object of a run has that is no single value."""


def rows(assessment: Assessment, kind: str, columns: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The rows of that kind, each value a text, a number or None.

    ``models`` has the columns of the table in full precision, intervals included, and those of
    `columns` beyond them; ``runs`` the figures of the epoch that counts; ``epochs`` every epoch;
    ``robustness`` the accuracy and consistency of each run under each kind of damage and severity.
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
    for group in comparison.to_json()["models"]:
        about = {name: group[name] for name in ("model", "parameters", "macs")}
        for run in group["runs"]:
            figures = {name: value for name, value in run.items() if name not in NESTED}
            said = assessment.store.annotation(run["id"])
            words = {"tags": " ".join(said.tags), "note": said.note}
            where = {"dataset": comparison.conditions.dataset}
            yield {"id": run["id"], **about, **where, **figures, **words}


def _epochs(comparison: Comparison) -> Iterator[dict[str, Any]]:
    for group in comparison.groups:
        for run in group.runs:
            about = {"id": run.id, "model": group.label, "seed": run.trial.seed}
            for epoch in run.history:
                yield {**about, **asdict(epoch)}


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, (str, Number)) else float(value)
