"""After the trainings: times for the runs that had not the device to themselves."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from convcompare.comparison.run_flags import disturbed
from convcompare.core.errors import ConvcompareError, quote

from .console import show_warning, talk

if TYPE_CHECKING:
    from convcompare.comparison.comparison import Comparison
    from convcompare.comparison.model_runs import ModelRuns
    from convcompare.experiment.trial_runner import TrialRunner
    from convcompare.store.run import Run


def time_alone(comparison: Comparison, runner: TrialRunner, quiet: bool) -> Comparison:
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
    if not quiet:
        each = "1 run" if len(runs) == 1 else f"{len(runs)} runs, each"
        talk().print(f"measuring the time of {each} alone, by a few steps", soft_wrap=True)
    timed = {run.id: _timed(run, runner) for run in runs}
    return replace(comparison, groups=tuple(_with(group, timed) for group in comparison.groups))


def _untimed(run: Run) -> bool:
    """Whether there is no time of it, or one that was measured beside other programs."""
    return run.jobs > 1 and (run.timing is None or disturbed(run))


def _timed(run: Run, runner: TrialRunner) -> Run:
    """The run with its timing; without where its network fails now, which is said."""
    from convcompare.core.failures import reason

    try:
        timing = runner.timing(run.trial)
    except ConvcompareError:
        raise
    except Exception as error:
        where = f"{quote(run.trial.label)} (seed {run.trial.seed})"
        show_warning(f"no time of {where}: {reason(error)}", "the same command tries it again")
        return run
    with runner.store.lock(run.id):
        runner.store.save_timing(run.id, timing)
    return replace(run, timing=timing)


def _with(group: ModelRuns, timed: dict[str, Run]) -> ModelRuns:
    return replace(group, runs=tuple(timed.get(run.id, run) for run in group.runs))
