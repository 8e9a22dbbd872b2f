"""A comparison that was asked for: run, shown while it runs, recorded, printed."""

from __future__ import annotations

import dataclasses
import datetime
import sys
import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING

from convcompare.core import formatting, signals
from convcompare.core.errors import Terminated, quote
from convcompare.output.tables.table import check_format

from .after import time_alone
from .console import show_warning, talk
from .dry_run import plan_table, power_words
from .job import ExperimentPlan, prepare
from .output import emit_assessment, emit_table
from .part import part_of, work
from .request import Request
from .run_comparison import now, say_durations

if TYPE_CHECKING:
    from convcompare.comparison.assessment import Assessment
    from convcompare.comparison.comparison import Comparison, InterimSchedule
    from convcompare.experiment.trial_runner import TrialRunner
    from convcompare.store.run import Run

    from .progress_view import Tracker


def perform(request: Request) -> int:
    """Do what was asked; the exit code."""
    kind = check_format(request.format)
    began = now()
    job = prepare(request)
    if not request.quiet:
        say_conditions(job, request)
    if request.dry_run:
        emit_table(plan_table(part_of(job, request) if request.shard else job), kind, request.out)
        return 0
    if request.is_part:
        return work(job, request)
    assessment = assess(job, request)
    emit_assessment(assessment, kind, request.out, request.columns)
    if not request.quiet:
        say_durations(assessment.comparison, began)
    if talk().is_terminal and kind == "table" and not request.quiet:
        talk().print("next: convcompare plot learning-curves · convcompare report", style="dim")
    return 1 if assessment.comparison.failed else 0


def assess(job: ExperimentPlan, request: Request) -> Assessment:
    """Run the comparison that was asked for, and judge it."""
    from convcompare.comparison.assessment import Assessment

    comparison = run_until_clear(job, request) if request.until_clear else run_job(job, request)
    return Assessment(comparison, job.store, request.all_pairs)


def run_until_clear(job: ExperimentPlan, request: Request) -> Comparison:
    """Look after 3, 5, 8 … seeds whether every contrast is decided, and stop where it is.

    The seeds so far and the looks at them are part of the record, so that the verdict can be had
    again from the runs.
    """
    from convcompare.comparison.assessment import Assessment
    from convcompare.comparison.comparison import InterimSchedule
    from convcompare.comparison.stats.sequential import looks

    asked = request.until_clear
    assert asked is not None
    first, started = request.seeds[0], time.monotonic()
    schedule = looks(min(3, asked.most_seeds), asked.most_seeds)
    if request.fresh:
        forget(job.with_seeds(range(first, first + asked.most_seeds)))
    for done, seeds in enumerate(schedule, start=1):
        plan = InterimSchedule(schedule, done, asked.margin)
        comparison = run_job(job.with_seeds(range(first, first + seeds)), request, plan)
        assessment = Assessment(comparison, job.store, request.all_pairs)
        open_ = [c for c in assessment.contrasts if not c.settled]
        if not open_ or done == len(schedule) or time.monotonic() - started > asked.most_seconds:
            break
        if not request.quiet:
            pairs = ", ".join(f"{c.model} and {c.baseline}" for c in open_)
            talk().print(f"after {seeds} seeds not clear: {pairs}", soft_wrap=True)
    return comparison


def forget(job: ExperimentPlan) -> None:
    """Start all trials of a job over."""
    for trial in job.trials:
        job.store.forget(trial.id)


def run_job(
    job: ExperimentPlan, request: Request, plan: InterimSchedule | None = None
) -> Comparison:
    """Run what is missing, show it as it runs, and keep a record of the comparison.

    The record is there from the beginning, so that what has ended can be looked at meanwhile.
    """
    from convcompare.comparison.comparison import Comparison
    from convcompare.comparison.lr_selection import choose_rates
    from convcompare.comparison.model_runs import group_runs
    from convcompare.comparison.unplanned_looks import earlier_looks

    ids = [[trial.id for trial in job.of(candidate)] for candidate in job.candidates]
    looked = earlier_looks(job.store, ids, plan.looks if plan else ())
    if request.fresh and plan is None:
        forget(job)
    now = datetime.datetime.now(datetime.UTC)
    name = now.strftime("%Y%m%dT%H%M%S%f")
    runner = job.runner()
    loading = job.conditions.loading_seconds + runner.loading_seconds
    begun = Comparison(
        dataclasses.replace(job.conditions, loading_seconds=loading),
        (),
        now.isoformat(timespec="seconds"),
        tuple(request.command or sys.argv[1:]),
        request.study,
        job.baseline,
        plan,
        unfinished=tuple((trial.label, trial.id) for trial in job.trials),
        looked=looked,
    )
    job.store.add_comparison(name, begun.record())
    ended = follow_trials(job, request, runner)
    runs, reused = zip(*(ended[trial.id] for trial in job.trials), strict=True)
    groups = group_runs([trial.label for trial in job.trials], runs, reused)
    comparison = dataclasses.replace(begun, groups=tuple(groups), unfinished=())
    if job.rate_labels:
        comparison = choose_rates(comparison, job.rate_labels)
    job.store.add_comparison(name, comparison.record())
    return time_alone(comparison, runner, request.quiet)


