"""Measures times, after training, of runs that shared the device."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from convcompare.comparison.comparison import Comparison, seed_by_seed
from convcompare.comparison.run_flags import disturbed, was_stopped
from convcompare.core.errors import ConvcompareError, quote
from convcompare.core.failures import reason

from .workers.context import WorkerContext, with_runner

if TYPE_CHECKING:
    from convcompare.comparison.model_runs import ModelRuns
    from convcompare.store.cost import Timing
    from convcompare.store.run import Run, Trial

    from .reporter import Reporter
    from .trial_runner import TrialRunner


def time_alone(comparison: Comparison, runner: TrialRunner, reporter: Reporter) -> Comparison:
    """Return the comparison with a time for every run that was trained beside others.

    The runs are timed one after another in this process, seeds interleaved as in training, so a
    network has as many measurements as seeds. The results are stored with the runs.
    """
    runs = seed_by_seed([run for run in comparison.finished if _untimed(run)])
    if not runs:
        return comparison
    reporter.timing_alone(len(runs))
    timed = {run.id: _timed(run, runner, reporter) for run in runs}
    return replace(comparison, groups=tuple(_with(group, timed) for group in comparison.groups))


def timing_of(trial: Trial, runner: TrialRunner) -> Timing:
    """Call `TrialRunner.timing` in the process that may run the trial's network."""
    from .trial_runner import TrialRunner

    return with_runner(trial, runner, WorkerContext.alone, TrialRunner.timing)


def epoch_seconds(trial: Trial, runner: TrialRunner, steps: int = 5) -> float:
    """Call `TrialRunner.epoch_seconds` in the process that may run the trial's network."""
    from .trial_runner import TrialRunner

    return with_runner(trial, runner, WorkerContext.of, TrialRunner.epoch_seconds, steps)


def _untimed(run: Run) -> bool:
    """Return whether a run lacks a valid time.

    A time is invalid if other programs used the machine or the process was stopped meanwhile.
    """
    sound = run.timing and not disturbed(run) and not was_stopped(run)
    return run.jobs > 1 and not sound


def _timed(run: Run, runner: TrialRunner, reporter: Reporter) -> Run:
    """Return the run with its timing; without, after a warning, if its network fails now."""
    try:
        timing = timing_of(run.trial, runner)
    except ConvcompareError:
        raise
    except Exception as error:
        where = f"{quote(run.trial.label)} (seed {run.trial.seed})"
        reporter.warn(f"no time of {where}: {reason(error)}", "the same command tries again")
        return run
    with runner.store.lock(run.id):
        runner.store.save_timing(run.id, timing)
    return replace(run, timing=timing)


def _with(group: ModelRuns, timed: dict[str, Run]) -> ModelRuns:
    return replace(group, runs=tuple(timed.get(run.id, run) for run in group.runs))
