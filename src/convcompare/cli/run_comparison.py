"""A comparison from its request to the table: planned, run, printed."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from convcompare.comparison.model_runs import beside_training
from convcompare.core import formatting
from convcompare.experiment.plan import ExperimentPlan
from convcompare.experiment.planning import prepare
from convcompare.experiment.reporter import Reporter
from convcompare.experiment.request import Request
from convcompare.experiment.session import part_of, run, run_part
from convcompare.output.tables.formats import chosen_format

from .console import talk
from .console_reporter import ConsoleReporter
from .dry_run import plan_table
from .output import View, emit_assessment, emit_plan

if TYPE_CHECKING:
    from convcompare.comparison.assessment import Assessment

    from .option_groups import OutputOptions


def perform(request: Request, output: OutputOptions) -> int:
    """Do what is asked for; the exit code."""
    kind = chosen_format(output.format, output.out)
    view = View.parse(request.columns, output.sort, output.verbose)
    began = now()
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
        say_durations(assessment, began)
    if talk().is_terminal and kind == "table" and not output.quiet:
        talk().print("next: convcompare plot learning-curves · convcompare report", style="dim")
    return 1 if assessment.comparison.failed else 0


def perform_part(plan: ExperimentPlan, reporter: Reporter) -> int:
    """Run a part of a plan and say how to see the whole; the exit code."""
    outcome = run_part(plan, reporter)
    if not reporter.quiet:
        all_trials, shard = len(plan.trials), plan.request.shard
        said = f"worker: {outcome.ran} of {all_trials} trials run here, none is left"
        if shard:
            said = f"shard {shard}: {outcome.trials} of {all_trials} trials, {outcome.ran} of them "
            said += "run now"
        talk().print(said, soft_wrap=True)
        talk().print("next: the same command without it prints the table", style="dim")
    return 1 if outcome.failed else 0


def now() -> datetime.datetime:
    """When a call begins, by the clock that runs are dated with."""
    return datetime.datetime.now(datetime.UTC)


def say_durations(assessment: Assessment, began: datetime.datetime) -> None:
    """The runs that ended in this call and what their time went into; nothing where none did.

    Those at the learning rates of a grid that were not chosen are among them.
    """
    since, comparison = began.isoformat(timespec="seconds"), assessment.comparison
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
    told = ", ".join(f"{name} {formatting.seconds(seconds)}" for name, seconds in parts.items())
    together = " (several at a time)" if any(run.jobs > 1 for run in runs) else ""
    many = formatting.several(len(runs), "run")
    console = talk()
    wall = formatting.seconds((now() - began).total_seconds())
    console.print(
        f"{many} in {wall}{together}: {told}", style="dim", soft_wrap=not console.is_terminal
    )
