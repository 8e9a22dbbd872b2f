"""A comparison that was asked for: run, shown while it runs, recorded, printed."""

from __future__ import annotations

import dataclasses
import datetime
import sys
from typing import TYPE_CHECKING

from .. import units
from ..errors import Terminated, quote
from ..tables import check_format
from .console import show_warning, talk
from .output import emit_comparison, emit_table
from .plan import plan_table
from .request import Job, Request, prepare

if TYPE_CHECKING:
    from ..comparison import Comparison
    from ..experiment import TrialRunner
    from ..run import Run
    from .progress import Tracker


def perform(request: Request) -> int:
    """Do what was asked; the exit code."""

    kind = check_format(request.format)
    job = prepare(request)
    if not request.quiet:
        say_conditions(job)
    if request.dry_run:
        emit_table(plan_table(job), kind, request.out)
        return 0
    comparison = run_job(job, request)
    emit_comparison(comparison, job.store, kind, request.out, request.columns)
    return 1 if comparison.failed else 0


def run_job(job: Job, request: Request) -> Comparison:
    """Run what is missing, show it as it runs, and keep a record of the comparison."""
    from ..comparison import Comparison, group_runs
    from ..events import Ended
    from ..experiment import TrialRunner, execute
    from .progress import Tracker, follow

    if request.fresh:
        for trial in job.trials:
            job.store.forget(trial.id)
    ended: dict[str, tuple[Run, bool]] = {}
    runner = TrialRunner(job.store, job.runtime, job.dataset)
    live = talk().is_terminal and not request.quiet
    tracker = Tracker(job.trials, _expected(job, runner) if live else {})
    try:
        with follow(tracker, talk(), request.quiet) as view:
            for event in execute(job.trials, runner, request.executor):
                view.show(event)
                if isinstance(event, Ended):
                    ended[event.run.id] = (event.run, event.reused)
    except (KeyboardInterrupt, Terminated):
        _say_interrupted(tracker)
        raise
    runs = [ended[trial.id][0] for trial in job.trials]
    reused = [ended[trial.id][1] for trial in job.trials]
    now = datetime.datetime.now(datetime.UTC)
    loading = job.conditions.loading_seconds + runner.loading_seconds
    comparison = Comparison(
        dataclasses.replace(job.conditions, loading_seconds=loading),
        tuple(group_runs([trial.label for trial in job.trials], runs, reused)),
        now.isoformat(timespec="seconds"),
        tuple(sys.argv[1:]),
        request.study,
        job.baseline,
    )
    job.store.add_comparison(now.strftime("%Y%m%dT%H%M%S%f"), comparison.record())
    return comparison


def _expected(job: Job, runner: TrialRunner) -> dict[str, float]:
    """Seconds an epoch takes, by label, from a few steps of each model that has runs to do."""
    missing = [trial for trial in job.trials if not job.store.finished(trial.id)]
    first = {trial.label: trial for trial in reversed(missing)}
    return {label: runner.epoch_seconds(trial, steps=1) for label, trial in first.items()}


def say_conditions(job: Job) -> None:
    """What all runs have in common, in two lines."""
    c, config = job.conditions, job.trials[0].config
    seeds = len(job.trials) // len(job.entrants)
    interleaved = ", interleaved" if seeds > 1 and len(job.entrants) > 1 else ""
    held_out = f"{units.count(c.val_images)} held out, " if c.val_images else ""
    console = talk()
    pipe = not console.is_terminal
    console.print(
        f"{c.dataset} · {units.count(c.train_images)} train, {held_out}"
        f"{units.count(c.test_images)} test · {c.shape} · {c.test_split}, {c.selected}",
        soft_wrap=pipe,
    )
    console.print(
        f"recipe {c.recipe}: {config.optimizer} {config.lr:g}, batch {config.batch_size}, "
        f"{_epochs(job)} · {c.device}, {c.precision} ({job.precision_reason}) · "
        f"{seeds} seed{'s' if seeds != 1 else ''}{interleaved}\n",
        soft_wrap=pipe,
    )


def _epochs(job: Job) -> str:
    epochs = sorted({entrant.config.epochs for entrant in job.entrants})
    if len(epochs) > 1:
        return f"{epochs[0]} to {epochs[-1]} epochs"
    return f"{epochs[0]} epoch{'s' if epochs[0] != 1 else ''}"


def _say_interrupted(tracker: Tracker) -> None:
    row = tracker.current
    where = f"{tracker.done} of {len(tracker.rows)} trials are finished"
    if row and row.epochs:
        where += f", epoch {len(row.epochs)} of {quote(row.label)} (seed {row.trial.seed}) is saved"
    show_warning(f"interrupted: {where}", "the same command goes on from here")
