"""What a comparison would do, without doing it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from convcompare.comparison.beginnings import Beginning, lines
from convcompare.core import formatting
from convcompare.experiment.solo_timing import epoch_seconds
from convcompare.output.tables.comparison_table import uncounted
from convcompare.output.tables.table import Column, Table

if TYPE_CHECKING:
    from convcompare.comparison.comparison import Comparison
    from convcompare.experiment.plan import ExperimentPlan
    from convcompare.store.run import Run

COLUMNS = (
    Column("model", "model", "left", names=True),
    Column("parameters", "parameters", show=formatting.count, priority=1),
    Column("macs", "MACs", show=formatting.large, priority=3, missing="not counted"),
    Column("epochs", "epochs", show=formatting.epochs, priority=4),
    Column("seeds", "seeds", priority=2),
    Column("finished", "already run", priority=5),
    Column("estimated_seconds", "estimated", show=formatting.about_seconds),
)


def plan_table(plan: ExperimentPlan) -> Table:
    """One row a network, with the time its missing trials take, from a few measured steps."""
    from convcompare.data.training_cut import image_numbers
    from convcompare.experiment.equal_compute import passes

    jobs = plan.runtime.jobs
    runner = replace(plan, runtime=plan.runtime.of_a_job()).runner()
    rows, longest = [], 0.0
    for candidate in plan.candidates:
        trials = plan.of(candidate)
        left = [trial for trial in trials if not plan.store.finished(trial.id)]
        images, _ = image_numbers(candidate.config, plan.dataset.train.labels)
        epochs = passes(candidate.config, images)
        seconds = epoch_seconds(trials[0], runner) * epochs if left else 0.0
        longest = max(longest, seconds)
        rows.append(
            {
                "model": candidate.label,
                "parameters": candidate.network.description.parameters,
                "macs": candidate.network.description.macs,
                "epochs": epochs,
                "seeds": len(trials),
                "finished": len(trials) - len(left),
                "estimated_seconds": round(seconds * len(left), 3),
            }
        )
    total = sum(float(str(row["estimated_seconds"])) for row in rows)
    apart = " on one device" if plan.runtime.devices > 1 else ""
    together = f" with {jobs} parallel trials" if jobs > 1 else ""
    note = (
        f"training takes about {formatting.about_seconds(max(longest, total / jobs))}{together}, "
        f"from a few measured steps per model{apart}"
    )
    counted = [(one.label, one.network.description.uncounted) for one in plan.candidates]
    begun = lines(beginnings_of(plan))
    notes = (note, *uncounted(counted), *begun, "nothing was run: this is the plan")
    return Table(COLUMNS, tuple(rows), notes, noun="models")


def beginnings_of(plan: ExperimentPlan) -> list[Beginning]:
    """How the networks of a plan begin."""
    described = [(one.label, one.network.description) for one in plan.candidates]
    return [(label, network.initial_weights, network.frozen) for label, network in described]


def power_words(plan: ExperimentPlan) -> str:
    """What the seeds that were asked for can show, by the spread of earlier runs.

    Empty where no networks are compared.
    """
    from convcompare.comparison.contrasts import spread
    from convcompare.comparison.power_words import detectable_words

    found = spread(_earlier(plan))
    networks = len(plan.rate_labels) or len(plan.candidates)
    contrasts = networks - max(1, len(plan.request.sizes))
    if contrasts < 1:
        return ""
    asked, images = plan.request.until_clear, plan.conditions.test_images
    if asked is None:
        return detectable_words(len(plan.request.seeds), images, found, contrasts=contrasts)
    schedule = asked.looks
    said = detectable_words(asked.most_seeds, images, found, contrasts=contrasts)
    seen = ", ".join(map(str, schedule))
    return f"looks at {seen} seeds, until every contrast is decided; {said}"


def _earlier(plan: ExperimentPlan) -> Comparison:
    """The finished runs of the store under the configuration of this plan, whatever the network."""
    from convcompare.comparison.comparison import Comparison
    from convcompare.comparison.model_runs import ModelRuns
    from convcompare.core.errors import StoreError

    trial = plan.trials[0]
    groups: dict[str, list[Run]] = {}
    for run_id in plan.store.ids():
        try:
            run = plan.store.outcome(run_id)
        except StoreError:  # `convcompare runs` names what is damaged
            continue
        same = run and (run.trial.data, run.trial.config) == (trial.data, trial.config)
        if run and same and run.status == "finished":
            groups.setdefault(run.trial.model, []).append(run)
    found = tuple(ModelRuns(model, tuple(runs)) for model, runs in groups.items())
    return Comparison(plan.conditions, found)
