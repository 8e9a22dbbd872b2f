"""The table of a comparison, with the columns of the reports."""

from __future__ import annotations

from typing import Any

from . import units
from .comparison import Comparison, Group
from .stats import LEVEL, Estimate
from .tables import Column, Table


def _accuracy(value: Estimate) -> str:
    half = value.half_width
    return units.fraction(value.value) if half is None else f"{value.value:.4f} ± {half:.4f}"


def _fraction(value: Estimate) -> str:
    return units.fraction(value.value)


COLUMNS = (
    Column("number", "№", priority=8),
    Column("model", "model", "left"),
    Column("parameters", "parameters", show=units.count, priority=2),
    Column("test_loss", "test loss", show=_fraction, best="low", priority=5),
    Column("train_loss", "train loss", show=_fraction, best="low", priority=7),
    Column("test_accuracy", "test accuracy", show=_accuracy, best="high"),
    Column("test_accuracy_low", "low", exported=True),
    Column("test_accuracy_high", "high", exported=True),
    Column("train_accuracy", "train accuracy", show=_fraction, best="high", priority=6),
    Column("time", "time (s)", show=lambda e: f"{e.value:,.1f}", best="low", priority=1),
    Column("runs", "runs", exported=True),
    Column("macs", "MACs", exported=True),
)
STATUS = Column("status", "status", "left", priority=0)


def comparison_table(comparison: Comparison) -> Table:
    """One row a model: means over the seeds of the last epoch's figures."""
    rows = tuple(
        _row(number, group, comparison.conditions.test_images)
        for number, group in enumerate(comparison.groups, start=1)
    )
    good = {i for i, group in enumerate(comparison.groups) if group.status == "finished"}
    columns = COLUMNS if len(good) == len(rows) else (*COLUMNS, STATUS)
    unranked = frozenset(range(len(rows))) - good
    return Table(columns, rows, tuple(notes(comparison)), unranked)


def _row(number: int, group: Group, test_images: int) -> dict[str, Any]:
    accuracy = group.test_accuracy(test_images)
    return {
        "number": number,
        "model": group.label,
        "parameters": group.parameters,
        "test_loss": group.last("test_loss"),
        "train_loss": group.last("train_loss"),
        "test_accuracy": accuracy,
        "test_accuracy_low": accuracy.low if accuracy else None,
        "test_accuracy_high": accuracy.high if accuracy else None,
        "train_accuracy": group.last("train_accuracy"),
        "time": group.mean(lambda run: run.cost.train_seconds),
        "runs": len(group.finished),
        "macs": group.macs,
        "status": group.status,
    }


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
        f"{over} · {conditions.test_split}, after the last epoch · best of a column in bold",
        f"time: training alone on {conditions.device}, {conditions.precision}{_apart(comparison)}",
    ]
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
