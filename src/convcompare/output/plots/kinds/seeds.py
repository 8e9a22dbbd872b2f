"""Every run as a dot: how much the seeds of a model differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convcompare.comparison.model_runs import ModelRuns
from convcompare.core.registry import register

from ..figure import Drawing, model_rows, side_text
from ..terminal import dots

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from convcompare.comparison.stats.estimates import Estimate

    from ..source import Source

COLUMNS = ("model", "seed", "run", "status", "test_accuracy", "mean", "low", "high")


def _terminal(source: Source, width: int) -> str:
    found = {g.label: [100 * value for value in accuracies(g)] for g in source.groups}
    return dots(found, width, "test accuracy (%), a dot a seed")


@register.plot("seeds", terminal=_terminal)
def seeds(source: Source) -> list[Drawing]:
    """Test accuracy of every run as a dot, with mean and interval of each model."""
    groups = source.comparison.groups
    figure, (axes,) = model_rows([source.looks[group.label] for group in groups], 1)
    images = source.comparison.conditions.test_images
    found = {group.label: group.test_accuracy(images) for group in groups}
    for y, group in enumerate(groups):
        look, estimate = source.looks[group.label], found[group.label]
        shown = [100 * value for value in accuracies(group)]
        axes.plot(shown, [y - 0.12] * len(shown), markersize=4.5, alpha=0.75, **look.dots())
        _interval(axes, estimate, y + 0.22, look.colour)
        side_text(axes, y, _words(group, estimate))
    _limits(axes, [100 * value for group in groups for value in accuracies(group)])
    axes.set_xlabel("test accuracy (%)")
    caption = (
        "Test accuracy after the epoch that counts: each run is a dot; below the dots mean and 95 "
        "% interval of the model, over the seeds, or over the test images where there is one run. "
        "An interval that reaches the edge goes on beyond it."
    )
    alt = "; ".join(f"{group.label} {_words(group, found[group.label])}" for group in groups)
    rows = [
        (
            group.label, run.trial.seed, run.id, run.status,
            run.test_accuracy if run.history and run.status == "finished" else None,
            *_figures(found[group.label]),
        )
        for group in groups
        for run in group.runs
    ]  # fmt: skip
    key = "dot: a run · tick and line: mean and 95 % interval"
    return [Drawing("seeds", figure, caption, COLUMNS, rows, f"Test accuracy: {alt}.", key)]


def accuracies(group: ModelRuns) -> list[float]:
    """Test accuracy of each finished run, after the epoch that counts."""
    return [run.test_accuracy for run in group.finished]


def _interval(axes: Axes, estimate: Estimate | None, y: float, colour: str) -> None:
    if estimate is None:
        return
    value = 100 * estimate.value
    axes.plot([value], [y], color=colour, marker="|", markersize=7, markeredgewidth=1.6)
    if estimate.low is not None and estimate.high is not None:
        axes.plot([100 * estimate.low, 100 * estimate.high], [y, y], color=colour, linewidth=1.2)


def _limits(axes: Axes, values: list[float]) -> None:
    """An axis for the dots: an interval much wider than they are must not squeeze them."""
    if not values:
        return
    low, high = min(values), max(values)
    room = max(high - low, 0.5)
    left, right = axes.get_xlim()
    axes.set_xlim(max(left, low - room, -1), min(right, high + room, 101))


def _words(group: ModelRuns, estimate: Estimate | None) -> str:
    """``95.97 ± 1.90, 1 of 3 diverged``."""
    parts = []
    if estimate is not None:
        half = estimate.half_width
        parts.append(
            f"{100 * estimate.value:.2f}" + ("" if half is None else f" ± {100 * half:.2f}")
        )
    if group.status != "finished":
        parts.append(group.status)
    return ", ".join(parts)


def _figures(estimate: Estimate | None) -> tuple[float | None, ...]:
    return (None,) * 3 if estimate is None else (estimate.value, estimate.low, estimate.high)
