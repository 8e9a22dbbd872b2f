"""Runs a plan: trains missing trials, records the comparison and assesses it."""

from __future__ import annotations

import datetime
import random
import time
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING

from convcompare.core import formatting
from convcompare.core.corruptions import on_damaged_images
from convcompare.core.errors import quote
from convcompare.store import compile_choices, copying

from .command_words import command_words
from .solo_timing import epoch_seconds, time_alone

if TYPE_CHECKING:
    from convcompare.comparison.assessment import Assessment
    from convcompare.comparison.comparison import Comparison, InterimSchedule
    from convcompare.store.run import Run

    from .plan import ExperimentPlan
    from .reporter import Reporter
    from .trial_runner import TrialRunner


def run(plan: ExperimentPlan, reporter: Reporter) -> Assessment:
    """Run the comparison of a plan and assess it by the current rules.

    A trial that fails or diverges raises nothing; its record is part of the result.
    """
    from convcompare.comparison.assessment import Assessment

    reporter.planned(plan)
    until_clear = plan.request.until_clear is not None
    comparison = _run_until_clear(plan, reporter) if until_clear else run_plan(plan, reporter)
    return Assessment(comparison, plan.store, plan.request.all_pairs)


def _run_until_clear(plan: ExperimentPlan, reporter: Reporter) -> Comparison:
    """Add seeds until every contrast is decided or hopeless, with looks after 3, 5, 8 … seeds.

    Only networks with open contrasts get more seeds. The seeds and the looks so far are part of the
    record, so that the verdict can be recomputed from the runs.
    """
    from convcompare.comparison.assessment import Assessment
    from convcompare.comparison.comparison import InterimSchedule

    request = plan.request
    until_clear = request.until_clear
    assert until_clear is not None
    first, started = request.seeds[0], time.monotonic()
    schedule = until_clear.looks
    if request.fresh:
        start_over(plan.with_seeds(range(first, first + until_clear.most_seeds)))
    seeds_of = dict.fromkeys((one.label for one in plan.candidates), 0)
    open_pairs: Sequence[tuple[str, str]] = ()
    ended: dict[str, bool] = {}
    for done, seeds in enumerate(schedule, start=1):
        growing = {label for names in open_pairs for label in names} if open_pairs else seeds_of
        seeds_of |= dict.fromkeys(growing, seeds)
        interim = InterimSchedule(schedule, done, until_clear.margin)
        part = plan.with_seeds_of(
            {label: range(first, first + number) for label, number in seeds_of.items()}
        )
        comparison = run_plan(part, reporter, interim, ended)
        assessment = Assessment(comparison, plan.store, request.all_pairs)
        open_pairs = [(c.model, c.baseline) for c in assessment.contrasts if c.open]
        out_of_time = time.monotonic() - started > until_clear.most_seconds
        if not open_pairs or done == len(schedule) or out_of_time:
            break
        reporter.undecided(seeds, open_pairs)
    return comparison


def start_over(plan: ExperimentPlan) -> None:
    """Delete the state of all trials of a plan; ended results are kept until the new ones end."""
    for trial in plan.trials:
        copying.start_over(plan.store, trial.id)
    compile_choices.forget(plan.store, plan.trials)


def run_plan(
    plan: ExperimentPlan,
    reporter: Reporter,
    schedule: InterimSchedule | None = None,
    before: dict[str, bool] | None = None,
) -> Comparison:
    """Run the missing trials of a plan and record the comparison.

    The record exists from the start, so that results can be viewed while trials run.

    Args:
        plan: The plan.
        reporter: Shows the stages and the events.
        schedule: The looks of ``--until-clear``.
        before: Ids of the trials that have ended during this call, each with whether it had ended
            before the call; the plan's trials are added.
    """
    from convcompare.comparison.lr_selection import choose_rates
    from convcompare.comparison.model_runs import group_runs

    request, now = plan.request, datetime.datetime.now(datetime.UTC)
    initial = _before_trials(plan, schedule, now)
    if request.fresh and schedule is None:
        start_over(plan)
    runner = plan.runner()
    loading = plan.conditions.loading_seconds + runner.loading_seconds
    initial = replace(initial, conditions=replace(plan.conditions, loading_seconds=loading))
    name = now.strftime("%Y%m%dT%H%M%S%f")
    plan.store.add_comparison(name, initial.record())
    known = {} if before is None else before
    ended = {one: (plan.store.run(one), reused) for one, reused in known.items()}
    waiting = [trial for trial in plan.trials if trial.id not in ended]
    ended |= _run_trials(replace(plan, trials=waiting), runner, reporter)
    known |= {one: reused for one, (run, reused) in ended.items() if run.status != "failed"}
    runs, reused = zip(*(ended[trial.id] for trial in plan.trials), strict=True)
    groups = group_runs([trial.label for trial in plan.trials], runs, reused)
    comparison = replace(initial, groups=tuple(groups), unfinished=())
    if plan.rate_labels:
        comparison = choose_rates(comparison, plan.rate_labels)
    plan.store.add_comparison(name, comparison.record())
    comparison = time_alone(comparison, runner, reporter)
    if on_damaged_images((*request.columns, *request.verdict_on)):
        from .robustness import lacking, measure

        measure(lacking(comparison, runner.store), runner, reporter)
    return comparison


