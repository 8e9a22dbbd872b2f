"""Training time of each model, by epoch and as a whole."""

from __future__ import annotations

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
    from ..style import ModelStyle

WIDE = 20
"""From so large a ratio of the slowest to the fastest on, the axis is logarithmic."""
COLUMNS = ("model", "seed", "epoch_seconds", "train_seconds", "processor", "device", "threads")


def timed(source: Source) -> list[ModelRuns]:
    """The models all of whose runs have a time of their own; UsageError where there is none."""
    found = [g for g in source.groups if all(run.train_seconds is not None for run in g.finished)]
    if not found:
        raise UsageError(
            "no run of these was timed with the device alone", "the command that made them does it"
        )
    return found


def _terminal(source: Source, width: int) -> str:
    means = {group.label: fmean(map(whole, group.finished)) for group in timed(source)}
    return bars(means, width, "training alone, mean of the seeds", formatting.seconds)


@register.plot("time", terminal=_terminal)
def training_time(source: Source) -> list[Drawing]:
    """Training time per epoch and of the whole training, every seed a dot."""
    groups = timed(source)
    shown = [source.looks[group.label] for group in groups]
    figure, axes = model_rows(shown, 2)
    for one, figure_of, title in zip(
        axes, (per_epoch, whole), ("an epoch (median)", "whole training"), strict=True
    ):
        values = [[figure_of(run) for run in group.finished] for group in groups]
        _panel(one, values, shown)
        one.set_title(title)
    untimed = [group.label for group in source.groups if group not in groups]
    caption = (
        "Time of the training alone: evaluation, analyses and saving are apart. "
        "The bar is the mean of the seeds, each of which is a dot; on the left a seed's median "
        "epoch, on the right all its epochs together. A logarithmic axis, which has no zero, "
        "shows ticks instead of bars."
    )
    missing = f" Never timed alone: {', '.join(untimed)}." if untimed else ""
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
    return [
        Drawing(
            "time", figure, caption + missing + _mixed(groups), COLUMNS, rows, alt, _key(source)
        )
    ]


def per_epoch(run: Run) -> float:
    """Seconds of the run's median epoch."""
    return run.epoch_seconds or 0.0


def whole(run: Run) -> float:
    """Seconds of all epochs."""
    return run.train_seconds or 0.0


def _panel(axes: Axes, values: list[list[float]], shown: list[ModelStyle]) -> None:
    every = [value for seeds in values for value in seeds]
    scale, unit = formatting.time_unit(max(every))
    logarithmic = max(every) > WIDE * min(every) > 0
    for y, (seeds, look) in enumerate(zip(values, shown, strict=True)):
        mean = fmean(seeds) / scale
        if logarithmic:
            axes.plot([mean], [y], color=look.colour, marker="|", markersize=11, markeredgewidth=2)
        else:
            axes.barh(y, mean, height=0.62, **look.bar())
        points = [value / scale for value in seeds]
        axes.plot(points, [y] * len(points), markersize=3.2, **look.dots())
        side_text(axes, y, f"{mean:#.3g}".rstrip("."))
    if logarithmic:
        axes.set_xscale("log")
        log_axis(axes.xaxis, lambda value: f"{value:g}")
    else:
        axes.set_xlim(0, 1.06 * max(every) / scale)
    axes.set_xlabel(f"training time ({unit}{', logarithmic' if logarithmic else ''})")


def _key(source: Source) -> str:
    conditions = source.comparison.conditions
    after = {run.jobs > 1 for group in timed(source) for run in group.finished}
    some = "of some " if len(after) > 1 else ""
    when = f", {some}from steps after the trainings" if True in after else ""
    where = f"training alone on {conditions.device}, {conditions.precision}{when}"
    return f"bar or tick: mean · dot: a seed · {where}{_mixed(timed(source))}"


def _mixed(groups: list[ModelRuns]) -> str:
    """Times of different machines must not pass for comparable ones."""
    places = {
        (e.processor, e.device, e.devices, e.most_threads)
        for group in groups
        for e in (run.timed_in for run in group.finished)
    }
    return f" These times are of {len(places)} different machines!" if len(places) > 1 else ""
