"""Columns of the figures that have verdicts: their values, and the verdicts."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from statistics import stdev
from typing import Any

from convcompare.comparison import estimate_words
from convcompare.comparison.assessment import Assessment
from convcompare.comparison.claims.findings import with_conclusions
from convcompare.comparison.doubts import about
from convcompare.comparison.figures import figure_words
from convcompare.comparison.figures.catalogue import named
from convcompare.comparison.figures.measure import Measure
from convcompare.comparison.model_runs import ModelRuns
from convcompare.comparison.score import Score
from convcompare.comparison.stats import estimates
from convcompare.comparison.stats.estimates import FEWEST, Estimate
from convcompare.comparison.verdict import Verdict
from convcompare.comparison.verdict_words import decided

from .comparison_table import comparison_table
from .table import Column, StyleNote, Table

Values = Mapping[str, Any]
SHOWN = {"test_accuracy", "test_loss", "train_seconds", "parameters"}
"""Figures that have a column in every table."""
OF_THE_LAST_PASS = {"accuracy_gap", "loss_gap"}
"""Figures that have two columns.

``--columns gaps`` has them of the means over the last pass, and ``--verdict-on`` of the final
network on the training images.
"""


def assessed_json(assessment: Assessment, table: Table) -> dict[str, Any]:
    """Return the object of ``--format json``: conclusions, and every note of the table."""
    return {**with_conclusions(assessment), "notes": [*table.notes, *assessment.notes]}


def assessed_table(assessment: Assessment, names: Sequence[str] = ()) -> Table:
    """Return the table of a comparison, with the columns of the figures that have verdicts.

    `names` are further columns, as in `comparison_table`.
    """
    table = comparison_table(assessment.ranked(), assessment.store, names)
    return _with_key(_with_figures(_with_verdicts(table, assessment), assessment))


def _with_figures(table: Table, assessment: Assessment) -> Table:
    """Return the table with the figures of ``--verdict-on``, and mark cells that are in doubt."""
    if not assessment.comparison.verdict_on:
        return table
    there = {column.key for column in table.columns}
    columns, cells = list(table.columns), [dict(row) for row in table.rows]
    first = next((verdict.baseline for verdict in assessment.verdicts), "")
    for name in assessment.comparison.verdict_on:
        added = _columns(named(name), assessment, first, there)
        new = [column for column, _ in added if column.key not in there]
        place = next(i for i, c in enumerate(columns) if c.exported and c.key in ("macs", "runs"))
        columns[place:place] = new
        for row, group in zip(cells, assessment.comparison.groups, strict=True):
            row.update({column.key: values.get(group.label) for column, values in added
                        if column in new})  # fmt: skip
    doubted = table.doubted | _doubted(assessment, there)
    return dataclasses.replace(table, columns=tuple(columns), rows=tuple(cells), doubted=doubted)


def _with_key(table: Table) -> Table:
    """Return the table with a note on bold cells, if there are any."""
    if not any(table.best(column) for column in table.shown):
        return table
    return dataclasses.replace(table, notes=(*table.notes, StyleNote("best of a column in bold")))


def _key_of(key: str, there: set[str]) -> str:
    """Return the key of a column, another one if the table has another figure with that key."""
    return f"{key}_evaluated" if key in OF_THE_LAST_PASS and key in there else key


def _doubted(assessment: Assessment, there: set[str]) -> frozenset[tuple[int, str]]:
    """Return the cells of these columns whose runs have marks, as row and key."""
    measures = [named(name) for name in assessment.comparison.verdict_on]
    return frozenset(
        (row, _key_of(one.quantity.name, there))
        for row, group in enumerate(assessment.comparison.groups)
        for one in measures
        if one.test != "counted" and assessment.doubts.of(group, about(one.quantity))
    )


EXPORTED = (
    *("baseline", "difference", "difference_low", "difference_high", "p_adjusted", "verdict"),
    *("time_ratio", "marks"),
)
"""Verdicts on accuracy for programs, per network: fractions and texts."""


def _with_verdicts(table: Table, assessment: Assessment) -> Table:
    """Return the table with columns for programs: the verdict on the accuracy of each network."""
    first = next((one.baseline for one in assessment.contrasts), None)
    verdicts = {one.model: one for one in assessment.contrasts if one.baseline == first}
    times = {one.model: one.estimate for one in assessment.costs if one.baseline == first}
    marks: dict[str, dict[str, None]] = {}
    for label, _, mark in assessment.marks:
        marks.setdefault(label, {})[mark.name] = None
    rows = []
    for row in table.rows:
        label, verdict = row["model"], verdicts.get(row["model"])
        estimate, time = verdict and verdict.estimate, times.get(label)
        added = {
            "baseline": first if verdict else None,
            "difference": estimate and estimate.value,
            "difference_low": estimate and estimate.low,
            "difference_high": estimate and estimate.high,
            "p_adjusted": verdict and verdict.p_adjusted,
            "verdict": decided(verdict) if verdict else None,
            "time_ratio": time and time.value,
            "marks": "; ".join(marks.get(label, ())) or None,
        }
        rows.append({**row, **added})
    columns = [Column(name, name.replace("_", " "), exported=True) for name in EXPORTED]
    return dataclasses.replace(table, columns=(*table.columns, *columns), rows=tuple(rows))


def _columns(
    measure: Measure, assessment: Assessment, baseline: str, there: set[str]
) -> list[tuple[Column, Values]]:
    """Return the columns of a figure and its verdict, with their values by network label."""
    quantity, name = measure.quantity, measure.name.replace("-", " ")
    header = f"{name}{quantity.unit_in_brackets}"
    header = "spread (points)" if measure.test == "spread" else header
    found = [v for v in assessment.verdicts if v.quantity.name == quantity.name]
    verdicts = {v.model: short(v) for v in found if v.baseline == baseline}
    verdicts[baseline] = "baseline"
    verdict_column = Column(f"{quantity.name}_verdict", f"{name}: verdict", "left", priority=1)
    if quantity.name in SHOWN:
        return [(verdict_column, verdicts)]
    key = _key_of(quantity.name, there)
    value = Column(key, header, show=_show(measure), best=quantity.best, priority=3)
    values = {g.label: _value(measure, g, assessment) for g in assessment.comparison.groups}
    return [(value, values), (verdict_column, verdicts)]


def short(verdict: Verdict) -> str:
    """Return a verdict for a cell, such as ``inconclusive: 1.2 times, 0.9 to 1.6``."""
    word = figure_words.outcome(verdict)
    estimate, quantity = verdict.estimate, verdict.quantity
    if estimate is None:
        return word
    if verdict.n < FEWEST:
        estimate = estimate.bare
    return f"{word}: {figure_words.with_interval(estimate, dataclasses.replace(quantity, unit=''))}"


def _value(measure: Measure, group: ModelRuns, assessment: Assessment) -> Estimate | float | None:
    if measure.test == "spread":
        return _spread(group, Score.parse(assessment.comparison.conditions.score))
    runs = group.runs if measure.test == "counted" else group.finished
    found = [measure.of_run(run, assessment.store) for run in runs]
    values = [value for value in found if value is not None]
    if not values or len(values) < len(found):
        return None
    if measure.test == "counted":
        return values[0]
    return estimates.mean(values) if all(map(math.isfinite, values)) else None


def _spread(group: ModelRuns, score: Score) -> float | None:
    """Return the standard deviation of the score over the seeds, as a fraction.

    None for one seed.
    """
    values = [score.of(run) for run in group.finished]
    return stdev(values) if len(values) > 1 else None


def _show(measure: Measure) -> Any:
    quantity = measure.quantity
    if measure.test == "counted":
        return quantity.show
    if measure.test == "spread":
        return lambda deviation: f"{100 * deviation:.2f}"

    def show(value: Estimate) -> str:
        if measure.test == "ratio" and abs(value.value) < 0.01:
            return f"{value.value:.2g}"
        shown = value.bare if value.n < FEWEST else value
        return estimate_words.plus_minus(shown, quantity.factor)

    return show
