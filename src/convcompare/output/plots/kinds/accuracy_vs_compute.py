"""Accuracy during training against the cost up to then."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from convcompare.comparison.doubts import ABOUT
from convcompare.core import formatting
from convcompare.core.config import TRAINING_PASSES
from convcompare.core.registry import register
from convcompare.store.run import Run

from ..end_labels import name_models
from ..figure import GREY, Drawing, inches, log_axis, panels
from ..limits import LEAST_POINTS, PERCENT, arrows_of_curves, of_curves, padded, plain_number
from ..style import BAND_KEY, draw_band
from .accuracy_vs_cost import CostAxis
from .learning_curves import Band, band, measured, measured_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..source import Source

Values = npt.NDArray[np.float64]
GRID = 400
"""Number of budgets at which the leader is determined, evenly on the logarithmic axis."""
STRIP = 0.035
"""Height of the strip that names the leader, as a share of the panel."""
NAME_SIZE = 7
"""Size of the names above the strip in points."""
MARKED = 0.02
"""Smallest stretch with room for the marker of its model, as a share of the axis."""


@dataclass(frozen=True)
class Stretch:
    """Budgets from `start` to `end` at which the same model leads."""

    label: str
    start: float
    end: float


def macs_of_epochs(source: Source, run: Run) -> list[float] | None:
    """Return the multiply-accumulates of each epoch; None if they could not be counted."""
    macs = run.cost.macs
    if macs is None:
        return None
    each = TRAINING_PASSES * macs * source.train_images(run)
    return [each * epoch.share for epoch in run.history]


def seconds_of_epochs(_: Source, run: Run) -> list[float] | None:
    """Return the training seconds of each epoch; None for a run that never had the device alone."""
    if run.timing:
        return [run.timing.epoch_seconds * epoch.share for epoch in run.history]
    return [epoch.train_seconds for epoch in run.history] if run.jobs == 1 else None


AXES = (  # their values: the cost of each epoch of a run
    CostAxis("training_macs", "MACs of training", macs_of_epochs, formatting.large),
    CostAxis("training_seconds", "seconds of training", seconds_of_epochs, "{:,g}".format, ABOUT),
)


@register.plot("accuracy-vs-compute", about=("accuracy", "time"), hollow=True)
def accuracy_vs_compute(source: Source) -> list[Drawing]:
    """Test accuracy along the training, against its MACs and seconds, and which network leads."""
    figure, axes = panels(len(AXES), 2, 3.0, sharey=True)
    bands = {group.label: band(group.finished, "test_accuracy") for group in source.groups}
    there = {group.label: measured(group.finished, "test_accuracy") for group in source.groups}
    spent = {axis.name: _spent(source, axis) for axis in AXES}
    leads: dict[str, list[Stretch]] = {}
    for one, axis in zip(axes, AXES, strict=True):
        known = spent[axis.name]
        _curves(one, known, bands, source, axis)
        one.set_xlabel(axis.title)
        leads[axis.name] = ahead(
            {
                label: (x[there[label]], bands[label].mean[there[label]])
                for label, x in known.items()
            }
        )
        strip(one, leads[axis.name], source)
    outer = [np.stack([found.low, found.high], axis=1) for found in bands.values()]
    if ends := of_curves(outer, LEAST_POINTS):
        axes[0].set_ylim(padded(ends, LEAST_POINTS, PERCENT))
    for one, axis in zip(axes, AXES, strict=True):
        for label, x in spent[axis.name].items():
            reach = np.stack([bands[label].low, bands[label].high], axis=1)
            arrows_of_curves(one, [(source.looks[label].colour, list(x), reach)], plain_number)
    axes[0].set_ylabel("test accuracy (%)")
    ends_of = [(source.look(g, "accuracy"), bands[g.label].mean[-1]) for g in source.groups]
    name_models(figure, axes[-1:], ends_of)
    caption = (
        "Test accuracy after each epoch against the cost of the training until then, on "
        "logarithmic axes: 3 × MACs × images, and seconds of training alone. The band reaches "
        "from the lowest to the highest seed. The strip names the model with the highest mean at "
        "each budget; it is no verdict. Under a falling schedule, a shorter training "
        "would end higher than its curve shows here."
    ) + measured_words(source.groups)
    key = f"{BAND_KEY} · strip: network with the highest mean"
    columns = ("model", "seed", "epoch", *(axis.name for axis in AXES), "test_accuracy")
    rows = list(_rows(source))
    return [Drawing("accuracy-vs-compute", figure, caption, columns, rows, _alt(leads), key)]


def _spent(source: Source, axis: CostAxis) -> dict[str, Values]:
    """Return the cost of each model after each epoch, as a mean over its seeds, if known."""
    found = {}
    for group in source.groups:
        costs = [axis.value(source, run) for run in group.finished]
        known = [cost for cost in costs if cost is not None]
        if len(known) == len(costs):
            found[group.label] = np.cumsum(np.mean(known, axis=0))
    return found


def _curves(
    axes: Axes,
    spent: Mapping[str, Values],
    bands: Mapping[str, Band],
    source: Source,
    axis: CostAxis,
) -> None:
    for group in source.groups:
        if (x := spent.get(group.label)) is None:
            continue
        found, look = bands[group.label], source.look(group, *axis.about)
        there = measured(group.finished, "test_accuracy")
        x, mean = x[there], found.mean[there]
        axes.plot(x, mean, **(look.line() | {"markevery": max(1, len(x) // 12)}))
        draw_band(axes, look, x, found.low[there], found.high[there])
    if spent:
        axes.set_xscale("log")
        log_axis(axes.xaxis, axis.show)
    else:
        axes.text(0.5, 0.5, "not known", transform=axes.transAxes, ha="center", color=GREY)


def ahead(curves: Mapping[str, tuple[Values, Values]]) -> list[Stretch]:
    """Return which curve is highest, from the cheapest budget that two of them have reached.

    Between its points a curve is straight on a logarithmic axis; before its first and after its
    last point it does not exist.

    Args:
        curves: Cost, in rising order, and figure of each model.
    """
    if len(curves) < 2:
        return []
    low, high = min(x[0] for x, _ in curves.values()), max(x[-1] for x, _ in curves.values())
    grid = np.geomspace(low, high, GRID)
    there = np.array(
        [
            np.interp(np.log(grid), np.log(x), y, left=np.nan, right=np.nan)
            for x, y in curves.values()
        ]
    )
    labels = list(curves)
    names = [
        labels[int(np.nanargmax(there[:, i]))] if np.isfinite(there[:, i]).sum() > 1 else ""
        for i in range(GRID)
    ]
    found = []
    for name, places in itertools.groupby(range(GRID), key=names.__getitem__):
        first, *rest = places
        last = rest[-1] if rest else first
        if name:
            found.append(Stretch(name, float(grid[first]), float(grid[min(last + 1, GRID - 1)])))
    return found


def strip(axes: Axes, stretches: Sequence[Stretch], source: Source) -> None:
    """Draw the leader above a panel: by colour, and by name or marker if there is room."""
    if not stretches:
        return
    at = axes.get_xaxis_transform()
    low, high = np.log(axes.get_xlim())
    panel = axes.bbox.width / axes.figure.dpi
    for one in stretches:
        look = source.looks[one.label]
        axes.fill_between(
            [one.start, one.end], 1.0, 1.0 + STRIP, transform=at, color=look.colour, alpha=0.75,
            linewidth=0, clip_on=False,
        )  # fmt: skip
        middle = float(np.sqrt(one.start * one.end))
        share = (np.log(one.end) - np.log(one.start)) / (high - low)
        if inches(look.name, NAME_SIZE) < 0.9 * share * panel:
            axes.annotate(
                look.name, (middle, 1.0 + STRIP), xycoords=at, xytext=(0, 1), ha="center",
                textcoords="offset points", fontsize=NAME_SIZE, annotation_clip=False,
            )  # fmt: skip
        elif share > MARKED:
            axes.plot(
                [middle], [1.0 + 1.8 * STRIP], look.marker, color=look.colour, markersize=3.5,
                transform=at, clip_on=False,
            )  # fmt: skip


def _rows(source: Source) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for group in source.groups:
        for run in group.finished:
            costs = [axis.value(source, run) for axis in AXES]
            sums = [None if cost is None else np.cumsum(cost).tolist() for cost in costs]
            rows += [
                (group.label, run.trial.seed, epoch.epoch,
                 *(None if found is None else found[i] for found in sums), epoch.test_accuracy)
                for i, epoch in enumerate(run.history)
            ]  # fmt: skip
    return rows


def _alt(leads: Mapping[str, Sequence[Stretch]]) -> str:
    """Describe which model leads from which budget on."""
    leaders = []
    for axis in AXES:
        parts = [f"{one.label} from {axis.show(one.start)}" for one in leads[axis.name]]
        if parts:
            leaders.append(f"by {axis.title} {', '.join(parts)}")
    if not leaders:
        return "Test accuracy along the training."
    return f"Test accuracy along the training; the highest mean has {'; '.join(leaders)}."
