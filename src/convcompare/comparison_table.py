"""The table of a comparison, with the columns of the reports and those that were asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import units
from .cells import Context, Figure
from .columns import NOTES, chosen
from .comparison import Comparison, Group
from .stats import LEVEL, Estimate
from .store import RunStore
from .tables import Column, Table

NUMBER = Column("number", "№", priority=8)
MODEL = Column("model", "model", "left")
STATUS = Column("status", "status", "left", priority=0)
RUNS = Column("runs", "runs", exported=True)
MACS = Column("macs", "MACs", exported=True)


def comparison_table(comparison: Comparison, store: RunStore, names: Sequence[str] = ()) -> Table:
    """One row a model: means over the seeds of the last epoch's figures.

    `names` are columns of `columns.EXTRA` beyond those of the reports.
    """
    figures = chosen(names, comparison)
    context = Context(comparison, store)
    rows = tuple(
        _row(number, group, figures, context)
        for number, group in enumerate(comparison.groups, start=1)
    )
    good = {i for i, group in enumerate(comparison.groups) if group.status == "finished"}
    columns = [NUMBER, MODEL]
    for figure in figures:
        columns += [figure.column, *_limits(figure)]
    if "macs" not in names:
        columns.append(MACS)
    columns += [RUNS] if len(good) == len(rows) else [RUNS, STATUS]
    unranked = frozenset(range(len(rows))) - good
    told = [NOTES[name] for name in names if name in NOTES]
    return Table(tuple(columns), rows, (*notes(comparison), *told), unranked)


def _limits(figure: Figure) -> list[Column]:
    """The ends of the interval, for programs."""
    if not figure.is_estimate:
        return []
    return [
        Column(f"{figure.column.key}_{end}", f"{figure.column.title}, {end}", exported=True)
        for end in ("low", "high")
    ]


def _row(number: int, group: Group, figures: Sequence[Figure], context: Context) -> dict[str, Any]:
    row: dict[str, Any] = {"number": number, "model": group.label, "macs": group.macs}
    for figure in figures:
        key, value = figure.column.key, figure.value(group, context)
        row[key] = value
        if isinstance(value, Estimate):
            row[f"{key}_low"], row[f"{key}_high"] = value.low, value.high
    return {**row, "runs": len(group.finished), "status": group.status}


def notes(comparison: Comparison) -> list[str]:
    """What the figures mean: the lines under the table."""
    conditions = comparison.conditions
    level = f"{LEVEL:.0%}".replace("%", " %")
    over = (
        f"mean of {comparison.seeds} seeds, {level} interval"
        if comparison.seeds > 1
        else f"one seed, {level} interval over {units.count(conditions.test_images)} test images"
    )
    kept = sum(group.reused for group in comparison.groups)
    total = sum(len(group.runs) for group in comparison.groups)
    found = [
        f"{over} · {conditions.test_split}, after {conditions.selected} · best of a column in bold",
        f"time: training alone on {conditions.device}, {conditions.precision}{_apart(comparison)}",
    ]
    found += conditions.notes
    if kept:
        which = "all runs are" if kept == total else f"{kept} of {total} runs are"
        found.append(f"{which} from earlier calls (`--fresh` trains them again)")
    return found


def _apart(comparison: Comparison) -> str:
    costs = [run.cost for group in comparison.groups for run in group.runs]
    parts = {
        "loading": comparison.conditions.loading_seconds,
        "evaluation": sum(cost.evaluation_seconds for cost in costs),
        "analyses": sum(cost.analysis_seconds for cost in costs),
        "saving": sum(cost.saving_seconds for cost in costs),
        "setting up": sum(cost.setup_seconds for cost in costs),
    }
    return " · apart: " + ", ".join(f"{n} {units.seconds(value)}" for n, value in parts.items())
