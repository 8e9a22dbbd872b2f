"""What a comparison would do, without doing it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import units
from ..tables import Column, Table

if TYPE_CHECKING:
    from .request import Job

COLUMNS = (
    Column("model", "model", "left"),
    Column("parameters", "parameters", show=units.count, priority=1),
    Column("macs", "MACs", show=units.large, priority=3),
    Column("epochs", "epochs", priority=4),
    Column("seeds", "seeds", priority=2),
    Column("finished", "already run", priority=5),
    Column("estimated_seconds", "estimated", show=units.about_seconds),
)


def plan_table(job: Job) -> Table:
    """One row a network, with the time its missing trials take, from a few measured steps."""
    from ..experiment import TrialRunner

    runner = TrialRunner(job.store, job.runtime, job.dataset)
    rows = []
    for entrant in job.entrants:
        trials = job.of(entrant)
        left = [trial for trial in trials if not job.store.finished(trial.id)]
        epochs = entrant.config.epochs
        seconds = runner.epoch_seconds(trials[0]) * epochs if left else 0.0
        rows.append(
            {
                "model": entrant.label,
                "parameters": entrant.builder.description.parameters,
                "macs": entrant.builder.description.macs,
                "epochs": epochs,
                "seeds": len(trials),
                "finished": len(trials) - len(left),
                "estimated_seconds": round(seconds * len(left), 1),
            }
        )
    total = sum(float(str(row["estimated_seconds"])) for row in rows)
    note = f"training takes about {units.about_seconds(total)}, from a few measured steps a model"
    return Table(COLUMNS, tuple(rows), (note, "nothing was run: this is the plan"))
