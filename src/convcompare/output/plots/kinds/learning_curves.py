"""Loss and accuracy by epoch: each model in its own panels, and all on one axis."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from convcompare.core import formatting
from convcompare.core.registry import register

from ..end_labels import name_models
from ..figure import Drawing, count_axis, outer_labels, panels
from ..limits import LEAST_POINTS, PERCENT, arrows_of_curves, of_curves, padded, plain_number
from ..style import BAND, BAND_KEY, draw_band
from ..terminal import curves

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from convcompare.comparison.model_runs import ModelRuns
    from convcompare.store.run import Run

    from ..source import Source
    from ..style import ModelStyle

PALE = "marked line: test · pale line: train"
MOST_WITH_TRAIN = 6
"""Number of models on one axis up to which their train lines are drawn, too."""
WITHIN = {"loss": (0.0, math.inf), "accuracy": PERCENT}
PARTS = ("train", "test")
LEAST = {"loss": 0.02, "accuracy": LEAST_POINTS}
"""Smallest span of an axis in nats, and in percentage points."""
COLUMNS = (
    "model", "seed", "epoch", "train_loss", "test_loss", "train_accuracy", "test_accuracy"
)  # fmt: skip


MEASURED = (
    " Test figures are those of the epochs after which the test images were evaluated "
    "(`--evaluate last`)."
)


@dataclass(frozen=True)
class Band:
    """A figure of all seeds of a model by epoch: mean, lowest and highest.

    NaN after an epoch in which one of the seeds was not measured.
    """

    mean: npt.NDArray[np.float64]
    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]


def band(runs: Sequence[Run], figure: str) -> Band:
    """Return the band of a figure, by its name in `Epoch`; accuracies are in per cent."""
    scale = 100 if figure.endswith("accuracy") else 1
    found = [[getattr(epoch, figure) for epoch in run.history] for run in runs]
    values = scale * np.array(found, dtype=np.float64)  # None becomes NaN
    return Band(values.mean(0), values.min(0), values.max(0))


def measured(runs: Sequence[Run], figure: str) -> npt.NDArray[np.bool_]:
    """Return after which epochs all runs of a model have a figure: bool (epochs,).

    `figure` is its name in `Epoch`.
    """
    found = [[getattr(epoch, figure) is not None for epoch in run.history] for run in runs]
    there: npt.NDArray[np.bool_] = np.logical_and.reduce(found)
    return there


def measured_words(groups: Iterable[ModelRuns]) -> str:
    """Return a caption if not all epochs were evaluated, otherwise an empty text."""
    whole = all(run.accuracies is not None for group in groups for run in group.finished)
    return "" if whole else MEASURED


def _terminal(source: Source, width: int, what: str) -> str:
    """Return the test figure of every model by epoch, for a terminal."""
    lines = {g.label: band(g.finished, f"test_{what}").mean for g in source.groups}
    mean = ", mean of the seeds" if any(len(g.finished) > 1 for g in source.groups) else ""
    return curves(lines, width, f"test {_with_unit(what)}{mean}", "epoch", LEAST[what])


@register.plot(
    "learning-curves",
    terminal=lambda source, width: "\n\n".join(
        _terminal(source, width, what) for what in ("loss", "accuracy")
    ),
    hollow=True,
)
def learning_curves(source: Source) -> list[Drawing]:
    """Loss and accuracy by epoch, on train and test images, two panels per network."""
    groups = source.groups
    across = 2 if len(groups) <= 3 else 4
    figure, axes = panels(2 * len(groups), across, 2.0 if across == 2 else 1.5)
    for i, group in enumerate(groups):
        look = source.look(group, "accuracy")
        pair = axes[2 * i : 2 * i + 2]
        for one, what in zip(pair, ("loss", "accuracy"), strict=True):
            _draw(one, group.finished, what, look)
            _limit([one], groups, what, PARTS)
            _arrows(one, [group], what, PARTS, source)
            one.set_ylabel(_with_unit(what))
            one.set_xlabel("epoch" if i >= len(groups) - across // 2 else "")
        pair[0].set_title(look.name)
    caption = (
        "Loss and accuracy of each network by epoch. Train figures are means over the batches of "
        "the epoch, while the weights change; test figures are measured after it. "
        "The band reaches from the lowest to the highest seed. An arrow marks a curve that "
        "leaves the axis, with its farthest value."
    ) + measured_words(groups)
    key = f"{PALE} · {BAND_KEY}"
    return [
        Drawing("learning-curves", figure, caption, COLUMNS, list(_rows(source)), _alt(source), key)
    ]


@register.plot(
    "accuracy", terminal=lambda source, width: _terminal(source, width, "accuracy"), hollow=True
)
def accuracy(source: Source) -> list[Drawing]:
    """Accuracy by epoch of all networks on one axis."""
    return [_together(source, "accuracy")]


@register.plot("loss", terminal=lambda source, width: _terminal(source, width, "loss"), hollow=True)
def loss(source: Source) -> list[Drawing]:
    """Loss by epoch of all networks on one axis."""
    return [_together(source, "loss")]


def _together(source: Source, what: str) -> Drawing:
    figure, axes = panels(1, 1, 3.2)
    parts = PARTS if len(source.groups) <= MOST_WITH_TRAIN else ("test",)
    for group in source.groups:
        _draw(axes[0], group.finished, what, source.look(group, "accuracy"), parts)
    _limit(axes, source.groups, what, parts)
    _arrows(axes[0], source.groups, what, parts, source)
    outer_labels(axes, 1, "epoch", _with_unit(what))
    ends = [(source.look(g, "accuracy"), band(g.finished, f"test_{what}").mean[-1])
            for g in source.groups]  # fmt: skip
    name_models(figure, axes, ends)
    caption = (
        f"{what.capitalize()} of all networks by epoch. The band reaches from the lowest to the "
        "highest seed. An arrow marks a curve that leaves the axis, with its farthest value."
    ) + measured_words(source.groups)
    shown = PALE if len(parts) == 2 else "test figures (for train see learning-curves)"
    return Drawing(
        what, figure, caption, COLUMNS, list(_rows(source)), _alt(source), f"{shown} · {BAND_KEY}"
    )


def _draw(
    axes: Axes,
    runs: Sequence[Run],
    what: str,
    look: ModelStyle,
    parts: Sequence[str] = PARTS,
) -> None:
    for part in parts:
        values, there = band(runs, f"{part}_{what}"), measured(runs, f"{part}_{what}")
        epochs = np.array(_passes(runs))[there]
        style: dict[str, Any] = look.line() | {"markevery": max(1, len(epochs) // 12)}
        if part == "train":
            style |= {"alpha": 0.4, "marker": "" if len(epochs) > 1 else "x", "linewidth": 1.0}
        axes.plot(epochs, values.mean[there], **style)
        alpha = BAND if part == "test" else 0.08
        draw_band(axes, look, epochs, values.low[there], values.high[there], alpha)
    count_axis(axes.xaxis)


def _passes(runs: Sequence[Run]) -> list[float]:
    """Return the passes over the training images after each epoch of a model."""
    return list(itertools.accumulate(epoch.share for epoch in runs[0].history))


def _reach(group: ModelRuns, what: str, parts: Sequence[str]) -> npt.NDArray[np.float64]:
    """Return (lowest, highest) of what is drawn of a model by epoch: (epochs, 2).

    NaN if nothing is drawn.
    """
    bands = [band(group.finished, f"{part}_{what}") for part in parts]
    low = np.fmin.reduce([one.low for one in bands])
    high = np.fmax.reduce([one.high for one in bands])
    return np.stack([low, high], axis=1)


def _limit(
    axes: Sequence[Axes], groups: Sequence[ModelRuns], what: str, parts: Sequence[str]
) -> None:
    """Limit all panels to the same axis, for the bulk of the models."""
    least = LEAST[what]
    if shown := of_curves([_reach(group, what, parts) for group in groups], least):
        for one in axes:
            one.set_ylim(padded(shown, least, WITHIN[what]))


def _arrows(
    axes: Axes, groups: Sequence[ModelRuns], what: str, parts: Sequence[str], source: Source
) -> None:
    curves = [
        (source.looks[group.label].colour, _passes(group.finished), _reach(group, what, parts))
        for group in groups
    ]
    arrows_of_curves(axes, curves, plain_number)


def _with_unit(what: str) -> str:
    return "loss (nats)" if what == "loss" else "accuracy (%)"


def _rows(source: Source) -> Iterator[tuple[object, ...]]:
    for group in source.groups:
        for run in group.finished:
            for epoch in run.history:
                figures = (getattr(epoch, column) for column in COLUMNS[2:])
                yield (group.label, run.trial.seed, *figures)


def _alt(source: Source) -> str:
    """Describe the last epoch of every model."""
    ends = []
    for group in source.groups:
        last = {
            what: band(group.finished, f"test_{what}").mean[-1] for what in ("loss", "accuracy")
        }
        loss = formatting.fraction(last["loss"])
        ends.append(f"{group.label} {last['accuracy']:.2f} % at a loss of {loss}")
    lengths = sorted({len(group.finished[0].history) for group in source.groups})
    after = f"epoch {lengths[0]}" if len(lengths) == 1 else "the last epoch"
    return f"Test accuracy and loss after {after}, mean of the seeds: {'; '.join(ends)}."
