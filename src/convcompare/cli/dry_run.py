"""What a comparison would do, without doing it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from convcompare.core import formatting
from convcompare.output.tables.table import Column, Table

if TYPE_CHECKING:
    from convcompare.comparison.comparison import Comparison
    from convcompare.store.run import Run

    from .job import ExperimentPlan
    from .request import Request

COLUMNS = (
    Column("model", "model", "left"),
    Column("parameters", "parameters", show=formatting.count, priority=1),
    Column("macs", "MACs", show=formatting.large, priority=3),
    Column("epochs", "epochs", priority=4),
    Column("seeds", "seeds", priority=2),
    Column("finished", "already run", priority=5),
    Column("estimated_seconds", "estimated", show=formatting.about_seconds),
)


def plan_table(job: ExperimentPlan) -> Table:
    """One row a network, with the time its missing trials take, from a few measured steps."""
    jobs = job.runtime.jobs
    runner = replace(job, runtime=job.runtime.of_a_job()).runner()
    rows, longest = [], 0.0
    for candidate in job.candidates:
        trials = job.of(candidate)
        left = [trial for trial in trials if not job.store.finished(trial.id)]
        epochs = candidate.config.epochs
        seconds = runner.epoch_seconds(trials[0]) * epochs if left else 0.0
        longest = max(longest, seconds)
        rows.append(
            {
                "model": candidate.label,
                "parameters": candidate.builder.description.parameters,
                "macs": candidate.builder.description.macs,
                "epochs": epochs,
                "seeds": len(trials),
                "finished": len(trials) - len(left),
                "estimated_seconds": round(seconds * len(left), 1),
            }
        )
    total = sum(float(str(row["estimated_seconds"])) for row in rows)
    apart = " with one device alone" if job.runtime.devices > 1 else ""
    together = f" with {jobs} trials at a time" if jobs > 1 else ""
    note = (
        f"training takes about {formatting.about_seconds(max(longest, total / jobs))}{together}, "
        f"from a few measured steps a model{apart}"
    )
    return Table(COLUMNS, tuple(rows), (note, "nothing was run: this is the plan"))


def power_words(job: ExperimentPlan, request: Request) -> str:
    """What the seeds that were asked for can show, by the spread of earlier runs."""
    from convcompare.comparison.contrasts import spread
    from convcompare.comparison.stats.sequential import looks
    from convcompare.comparison.verdicts import detectable_words

    found = spread(_earlier(job))
    contrasts = len(job.candidates) - 1
    asked = request.until_clear
    if asked is None:
        return detectable_words(len(request.seeds), found, contrasts=contrasts)
    schedule = looks(min(3, asked.most_seeds), asked.most_seeds)
    said = detectable_words(asked.most_seeds, found, contrasts=contrasts)
    seen = ", ".join(map(str, schedule))
    return f"looks at {seen} seeds, until every contrast is decided; {said}"


def _earlier(job: ExperimentPlan) -> Comparison:
    """The finished runs of the store under the configuration of this job, whatever the network."""
    from convcompare.comparison.comparison import Comparison
    from convcompare.comparison.model_runs import ModelRuns
    from convcompare.core.errors import StoreError

    trial = job.trials[0]
    groups: dict[str, list[Run]] = {}
    for run_id in job.store.ids():
        try:
            run = job.store.outcome(run_id)
        except StoreError:  # `convcompare runs` names what is damaged
            continue
        same = run and (run.trial.data, run.trial.config) == (trial.data, trial.config)
        if run and same and run.status == "finished":
            groups.setdefault(run.trial.model, []).append(run)
    found = tuple(ModelRuns(model, tuple(runs)) for model, runs in groups.items())
    return Comparison(job.conditions, found)
