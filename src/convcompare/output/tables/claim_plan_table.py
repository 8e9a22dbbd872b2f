"""Table of the runs that would decide the conclusions of studies, cheapest first."""

from __future__ import annotations

from collections.abc import Sequence

from convcompare.comparison.claims.plan import ClaimPlan, cheapest_first, total_seconds
from convcompare.comparison.claims.plan_words import (
    ALONE,
    BY_POWER,
    COMMANDS,
    LOOKED,
    THEN_OPEN,
    brief,
    lacking,
)
from convcompare.core import formatting

from .table import Column, Table

COLUMNS = (
    Column("study", "study", "left"),
    Column("number", "№"),
    Column("conclusion", "conclusion", "left", priority=4, names=True),
    Column("outcome", "now", "left", priority=5),
    Column("decided_by", "what decides it", "left", priority=2),
    Column("seeds", "seeds", priority=1),
    Column("epochs", "epochs", priority=3),
    Column("runs", "runs", priority=6),
    Column("seconds", "machine time", show=formatting.about_seconds),
    Column("expected", "likely", "left", priority=7, missing="not known"),
    Column("lacking", "lacking", "left", exported=True),
    Column("command", "command", "left", exported=True),
)  # fmt: skip


def claim_plan_table(plans: Sequence[ClaimPlan]) -> Table:
    """Return a row per undecided conclusion; those that no known runs would decide are last."""
    return Table(COLUMNS, tuple(map(_row, cheapest_first(plans))), _notes(plans), noun="plans")


def _row(plan: ClaimPlan) -> dict[str, object]:
    claim, decided = plan.finding.claim, plan.seeds is not None
    return {
        "study": plan.study,
        "number": claim.number,
        "conclusion": claim.sentence,
        "outcome": plan.finding.outcome,
        "decided_by": brief(plan),
        "seeds": plan.seeds,
        "epochs": plan.epochs if decided else None,
        "runs": len(plan.trainings) if decided else None,
        "seconds": plan.seconds,
        "expected": plan.would if decided else None,
        "lacking": lacking(plan),
        "command": plan.command,
    }


def _notes(plans: Sequence[ClaimPlan]) -> tuple[str, ...]:
    if not plans:
        return ("the runs decide every conclusion that they are about",)
    lacks = {need.lack for plan in plans for _, need in plan.needs}
    machines = dict.fromkeys(name for plan in plans for name in plan.machines)
    return (
        *(
            f"{plan.study} {plan.finding.claim.number}: {lacking(plan)}"
            for plan in plans
            if plan.seeds is None
        ),
        *([BY_POWER] if "seeds" in lacks else []),
        *([THEN_OPEN] if lacks & {"epochs", "first seeds", "spread", "not recorded"} else []),
        *_times(plans, list(machines)),
        *([LOOKED] if "seeds" in lacks else []),
        *([COMMANDS] if any(plan.command for plan in plans) else []),
        *([ALONE] if any(plan.skipped and plan.command for plan in plans) else []),
    )


def _times(plans: Sequence[ClaimPlan], machines: Sequence[str]) -> list[str]:
    """Describe the hardware of the recorded times, and the total time of all plans."""
    if not any(plan.trainings for plan in plans):
        return []
    note = f"times are those of one run at a time on the recorded hardware ({', '.join(machines)})"
    total = total_seconds(plans)
    if total is not None:
        note += f"; all that is known takes {formatting.about_seconds(total)}, shared runs once"
    return [note]
