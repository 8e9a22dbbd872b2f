"""The plan of a comparison, for ``--dry-run``."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from convcompare.comparison import fine_tuning_words
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
    Column("parameters", "parameters", show=formatting.count, priority=2),
    Column("macs", "MACs", show=formatting.large, priority=3, missing="not counted"),
    Column("epochs", "epochs", show=formatting.epochs, priority=4),
    Column("seeds", "seeds", priority=1),
    Column("finished", "already run", priority=1),
    Column("estimated_seconds", "estimated", show=formatting.about_seconds),
)


def plan_table(plan: ExperimentPlan) -> Table:
    """Return one row per network, with the time of its missing trials from a few measured steps.

    With `--until-clear`, the rows are for the maximum number of seeds; the note also has the time
    until the first look.
    """
    from convcompare.data.training_cut import image_numbers
    from convcompare.experiment.equal_compute import passes

    until_clear = plan.request.until_clear
    if until_clear is not None:
        first = plan.request.seeds[0]
        plan = plan.with_seeds(range(first, first + until_clear.most_seeds))
    looks = until_clear.looks if until_clear else ()
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
    notes = (
        _duration_note(plan, missing, looks),
        *uncounted(counted),
        *fine_tuning_lines(plan),
        "nothing was run: this is the plan",
    )
    return Table(COLUMNS, tuple(rows), notes, noun="models")


def _duration_note(
    plan: ExperimentPlan, missing: Sequence[tuple[float, Sequence[int]]], looks: Sequence[int]
) -> str:
    """Return the training time as a note; with several `looks`, until the first and the last one.

    `missing` has the seconds per trial of each network, and its seeds that have not run.
    """
    jobs = plan.runtime.jobs
    if not any(left for _, left in missing):
        return "all of these runs are in the store: none is trained"

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


def fine_tuning_lines(plan: ExperimentPlan) -> Iterator[str]:
    """Yield a line per network that starts from trained weights or has frozen parameters."""
    for one in plan.candidates:
        network = one.network.description
        yield from fine_tuning_words.words(one.label, network.initial_weights, network.frozen)


def power_words(plan: ExperimentPlan) -> str:
    """Return which differences the seeds can detect, by the spread of earlier runs.

    Empty if no networks are compared.
    """
    from convcompare.comparison.contrasts import spread
    from convcompare.comparison.power_words import detectable_words

    found = spread(_earlier(plan))
    networks = len(plan.rate_labels) or len(plan.candidates)
    contrasts = networks - max(1, len(plan.request.sizes))
    if contrasts < 1:
        return ""
    until_clear, images = plan.request.until_clear, plan.conditions.test_images
    if until_clear is None:
        return detectable_words(len(plan.request.seeds), images, found, contrasts=contrasts)
    schedule = until_clear.looks
    detectable = detectable_words(until_clear.most_seeds, images, found, contrasts=contrasts)
    seen = ", ".join(map(str, schedule))
    passed = ""
    if until_clear.most_seconds < math.inf:
        passed = f" or {formatting.seconds(until_clear.most_seconds)} have passed"
    return f"looks at {seen} seeds, until every contrast is decided{passed}; {detectable}"


def _earlier(plan: ExperimentPlan) -> Comparison:
    """Return the store's finished runs with the plan's configuration and data, of any network."""
    from convcompare.comparison.comparison import Comparison
    from convcompare.comparison.model_runs import ModelRuns
    from convcompare.core.errors import StoreError

    trial = plan.trials[0]
    groups: dict[str, list[Run]] = {}
    for run_id in plan.store.ids():
        try:
            run = plan.store.outcome(run_id)
        except StoreError:  # `convcompare runs` reports the damage
            continue
        same = run and (run.trial.data, run.trial.config) == (trial.data, trial.config)
        if run and same and run.status == "finished":
            groups.setdefault(run.trial.model, []).append(run)
    found = tuple(ModelRuns(model, tuple(runs)) for model, runs in groups.items())
    return Comparison(plan.conditions, found)
