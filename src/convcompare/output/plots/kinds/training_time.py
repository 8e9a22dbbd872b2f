"""Training time of each model, per epoch and in total."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean
from typing import TYPE_CHECKING

from convcompare.core import formatting
from convcompare.core.errors import UsageError
from convcompare.core.registry import register

from ..figure import Drawing, log_axis, model_rows, side_text
from ..terminal import bars

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from convcompare.comparison.model_runs import ModelRuns
    from convcompare.store.run import Run

    from ..source import Source

WIDE = 20
"""Ratio of the slowest to the fastest from which the axis is logarithmic."""
COLUMNS = ("model", "seed", "epoch_seconds", "train_seconds", "processor", "device", "threads")


def timed(source: Source) -> list[ModelRuns]:
    """Return the models of which all runs have a time measured alone.

    Raises:
        UsageError: If there are none.
    """
    found = [g for g in source.groups if all(run.train_seconds is not None for run in g.finished)]
    if not found:
        raise UsageError(
            "none of these runs was timed alone on the device", "repeat the command that made them"
        )
    return found


def _terminal(source: Source, width: int) -> str:
    groups = _fastest_first(timed(source))
    means = {group.label: fmean(map(whole, group.finished)) for group in groups}
    title = ("training alone, mean of the seeds", _mixed(groups))
    return bars(means, width, " · ".join(filter(None, title)), formatting.seconds)


@register.plot("time", terminal=_terminal, about=("time",), hollow=True)
def training_time(source: Source) -> list[Drawing]:
    """Training time per epoch and of the whole training, every seed a dot."""
    groups = timed(source)
    ordered = _fastest_first(groups)
    figure, axes = model_rows([source.looks[group.label] for group in ordered], 2)
    for one, figure_of, title in zip(
        axes, (per_epoch, whole), ("epoch (median)", "whole training"), strict=True
    ):
        _panel(one, source, ordered, figure_of)
        one.set_title(title)
    untimed = [group.label for group in source.groups if group not in groups]
    caption = (
        "Time of training alone, without evaluation, analyses and saving. A dot is a seed, a bar "
        "the mean of the seeds: on the left of the median epoch, on the right of the whole "
        "training. A logarithmic axis, which has no zero, has ticks instead of bars. The fastest "
        "network is at the top."
    )
    missing = f" Never timed alone: {', '.join(untimed)}." if untimed else ""
    mixed = _mixed(groups)
    warning = f" They do not compare: {mixed}." if mixed else ""
    ends = "; ".join(
        f"{g.label} {formatting.seconds(fmean(map(whole, g.finished)))}" for g in groups
    )
    rows = [
        (
            group.label, run.trial.seed, per_epoch(run), whole(run),
            run.timed_in.processor, run.timed_in.device, run.timed_in.threads,
        )
        for group in groups
        for run in group.finished
    ]  # fmt: skip
    alt = f"Training time, mean of the seeds: {ends}."
    return [Drawing("time", figure, caption + missing + warning, COLUMNS, rows, alt, _key(source))]


def per_epoch(run: Run) -> float:
    """Return the seconds of the run's median epoch."""
    return run.epoch_seconds or 0.0


def whole(run: Run) -> float:
    """Return the seconds of all epochs."""
    return run.train_seconds or 0.0


def _fastest_first(groups: Sequence[ModelRuns]) -> list[ModelRuns]:
    return sorted(groups, key=lambda group: fmean(map(whole, group.finished)))


def _panel(
    axes: Axes, source: Source, groups: Sequence[ModelRuns], figure: Callable[[Run], float]
) -> None:
    every = [figure(run) for group in groups for run in group.finished]
    shortest, longest = min(every), max(every)
    scale, unit = formatting.time_unit(longest)
    logarithmic = longest > WIDE * shortest > 0
    if logarithmic:
        axes.set_xscale("log")
        axes.set_xlim(shortest / scale / 1.1, 1.1 * longest / scale)
    else:
        axes.set_xlim(0, 1.06 * (longest / scale or 1.0))
    for y, group in enumerate(groups):
        mean, look = fmean(map(figure, group.finished)) / scale, source.look(group, "time")
        if logarithmic:
            axes.plot([mean], [y], color=look.colour, marker="|", markersize=11, markeredgewidth=2)
        else:
            axes.barh(y, mean, height=0.62, **look.bar())
        for run in group.finished:
            style = source.look_of_run(group, run, "time")
            axes.plot([figure(run) / scale], [y], markersize=3.2, **style.dots())
        side_text(axes, y, f"{mean:#.3g}".rstrip("."))
    if logarithmic:
        log_axis(axes.xaxis, lambda value: f"{value:,g}")
    axes.set_xlabel(f"training time ({unit}{', logarithmic' if logarithmic else ''})")


def _key(source: Source) -> str:
    conditions = source.comparison.conditions
    after = {run.jobs > 1 for group in timed(source) for run in group.finished}
    some = "of some " if len(after) > 1 else ""
    when = f", {some}from steps after the trainings" if True in after else ""
    conditions_words = f"training alone on {conditions.device}, {conditions.precision}{when}"
    parts = ("bar or tick: mean", "dot: a seed", conditions_words, _mixed(timed(source)))
    return " · ".join(filter(None, parts))


def _mixed(groups: Sequence[ModelRuns]) -> str:
    """Describe differing machines or threads, whose times do not compare; empty if none differ."""
    timed_in = [run.timed_in for group in groups for run in group.finished]
    machines = {(one.processor, one.device, one.devices) for one in timed_in}
    threads = sorted({one.most_threads for one in timed_in})
    if len(machines) > 1:
        return f"times of {len(machines)} different machines"
    if len(threads) > 1:
        return f"times with {' and '.join(map(str, threads))} threads"
    return ""