def follow_trials(
    job: ExperimentPlan, request: Request, runner: TrialRunner
) -> dict[str, tuple[Run, bool]]:
    """Run the trials and show them; by id how each ended, and whether it had ended before."""
    from convcompare.experiment.events import Ended, Started
    from convcompare.experiment.trial_runner import execute

    from .progress_view import Tracker, follow

    ended: dict[str, tuple[Run, bool]] = {}
    damage: list[str] = []
    live = talk().is_terminal and not request.quiet
    expected = _expected(job, runner) if live and job.runtime.devices == 1 else {}
    tracker = Tracker(job.trials, expected, job.runtime.jobs)
    try:
        with (
            follow(tracker, talk(), request.quiet) as view,
            closing(execute(job.trials, runner, job.executor)) as events,
        ):
            for event in events:
                view.show(event)
                if isinstance(event, Started) and event.damage:
                    damage.append(event.damage)
                if isinstance(event, Ended):
                    ended[event.run.id] = (event.run, event.reused)
    except (KeyboardInterrupt, Terminated):
        _say_interrupted(tracker)
        raise
    finally:
        for text in damage:
            show_warning(text)
    return ended


def _expected(job: ExperimentPlan, runner: TrialRunner) -> dict[str, float]:
    """Seconds an epoch takes, by label, from a few steps of each model that has runs to do."""
    missing = [trial for trial in job.trials if not job.store.finished(trial.id)]
    first = {trial.label: trial for trial in reversed(missing)}
    expected = {}
    for label, trial in first.items():
        with suppress(Exception):  # it will be told when the trial fails of it
            expected[label] = runner.epoch_seconds(trial, steps=1)
    return expected


def say_conditions(job: ExperimentPlan, request: Request) -> None:
    """What all runs have in common in two lines, and what so many seeds can show in a third."""
    c, config = job.conditions, job.trials[0].config
    seeds = len(job.trials) // len(job.candidates)
    interleaved = ", interleaved" if seeds > 1 and len(job.candidates) > 1 else ""
    held_out = f"{formatting.count(c.val_images)} held out, " if c.val_images else ""
    split = f" split among {config.devices}" if config.devices > 1 else ""
    console = talk()
    pipe = not console.is_terminal
    console.print(
        f"{c.dataset} · {formatting.count(c.train_images)} train, {held_out}"
        f"{formatting.count(c.test_images)} test · {c.shape} · {c.test_split}, {c.selected}",
        soft_wrap=pipe,
    )
    console.print(
        f"recipe {c.recipe}: {config.optimizer} {config.lr:g}, batch {config.batch_size}{split}, "
        f"{_epochs(job)} · {c.device}, {c.precision} ({job.precision_reason}) · "
        f"{seeds} seed{'s' if seeds != 1 else ''}{interleaved}{_together(job)}",
        soft_wrap=pipe,
    )
    if len(job.candidates) > 1:
        console.print(power_words(job, request), style="dim", soft_wrap=pipe)
    console.print()


def _together(job: ExperimentPlan) -> str:
    each = job.runtime.of_a_job().threads
    threads = f"{each} thread{'s' if each != 1 else ''}"
    return f" · {job.runtime.jobs} at a time, {threads} each" if job.runtime.jobs > 1 else ""


def _epochs(job: ExperimentPlan) -> str:
    epochs = sorted({candidate.config.epochs for candidate in job.candidates})
    if len(epochs) > 1:
        return f"{epochs[0]} to {epochs[-1]} epochs"
    return f"{epochs[0]} epoch{'s' if epochs[0] != 1 else ''}"


def _say_interrupted(tracker: Tracker) -> None:
    where = f"{tracker.done} of {len(tracker.rows)} trials are finished"
    for row in tracker.running:
        if row.epochs:
            place = f"{quote(row.label)} (seed {row.trial.seed})"
            where += f", epoch {len(row.epochs)} of {place} is saved"
    show_warning(f"interrupted: {where}", "the same command goes on from here")
    signals.stop.said = True
