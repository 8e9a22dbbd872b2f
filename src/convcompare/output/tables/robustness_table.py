"""Accuracy or consistency on damaged images: a row per network, a column per kind of damage."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from convcompare.comparison import estimate_words
from convcompare.comparison.robustness import MeasuredModel, Robustness, over_kinds
from convcompare.comparison.stats.estimates import Estimate, over_seeds
from convcompare.store.robustness_record import Shares

from .table import Column, Table

Show = Literal["accuracy", "consistency", "error"]
SHOWN: tuple[Show, ...] = ("accuracy", "consistency", "error")
"""Figures that the columns of the kinds of damage can have."""
NOTES = {
    "accuracy": "share that is right in %, mean over the severities",
    "consistency": "share whose prediction is that for the undamaged image in %, mean over the "
    "severities",
    "error": "errors in % of those of {baseline}, summed over the severities",
}


def percent(value: Estimate) -> str:
    """Format a share in percent, with its interval."""
    return estimate_words.plus_minus(value, 100)


def robustness_table(found: Robustness, show: Show = "accuracy") -> Table:
    """Return the figure `show` per kind of damage, between undamaged accuracy and the means."""
    best: Literal["high", "low"] = "low" if show == "error" else "high"
    columns = [
        Column("model", "model", "left", names=True, priority=-1),
        Column("undamaged", "undamaged", show=percent, best="high", priority=1),
        *(
            Column(f"{show} {kind.name}", kind.name, show=percent, best=best, priority=5,
                   missing="not known", under=(show, kind.name))
            for kind in found.kinds
        ),
        Column("accuracy", "damaged", show=percent, best="high", priority=-1),
        Column("consistency", "consistency", show=percent, best="high", priority=2),
        Column("shift_consistency", "two shifts", show=percent, best="high", priority=3),
        Column("mean_corruption_error", "mCE", show=percent, best="low", priority=2,
               missing="not known"),
    ]  # fmt: skip
    rows = tuple(_row(found, model, show) for model in found.models)
    return Table(tuple(columns), rows, tuple(_notes(found, show)), noun="models")


def _row(found: Robustness, model: MeasuredModel, show: Show) -> dict[str, Any]:
    accuracies = {kind.name: model.accuracies(kind.name) for kind in found.kinds}
    consistencies = {kind.name: model.consistencies(kind.name) for kind in found.kinds}
    cells: Callable[[str], Estimate | None] = {
        "accuracy": lambda name: _mean(accuracies[name]),
        "consistency": lambda name: _mean(consistencies[name]),
        "error": lambda name: _error(found, model, name),
    }[show]
    return {
        "model": model.label,
        "undamaged": over_seeds(model.undamaged.tolist()),
        **{f"{show} {kind.name}": cells(kind.name) for kind in found.kinds},
        "accuracy": over_seeds(over_kinds(accuracies).tolist()),
        "consistency": over_seeds(over_kinds(consistencies).tolist()),
        "shift_consistency": over_seeds(model.pairs.tolist()),
        "mean_corruption_error": found.mean_error(model),
    }


def _mean(shares: Shares) -> Estimate:
    return over_seeds(shares.mean(1).tolist())


def _error(found: Robustness, model: MeasuredModel, name: str) -> Estimate | None:
    ratios = found.error_ratios(model, name)
    return None if ratios is None else over_seeds(ratios.tolist())


def _notes(found: Robustness, show: Show) -> list[str]:
    baseline = found.baseline.label
    seeds = sorted({len(model.records) for model in found.models})
    many = "one seed" if seeds == [1] else f"{seeds[0]} seeds"
    over = "" if seeds[-1] < 3 else ", ± 95 % interval over the seeds"
    notes = [
        f"{NOTES[show].format(baseline=baseline)}; {many if len(seeds) == 1 else 'seeds'}{over}; "
        f"the same for all: {found.images_words}",
        "damaged: mean accuracy over the kinds of damage · consistency: mean share of predictions "
        "that the damage leaves · two shifts: share that agrees between two shifts of up to 4 "
        "pixels (arXiv:1904.11486)",
        f"mCE: mean corruption error, in % of that of {baseline} (arXiv:1903.12261)",
    ]
    if found.lacking:
        notes.append(f"not measured: {', '.join(found.lacking)}")
    return notes
