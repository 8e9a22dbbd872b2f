"""Every run as a dot: how much the seeds of a model differ."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from convcompare.comparison import estimate_words
from convcompare.comparison.model_runs import ModelRuns
from convcompare.core.registry import register

from ..figure import Drawing, model_rows, side_text
from ..limits import LEAST_POINTS, PERCENT, arrow_in_row, bulk, padded, percent_interval
from ..terminal import dots

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from convcompare.comparison.stats.estimates import Estimate

    from ..source import Source

COLUMNS = ("model", "seed", "run", "status", "test_accuracy", "mean", "low", "high")


def _terminal(source: Source, width: int) -> str:
    groups = _best_first(source.groups, source)
    found = {g.label: [100 * value for value in accuracies(g)] for g in groups}
    return dots(found, width, "test accuracy (%), one dot per seed")


@register.plot("seeds", terminal=_terminal, hollow=True)
def seeds(source: Source) -> list[Drawing]:
    """Test accuracy of every run as a dot, with mean and interval of each network."""
    groups = _best_first(source.comparison.groups, source)
    figure, (axes,) = model_rows([source.looks[group.label] for group in groups], 1)
    images = source.comparison.conditions.test_images
    found = {group.label: group.test_accuracy(images) for group in groups}
    _limits(axes, groups, found)
    for y, group in enumerate(groups):
        look, estimate = source.looks[group.label], found[group.label]
        for run in group.finished:
            style = source.look_of_run(group, run, "accuracy").dots()
            axes.plot([100 * run.test_accuracy], [y - 0.12], markersize=4.5, alpha=0.75, **style)
        values = [100 * value for value in accuracies(group)]
        arrow_in_row(axes, y - 0.12, values, look.colour, "{:.2f}".format)
        _interval(axes, estimate, y + 0.22, look.colour)
        side_text(axes, y, _words(group, estimate))
    axes.set_xlabel("test accuracy (%)")
    caption = (
        "Test accuracy after the epoch that counts: each run is a dot; below the dots mean and 95 "
        "% interval of the model, over the seeds, or over the test images if there is one run. "
        "The best network is at the top. An arrow marks what lies beyond the axis."
    )
    alt = "; ".join(f"{group.label} {_words(group, found[group.label])}" for group in groups)
    rows = [
        (
            group.label, run.trial.seed, run.id, run.status,
            run.test_accuracy if run.history and run.status == "finished" else None,
            *_figures(found[group.label]),
        )
        for group in source.comparison.groups
        for run in group.runs
    ]  # fmt: skip
    key = "dot: a run · tick and line: mean and 95 % interval"
    return [Drawing("seeds", figure, caption, COLUMNS, rows, f"Test accuracy: {alt}.", key)]


def accuracies(group: ModelRuns) -> list[float]:
    """Return the test accuracy of each finished run, after the selected epoch."""
    return [run.test_accuracy for run in group.finished]


def _interval(axes: Axes, estimate: Estimate | None, y: float, colour: str) -> None:
    if estimate is None:
        return
    value = 100 * estimate.value
    axes.plot([value], [y], color=colour, marker="|", markersize=7, markeredgewidth=1.6)
    if ends := percent_interval(estimate):
        axes.plot(ends, [y, y], color=colour, linewidth=1.2)
        arrow_in_row(axes, y, ends, colour, None)


def _limits(axes: Axes, groups: Sequence[ModelRuns], found: Mapping[str, Estimate | None]) -> None:
    """Limit an axis to the bulk of the dots and intervals."""
    spans = []
    for group in groups:
        estimate = found[group.label]
        ends = percent_interval(estimate) if estimate else None
        values = [100 * value for value in accuracies(group)] + [*(ends or ())]
        spans += [(min(values), max(values))] if values else []
    if shown := bulk(spans, LEAST_POINTS):
        axes.set_xlim(padded(shown, LEAST_POINTS, PERCENT))


def _best_first(groups: Sequence[ModelRuns], source: Source) -> list[ModelRuns]:
    """Return the models by mean accuracy, those without one last."""
    images = source.comparison.conditions.test_images

    def rank(group: ModelRuns) -> float:
        estimate = group.test_accuracy(images)
        return -estimate.value if estimate else math.inf

    return sorted(groups, key=rank)


def _words(group: ModelRuns, estimate: Estimate | None) -> str:
    """Return ``95.97 ± 1.90, 1 of 3 diverged``."""
    parts = []
    if estimate is not None:
        parts.append(estimate_words.share(estimate, 100, 2))
    if group.status != "finished":
        parts.append(group.status)
    return ", ".join(parts)


def _figures(estimate: Estimate | None) -> tuple[float | None, ...]:
    return (None,) * 3 if estimate is None else (estimate.value, estimate.low, estimate.high)
