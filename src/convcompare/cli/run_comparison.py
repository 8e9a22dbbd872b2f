"""Plans, runs and prints a comparison."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from convcompare.comparison.model_runs import beside_training
from convcompare.core import formatting
from convcompare.experiment.plan import ExperimentPlan
from convcompare.experiment.planning import prepare
from convcompare.experiment.reporter import Reporter
from convcompare.experiment.request import Request
from convcompare.experiment.session import part_of, run, run_part
from convcompare.output.tables.formats import chosen_format

from .console import err, say
from .console_reporter import ConsoleReporter
from .dry_run import plan_table
from .output import View, emit_assessment, emit_plan

if TYPE_CHECKING:
    from convcompare.comparison.assessment import Assessment

    from .option_groups import OutputOptions


def perform(request: Request, output: OutputOptions) -> int:
    """Handle a request and return the exit code."""
    kind = chosen_format(output.format, output.out)
    view = View.parse(request.columns, output.sort, output.verbose)
    started = datetime.now(UTC)
    reporter = ConsoleReporter(output.quiet)
    plan = prepare(request, reporter)
    if request.dry_run:
        reporter.planned(plan)
        emit_plan(plan_table(part_of(plan) if request.shard else plan), output)
        return 0
    if request.is_part:
        return perform_part(plan, reporter)
    assessment = run(plan, reporter)
    emit_assessment(assessment, kind, output.out, view)
    if not output.quiet:
        print_durations(assessment, started)
    if err().is_terminal and kind == "table" and not output.quiet:
        err().print("next: convcompare plot learning-curves · convcompare report", style="dim")
    return 1 if assessment.comparison.failed else 0


def perform_part(plan: ExperimentPlan, reporter: Reporter) -> int:
    """Run a part of a plan, print how to see the whole, and return the exit code."""
    outcome = run_part(plan, reporter)
    if not reporter.quiet:
        all_trials, shard = len(plan.trials), plan.request.shard
        text = f"worker: {outcome.ran} of {all_trials} trials run here, none is left"
        if shard:
            text = f"shard {shard}: {outcome.trials} of {all_trials} trials, {outcome.ran} of them "
            text += "run now"
        err().print(text, soft_wrap=True)
        err().print("next: the same command without it prints the table", style="dim")
    return 1 if outcome.failed else 0


def print_durations(assessment: Assessment, started: datetime) -> None:
    """Print the number of runs that ended in this call and their total durations, if there are any.

    Runs at the learning rates of a grid that were not chosen are included.
    """
    since, comparison = started.isoformat(timespec="seconds"), assessment.comparison
    tried = [one for rate in comparison.rates if not rate.chosen for one in rate.runs]
    outcomes = assessment.store.sound_outcomes(tried).values()
    every = [*comparison.runs, *(run for run in outcomes if run)]
    runs = [run for run in every if run.ended >= since]
    if not runs:
        return
    parts = {
        "data": comparison.conditions.loading_seconds,
        "training": sum(epoch.train_seconds for run in runs for epoch in run.history),
        **beside_training(runs),
    }
    durations = ", ".join(
        f"{name} {formatting.seconds(seconds)}" for name, seconds in parts.items()
    )
    together = " (several at a time)" if any(run.jobs > 1 for run in runs) else ""
    many = formatting.several(len(runs), "run")
    wall = formatting.seconds((datetime.now(UTC) - started).total_seconds())
    say(f"{many} in {wall}{together}: {durations}", style="dim")
