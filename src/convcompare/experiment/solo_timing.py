"""After the trainings: times for the runs that had not the device to themselves."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from convcompare.comparison.run_flags import disturbed
from convcompare.core.errors import ConvcompareError, quote
from convcompare.core.failures import reason

if TYPE_CHECKING:
    from convcompare.comparison.comparison import Comparison
    from convcompare.comparison.model_runs import ModelRuns
    from convcompare.store.run import Run

    from .reporter import Reporter
    from .trial_runner import TrialRunner


def time_alone(comparison: Comparison, runner: TrialRunner, reporter: Reporter) -> Comparison:
    """The comparison with a time for every run that was trained beside others.

    One after another in this process, every network with its first seed, then with its second, as
    they are trained: so the times of a network are as many measurements as it has seeds. What is
    measured is kept with the runs.
    """
    runs = [run for group in comparison.groups for run in group.finished if _untimed(run)]
    if not runs:
        return comparison
    order = list(dict.fromkeys(run.trial.seed for run in runs))
    runs.sort(key=lambda run: order.index(run.trial.seed))
    reporter.timing_alone(len(runs))
    timed = {run.id: _timed(run, runner, reporter) for run in runs}
    return replace(comparison, groups=tuple(_with(group, timed) for group in comparison.groups))


def _untimed(run: Run) -> bool:
    """Whether there is no time of it, or one that was measured beside other programs."""
    return run.jobs > 1 and (run.timing is None or disturbed(run))


def _timed(run: Run, runner: TrialRunner, reporter: Reporter) -> Run:
    """The run with its timing; without if its network fails now, which is reported."""
    try:
        timing = runner.timing(run.trial)
    except ConvcompareError:
        raise
    except Exception as error:
        where = f"{quote(run.trial.label)} (seed {run.trial.seed})"
        reporter.warn(f"no time of {where}: {reason(error)}", "the same command tries it again")
        return run
    with runner.store.lock(run.id):
        runner.store.save_timing(run.id, timing)
    return replace(run, timing=timing)


def _with(group: ModelRuns, timed: dict[str, Run]) -> ModelRuns:
    return replace(group, runs=tuple(timed.get(run.id, run) for run in group.runs))
