"""After the trainings: times for the runs that had not the device to themselves."""

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
    """The comparison with a time for every run that was trained beside others.

    One after another in this process, every network with its first seed, then with its second, as
    they are trained: so the times of a network are as many measurements as it has seeds. What is
    measured is kept with the runs.
    """
    runs = seed_by_seed([run for run in comparison.finished if _untimed(run)])
    if not runs:
        return comparison
    reporter.timing_alone(len(runs))
    timed = {run.id: _timed(run, runner, reporter) for run in runs}
    return replace(comparison, groups=tuple(_with(group, timed) for group in comparison.groups))


def timing_of(trial: Trial, runner: TrialRunner) -> Timing:
    """As `TrialRunner.timing`, in the process where the trial's network may run."""
    from .trial_runner import TrialRunner

    return with_runner(trial, runner, WorkerContext.alone, TrialRunner.timing)


def epoch_seconds(trial: Trial, runner: TrialRunner, steps: int = 5) -> float:
    """As `TrialRunner.epoch_seconds`, in the process where the trial's network may run."""
    from .trial_runner import TrialRunner

    return with_runner(trial, runner, WorkerContext.of, TrialRunner.epoch_seconds, steps)


def _untimed(run: Run) -> bool:
    """Whether there is no time of it, or one that was measured beside other programs or stopped."""
    sound = run.timing and not disturbed(run) and not was_stopped(run)
    return run.jobs > 1 and not sound


def _timed(run: Run, runner: TrialRunner, reporter: Reporter) -> Run:
    """The run with its timing; without if its network fails now, which is reported."""
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
