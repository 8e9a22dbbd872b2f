"""The table of a comparison, with the columns of the reports and further requested ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from convcompare.comparison import fine_tuning_words
from convcompare.comparison.comparison import Comparison
from convcompare.comparison.doubts import mark_words
from convcompare.comparison.model_runs import ModelRuns, beside_training
from convcompare.comparison.score import Score
from convcompare.comparison.stats.estimates import FEWEST, LEVEL, Estimate
from convcompare.core import formatting
from convcompare.core.config import OF_EVERY_EPOCH
from convcompare.store.run import Run
from convcompare.store.run_store import RunStore

from .cells import Context, Figure
from .columns import NOTES, chosen
from .table import Caution, Column, Table

NUMBER = Column("number", "№", priority=8)
MODEL = Column("model", "model", "left", names=True, priority=-1)
STATUS = Column("status", "status", "left", priority=0)
RUNS = Column("runs", "runs", exported=True)
MACS = Column("macs", "MACs", exported=True)


def comparison_table(comparison: Comparison, store: RunStore, names: Sequence[str] = ()) -> Table:
    """Return a table with a row per model: means over the seeds of the selected epoch's figures.

    `names` are columns of `columns.EXTRA` in addition to those of the reports.
    """
    figures = chosen(names, comparison)
    context = Context(comparison, store)
    rows = tuple(
        _row(number, group, figures, context)
        for number, group in enumerate(comparison.groups, start=1)
    )
    good = {i for i, group in enumerate(comparison.groups) if group.status == "finished"}
    columns = [NUMBER, MODEL]
    for figure in figures:
        columns += [figure.column, *_limits(figure)]
    if "macs" not in names:
        columns.append(MACS)
    all_good = len(good) == len(rows)
    columns += [RUNS, dataclasses.replace(STATUS, exported=all_good)]
    unranked = frozenset(range(len(rows))) - good
    doubted = frozenset(
        (place, figure.column.key)
        for place, group in enumerate(comparison.groups)
        for figure in figures
        if figure.about in group.doubted and figure.column.best
    )
    conditions, *further = notes(comparison)
    further = [*(NOTES[name] for name in names if name in NOTES), *further]
    further += uncounted((group.label, group.uncounted) for group in comparison.groups)
    further += not_evaluated(comparison.groups, names)
    return Table(tuple(columns), rows, (conditions, *further), unranked, doubted, noun="models")


def uncounted(models: Iterable[tuple[str, Sequence[str]]]) -> list[str]:
    """Return a note per model with operators whose MACs were not counted."""
    return [
        Caution(f"MACs of {label} not counted: {', '.join(names)}")
        for label, names in models if names
    ]  # fmt: skip


def not_evaluated(groups: Sequence[ModelRuns], names: Iterable[str]) -> list[str]:
    """Return a note per column that needs every epoch, with the models that lack some."""
    lacking = [g.label for g in groups if any(run.accuracies is None for run in g.finished)]
    per_epoch = [name for name in names if name.partition("=")[0] in OF_EVERY_EPOCH]
    return [
        Caution(f"{name} of {', '.join(lacking)} not recorded: trained with `--evaluate last`")
        for name in per_epoch if lacking
    ]  # fmt: skip


def in_doubt(groups: Sequence[ModelRuns]) -> list[str]:
    """Return a note on the models that are not ranked, with the marks of their runs."""
    found = []
    shown = [group for group in groups if group.finished and not group.remark]
    for about, figures in (("accuracy", "losses and accuracies"), ("time", "times")):
        words = mark_words(
            [(group.label, group.doubted.get(about, frozenset())) for group in shown]
        )
        if words and len(groups) > 1:
            found.append(f"{figures} ({words})")
    return [f"in doubt, not ranked: {'; '.join(found)}"] if found else []


def _limits(figure: Figure) -> list[Column]:
    """Return the columns of the ends of an interval, for programs."""
    if not figure.is_estimate:
        return []
    return [
        Column(f"{figure.column.key}_{end}", f"{figure.column.title}, {end}", exported=True)
        for end in ("low", "high")
    ]


def _row(
    number: int, group: ModelRuns, figures: Sequence[Figure], context: Context
) -> dict[str, Any]:
    row: dict[str, Any] = {"number": number, "model": group.label, "macs": group.macs}
    for figure in figures:
        key, value = figure.column.key, figure.value(group, context)
        row[key] = value
        if isinstance(value, Estimate):
            row[f"{key}_low"], row[f"{key}_high"] = value.low, value.high
    return {**row, "runs": len(group.finished), "status": group.status}


def notes(comparison: Comparison) -> list[str]:
    """Return the notes under the table: conditions and meaning of the figures."""
    conditions = comparison.conditions
    time = f"time: {time_words(comparison)}"
    kept = sum(group.reused for group in comparison.groups)
    total = len(comparison.runs)
    found = [
        Caution(f"{_basis(comparison)} · {conditions.test_split}, after {conditions.selected}"),
        Caution(time) if _is_mixed(comparison) else time,
    ]
    if conditions.cut:
        found.append(Caution(f"trained on {conditions.trained_on}"))
    words = Score.parse(conditions.score).words
    if words and comparison.seeds > 1:
        found.append(Caution(f"verdicts and score: {words}"))
    found += map(Caution, conditions.notes)
    for group in comparison.groups:
        run = group.runs[0]
        lines = fine_tuning_words.words(group.label, run.initial_weights, run.frozen)
        found += map(Caution, lines)
    found += map(Caution, in_doubt(comparison.groups))
    found += map(Caution, _partly_compiled(comparison.groups))
    if kept:
        which = "all runs are" if kept == total else f"{kept} of {total} runs are"
        found.append(Caution(f"{which} from earlier calls (`--fresh` trains them again)"))
    return [*found, _excluded_times(comparison)]


def _basis(comparison: Comparison) -> str:
    """Describe what figures are means of, and the source of their intervals."""
    fewest, most = comparison.counted_seeds
    level = f"{100 * LEVEL:.0f} %"
    over_images = f"over {formatting.count(comparison.conditions.test_images)} test images"
    if most == 1:
        return f"one seed, {level} interval {over_images}"
    of_one = f"; of one seed {over_images}" if fewest == 1 else ""
    seeds = formatting.span(fewest, most)
    if most < FEWEST:
        return f"mean of {seeds} seeds; an interval over seeds takes {FEWEST}{of_one}"
    enough = f" from {FEWEST} seeds on" if fewest < FEWEST else ""
    return f"mean of {seeds} seeds, {level} interval{enough}{of_one}"


def time_words(comparison: Comparison) -> str:
    """Describe the source of the times: trainings themselves, or steps measured after them."""
    conditions = comparison.conditions
    runs = comparison.finished
    shared = [run for run in runs if run.jobs > 1]
    if not shared:
        return f"training alone on {conditions.device}, {conditions.precision}"
    jobs = max(run.jobs for run in shared)
    timed = [run for run in shared if run.timing]
    parts = []
    if len(shared) < len(runs):
        parts.append(f"of {len(runs) - len(shared)} of {len(runs)} runs their training, alone")
    if timed:
        of = "of the others " if parts else ""
        parts.append(f"{of}{_measured(timed)}, after the trainings (which ran {jobs} at a time)")
    if len(timed) < len(shared):
        lacking = len(shared) - len(timed)
        parts.append(f"none of {lacking} that ran {jobs} at a time (the same command measures it)")
    return "; ".join(parts) + f" · {conditions.precision}"


def _is_mixed(comparison: Comparison) -> bool:
    """Return whether some runs have no time, or one measured in another way than the others."""
    runs = comparison.finished
    return len({(run.jobs > 1, run.timing is not None) for run in runs}) > 1 or any(
        run.jobs > 1 and run.timing is None for run in runs
    )


def _partly_compiled(groups: Iterable[ModelRuns]) -> Iterator[str]:
    """Yield a note per network of which only some runs have compiled steps."""
    for group in groups:
        runs = [run for run in group.finished if run.jobs == 1]
        compiled = sum(run.environment.compiled for run in runs)
        if 0 < compiled < len(runs):
            yield (
                f"the steps of {group.label} were compiled in {compiled} of {len(runs)} runs, "
                "so that their times differ"
            )


def _measured(timed: Sequence[Run]) -> str:
    """Describe how many steps of each run were timed, and on which hardware."""
    timings = [run.timing for run in timed if run.timing]
    steps = sorted({timing.n for timing in timings})
    many = formatting.span(steps[0], steps[-1])
    places = dict.fromkeys(
        f"{place.device}, {formatting.several(place.most_threads, 'thread')}"
        for place in (timing.environment for timing in timings)
    )
    which = "each run" if len(timed) > 1 else "the run"
    plain = "plain " * any(run.environment.compiled for run in timed)
    return f"scaled from {many} {plain}steps of {which} timed alone on {' and '.join(places)}"


def _excluded_times(comparison: Comparison) -> str:
    runs = comparison.runs
    parts = {"loading": comparison.conditions.loading_seconds, **beside_training(runs)}
    together = ", several at a time" if any(run.jobs > 1 for run in runs) else ""
    return f"not in the time{together}: " + ", ".join(
        f"{n} {formatting.seconds(value)}" for n, value in parts.items()
    )
