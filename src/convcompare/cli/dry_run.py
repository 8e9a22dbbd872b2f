"""What a comparison would do, without doing it."""

from __future__ import annotations

from collections.abc import Sequence
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
    """One row a network, with the time its missing trials take, from a few measured steps.

    With `--until-clear` they are those of all seeds that may be added; the note has the time of the
    first look, too.
    """
    from convcompare.data.training_cut import image_numbers
    from convcompare.experiment.equal_compute import passes

    asked = plan.request.until_clear
    if asked is not None:
        first = plan.request.seeds[0]
        plan = plan.with_seeds(range(first, first + asked.most_seeds))
    looks = asked.looks if asked else ()
    runner = replace(plan, runtime=plan.runtime.of_a_job()).runner()
    rows, missing = [], []
    for candidate in plan.candidates:
        trials = plan.of(candidate)
        left = [trial for trial in trials if not plan.store.finished(trial.id)]
        images, _ = image_numbers(candidate.config, plan.dataset.train.labels)
        epochs = passes(candidate.config, images)
        seconds = epoch_seconds(trials[0], runner) * epochs if left else 0.0
        missing.append((seconds, [trial.seed for trial in left]))
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
    counted = [(one.label, one.network.description.uncounted) for one in plan.candidates]
    begun = lines(beginnings_of(plan))
    notes = (
        _duration_note(plan, missing, looks),
        *uncounted(counted),
        *begun,
        "nothing was run: this is the plan",
    )
    return Table(COLUMNS, tuple(rows), notes, noun="models")


def _duration_note(
    plan: ExperimentPlan, missing: Sequence[tuple[float, Sequence[int]]], looks: Sequence[int]
) -> str:
    """How long the training takes: up to the first and to the last of the `looks`, if there are.

    `missing` has the seconds of a trial of each network, and the seeds that have not run.
    """
    jobs = plan.runtime.jobs

    def about(seeds: int | None = None) -> str:
        first = plan.request.seeds[0]
        chosen = [
            (one, sum(seeds is None or seed < first + seeds for seed in left))
            for one, left in missing
        ]
        total = sum(one * number for one, number in chosen)
        longest = max((one for one, number in chosen if number), default=0.0)
        return formatting.about_seconds(max(longest, total / jobs))

    apart = " on one device" if plan.runtime.devices > 1 else ""
    together = f" with {jobs} parallel trials" if jobs > 1 else ""
    between = f"{about(looks[0])} ({looks[0]} seeds) to " if len(looks) > 1 else ""
    most = f" ({looks[-1]} seeds)" if between else ""
    return (
        f"training takes about {between}{about()}{most}{together}, "
        f"from a few measured steps per model{apart}"
    )


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