def _before_trials(
    plan: ExperimentPlan, schedule: InterimSchedule | None, now: datetime.datetime
) -> Comparison:
    """Return the comparison of a plan without runs, with what the store tells of earlier looks."""
    from convcompare.comparison.comparison import Comparison
    from convcompare.comparison.selection import namesakes
    from convcompare.comparison.unplanned_looks import earlier_looks, picked_seeds

    request = plan.request
    ids = [[trial.id for trial in plan.of(candidate)] for candidate in plan.candidates]
    return Comparison(
        plan.conditions,
        (),
        now.isoformat(timespec="seconds"),
        command_words(request),
        request.study,
        plan.baseline,
        schedule,
        unfinished=tuple((trial.label, trial.id) for trial in plan.trials),
        looked=earlier_looks(plan.store, ids, schedule.looks if schedule else ()),
        picked=None if schedule else picked_seeds(plan.store, plan.trials),
        verdict_on=request.verdict_on,
        name=request.name or "",
        namesakes=namesakes(plan.store, request.name, chain(*ids)) if request.name else (),
    )


def _run_trials(
    plan: ExperimentPlan, runner: TrialRunner, reporter: Reporter
) -> dict[str, tuple[Run, bool]]:
    """Run the trials; return for each id its run and whether that had ended before."""
    from .events import Ended, Started
    from .parallel_trials import longest_first
    from .trial_runner import execute

    ended: dict[str, tuple[Run, bool]] = {}
    damage: list[str] = []
    try:
        with (
            reporter.running(plan, runner) as observe,
            closing(execute(longest_first(plan), runner, plan.executor)) as events,
        ):
            for event in events:
                observe(event)
                if isinstance(event, Started) and event.damage:
                    damage.append(event.damage)
                if isinstance(event, Ended):
                    ended[event.run.id] = (event.run, event.reused)
    finally:
        for text in damage:
            reporter.warn(text)
    _warn_of_other_counts(plan, [run for run, reused in ended.values() if reused], reporter)
    return ended


def _warn_of_other_counts(plan: ExperimentPlan, reused: Sequence[Run], reporter: Reporter) -> None:
    """Warn of runs of an older version that have other MACs than are counted today."""
    today = {one.label: one.network.description.macs for one in plan.candidates}
    by_label = {run.trial.label: run for run in reused}
    for label, run in by_label.items():
        if run.cost.macs != today.get(label, run.cost.macs):
            then, now = (
                "not counted" if macs is None else formatting.large(macs)
                for macs in (run.cost.macs, today[label])
            )
            reporter.warn(
                f"the runs of {quote(label)} are from a version that counted {then} MACs; today "
                f"they are {now}",
                "`--fresh` trains it again",
            )


def expected_epoch_seconds(plan: ExperimentPlan, runner: TrialRunner) -> Mapping[str, float]:
    """Return seconds per epoch by label, from one step of each network with missing trials."""
    missing = [trial for trial in plan.trials if not plan.store.finished(trial.id)]
    first = {trial.label: trial for trial in reversed(missing)}
    expected = {}
    for label, trial in first.items():
        with suppress(Exception):  # the trial itself will fail with it and report it
            expected[label] = epoch_seconds(trial, runner, steps=1)
    return expected


@dataclass(frozen=True)
class PartOutcome:
    """Outcome of a part of a plan.

    Attributes:
        trials: Number of its trials.
        ran: Number of trials that ran now.
        failed: Number of trials that did not finish.
    """

    trials: int
    ran: int
    failed: int


def part_of(plan: ExperimentPlan) -> ExperimentPlan:
    """Return the plan with only the trials of its part.

    A worker has all trials in a random order, so that workers that start at the same time each
    begin with a different one.
    """
    if plan.request.shard:
        return replace(plan, trials=plan.request.shard.pick(plan.trials))
    return replace(plan, trials=random.sample(plan.trials, len(plan.trials)))


def run_part(plan: ExperimentPlan, reporter: Reporter) -> PartOutcome:
    """Run the requested part of a plan; only runs are written."""
    reporter.planned(plan)
    part = part_of(plan)
    if plan.request.fresh:
        start_over(part)
    ended: Sequence[tuple[Run, bool]] = [*_run_trials(part, part.runner(), reporter).values()]
    ran = sum(not reused for _, reused in ended)
    failed = sum(run.status != "finished" for run, _ in ended)
    return PartOutcome(len(part.trials), ran, failed)
