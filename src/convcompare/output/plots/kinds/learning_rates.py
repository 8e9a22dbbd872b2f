"""Accuracy against the learning rate: how much a result depends on the selected one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from convcompare.comparison.comparison import TriedRate
from convcompare.core.errors import UsageError
from convcompare.core.registry import register
from convcompare.store.run import Run

from ..end_labels import name_models
from ..figure import Drawing, log_axis, panels, ticks_at
from ..limits import LEAST_POINTS, PERCENT, arrows_of_curves, of_curves, padded, plain_number
from ..style import draw_band

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..source import Source
    from ..style import ModelStyle

MOST_TICKS = 9
"""Number of rates up to which each has a tick."""
PALE = 0.4
"""Opacity of the accuracies on the test images, which were not used for the selection."""


@dataclass(frozen=True)
class RateRuns:
    """A learning rate that was tried, with its ended runs."""

    tried: TriedRate
    runs: tuple[Run, ...]

    def accuracies(self, held_out: bool) -> list[float]:
        """Return the accuracies of the finished runs in per cent, on held-out or on test images."""
        shown = [
            run.selected_epoch
            for run in self.runs
            if run.status == "finished" and run.selected_epoch
        ]
        found = [one.val_accuracy if held_out else one.test_accuracy for one in shown]
        return [100 * value for value in found if value is not None]

    @property
    def lost(self) -> int:
        """Number of its runs without a result."""
        return len(self.tried.runs) - len(self.accuracies(held_out=False))


@register.plot("learning-rates")
def learning_rates(source: Source) -> list[Drawing]:
    """Accuracy on held-out and test images against the learning rate, the chosen rate marked."""
    models = {group.label: _tried(source, group.label) for group in source.groups}
    models = {label: rates for label, rates in models.items() if rates}
    if not models:
        raise UsageError(
            "no learning rates were tried for these runs",
            "`convcompare compare … --val-fraction 0.1 --lr-grid 3e-4,1e-3,3e-3` tries them",
        )
    figure, (axes,) = panels(1, 1, 3.4, 5.6)
    curves = []
    for label, rates in models.items():
        look = source.looks[label]
        curves += [
            (look.colour, *_curve(axes, rates, look, held_out)) for held_out in (False, True)
        ]
        _mark_chosen(axes, rates, look)
    _rate_axis(axes, sorted({one.tried.lr for rates in models.values() for one in rates}))
    if ends := of_curves([values for _, _, values in curves], LEAST_POINTS):
        axes.set_ylim(padded(ends, LEAST_POINTS, PERCENT))
    arrows_of_curves(axes, curves, plain_number)
    _mark_lost(axes, models.values(), [source.looks[label] for label in models])
    axes.set_xlabel("learning rate")
    axes.set_ylabel("accuracy (%)")
    name_models(figure, [axes], [(source.looks[m], _last(rates)) for m, rates in models.items()])
    edge = [label for label, rates in models.items() if any(one.tried.edge for one in rates)]
    beyond = f" The best rate of {' and '.join(edge)} is at the edge of the grid." if edge else ""
    caption = (
        "Accuracy against the learning rate, a mean of the seeds with a band from the lowest to "
        "the highest: on the held-out training images, by which the rate of each network was "
        "chosen (ringed), and paler, dotted, on the test images. A cross at the foot: a run at "
        f"this rate did not finish.{beyond}"
    )
    key = "line, band: held-out images, all seeds · pale, dotted: test images · ring: chosen rate"
    columns = ("model", "lr", "seed", "run", "status", "val_accuracy", "test_accuracy", "chosen")
    rows = [row for rates in models.values() for one in rates for row in _rows(one)]
    alt = "; ".join(_words(label, rates) for label, rates in models.items())
    return [Drawing("learning-rates", figure, caption, columns, rows, f"{alt}.", key)]


def _rate_axis(axes: Axes, rates: Sequence[float]) -> None:
    """Make the axis logarithmic, with a tick at each tried rate if there is room."""
    if len(rates) <= MOST_TICKS:
        ticks_at(axes, rates, "{:g}".format)
        return
    axes.set_xscale("log")
    log_axis(axes.xaxis, "{:g}".format)


def _tried(source: Source, label: str) -> list[RateRuns]:
    """Return the learning rates of a model, the lowest first."""
    found = []
    for tried in source.comparison.rates:
        if tried.model != label:
            continue
        runs = list[Run]()
        for run_id in tried.runs:
            with source.store.skipping_damage():
                run = source.store.sound_outcome(run_id)
                runs += [] if run is None else [run]
        found.append(RateRuns(tried, tuple(runs)))
    return sorted(found, key=lambda one: one.tried.lr)


def _curve(
    axes: Axes, rates: Sequence[RateRuns], look: ModelStyle, held_out: bool
) -> tuple[list[float], npt.NDArray[np.float64]]:
    """Draw a curve with its band; return the learning rates, and (lowest, highest) at each."""
    found = [(one.tried.lr, values) for one in rates if (values := one.accuracies(held_out))]
    x = [lr for lr, _ in found]
    reach = np.array([(min(v), max(v)) for _, v in found]).reshape(-1, 2)
    style = look.line()
    if not held_out:
        style |= {"alpha": PALE, "linestyle": ":", "markersize": 2.5, "label": "_"}
    axes.plot(x, [float(np.mean(v)) for _, v in found], **style)
    if held_out and len(x):
        draw_band(axes, look, x, reach[:, 0], reach[:, 1])
    return x, reach


def _mark_chosen(axes: Axes, rates: Sequence[RateRuns], look: ModelStyle) -> None:
    ring: dict[str, Any] = {
        "markersize": 10,
        "markerfacecolor": "none",
        "markeredgecolor": look.colour,
    }
    for one in rates:
        if one.tried.chosen and (values := one.accuracies(held_out=True)):
            axes.plot([one.tried.lr], [float(np.mean(values))], marker="o", linestyle="", **ring)


def _mark_lost(
    axes: Axes, models: Iterable[Sequence[RateRuns]], shown: Sequence[ModelStyle]
) -> None:
    """Draw a cross at the bottom for each rate with an unfinished run, one line per model."""
    for place, (rates, look) in enumerate(zip(models, shown, strict=True)):
        x = [one.tried.lr for one in rates if one.lost]
        axes.plot(x, [0.025 + 0.035 * place] * len(x), transform=axes.get_xaxis_transform(),
                  marker="x", color=look.colour, markersize=4.5, linestyle="")  # fmt: skip


def _last(rates: Sequence[RateRuns]) -> float:
    """Return the end of a model's curve; 0 if it has no point."""
    means = [float(np.mean(values)) for one in rates if (values := one.accuracies(held_out=True))]
    return means[-1] if means else 0.0


def _rows(one: RateRuns) -> list[tuple[object, ...]]:
    """Return the runs at a learning rate; missing ones have only their id."""
    ended = {run.id: run for run in one.runs}
    found = list[tuple[object, ...]]()
    for run_id in one.tried.runs:
        run = ended.get(run_id)
        shown = run.selected_epoch if run and run.status == "finished" else None
        found.append(
            (one.tried.model, one.tried.lr, run.trial.seed if run else None, run_id,
             run.status if run else "not in the store", shown.val_accuracy if shown else None,
             shown.test_accuracy if shown else None, one.tried.chosen)
        )  # fmt: skip
    return found


def _words(label: str, rates: Sequence[RateRuns]) -> str:
    """Return ``fcn: 0.0003 90.12 %, 0.001 95.20 % (chosen)``."""
    parts = []
    for one in rates:
        values = one.accuracies(held_out=True)
        shown = f"{np.mean(values):.2f} %" if values else "no result"
        parts.append(f"{one.tried.lr:g} {shown}{' (chosen)' if one.tried.chosen else ''}")
    return f"{label}: {', '.join(parts)}"
