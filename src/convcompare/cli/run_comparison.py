"""Where the time of a call went: the last line of what it tells."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from convcompare.core import formatting

from .console import talk

if TYPE_CHECKING:
    from convcompare.comparison.comparison import Comparison


def now() -> datetime.datetime:
    """When a call begins, by the clock that runs are dated with."""
    return datetime.datetime.now(datetime.UTC)


def say_durations(comparison: Comparison, began: datetime.datetime) -> None:
    """The runs that ended in this call and what their time went into; nothing where none did."""
    since = began.isoformat(timespec="seconds")
    runs = [run for group in comparison.groups for run in group.runs if run.ended >= since]
    if not runs:
        return
    costs = [run.cost for run in runs]
    parts = {
        "data": comparison.conditions.loading_seconds,
        "training": sum(epoch.train_seconds for run in runs for epoch in run.history),
        "evaluation": sum(cost.evaluation_seconds for cost in costs),
        "analyses": sum(cost.analysis_seconds for cost in costs),
        "saving": sum(cost.saving_seconds for cost in costs),
        "setting up": sum(cost.setup_seconds for cost in costs),
    }
    told = ", ".join(f"{name} {formatting.seconds(seconds)}" for name, seconds in parts.items())
    several = " (several at a time)" if any(run.jobs > 1 for run in runs) else ""
    many = "1 run" if len(runs) == 1 else f"{len(runs)} runs"
    console = talk()
    wall = formatting.seconds((now() - began).total_seconds())
    console.print(
        f"{many} in {wall}{several}: {told}", style="dim", soft_wrap=not console.is_terminal
    )
