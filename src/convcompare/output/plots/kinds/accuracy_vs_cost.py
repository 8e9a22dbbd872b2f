"""Accuracy against cost: parameters, arithmetic, training and inference."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from convcompare.comparison.doubts import ABOUT, About
from convcompare.comparison.run_figures import seconds_per_image
from convcompare.comparison.stats.paired import ROUNDING
from convcompare.core import formatting
from convcompare.core.registry import register

from ..end_labels import name_models
from ..figure import GREY, Drawing, log_axis, outer_labels, panels
from ..limits import LEAST_POINTS, PERCENT, arrows_of_curves, bulk, padded, percent_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from convcompare.comparison.stats.estimates import Estimate

    from ..source import Source
    from ..style import ModelStyle


@dataclass(frozen=True)
class CostAxis:
    """A kind of cost: its title, the function of its values, and its format."""

    name: str
    title: str
    value: Callable[..., Any]
    show: Callable[[float], str]
    about: tuple[About, ...] = ("accuracy",)
    """Marks that make a point of this axis not comparable."""


def _value(estimate: Estimate | None) -> float | None:
    return estimate.value if estimate else None


COSTS = (
    CostAxis("parameters", "parameters", lambda group: group.parameters, formatting.large),
    CostAxis("macs", "multiply-accumulates per image (MACs)", lambda g: g.macs, formatting.large),
    CostAxis(
        "train_seconds",
        "training (s)",
        lambda g: _value(g.mean(lambda run: run.train_seconds)),
        "{:,g}".format,
        ABOUT,
    ),
    CostAxis(
        "latency_seconds",
        "inference, one image (ms)",
        lambda g: _value(g.mean_of_measured(lambda run: seconds_per_image(run, single=True))),
        lambda v: f"{1000 * v:,g}",
        ABOUT,
    ),
)


@register.plot("accuracy-vs-cost", about=("accuracy", "time"), hollow=True)
def accuracy_vs_cost(source: Source) -> list[Drawing]:
    """Test accuracy against parameters, MACs, training and inference time, with Pareto front."""
    groups = source.groups
    images = source.comparison.conditions.test_images
    accuracy = {g.label: e for g in groups if (e := g.test_accuracy(images)) is not None}
    figure, axes = panels(len(COSTS), 2, 2.35, sharey=True)
    fronts: dict[str, list[str]] = {}
    costs: dict[str, Mapping[str, float]] = {}
    for one, cost in zip(axes, COSTS, strict=True):
        known = {g.label: value for g in groups if (value := cost.value(g)) is not None}
        costs[cost.name] = known
        points = [(value, accuracy[label].value) for label, value in known.items()]
        fronts[cost.name] = [list(known)[i] for i in pareto(points)]
        looks = {group.label: source.look(group, *cost.about) for group in groups}
        _panel(one, known, accuracy, looks)
        _front(one, [(known[label], accuracy[label].value) for label in fronts[cost.name]])
        one.set_title(cost.title)
        if known:
            one.set_xscale("log")
            log_axis(one.xaxis, cost.show)
    _limits(axes[0], list(accuracy.values()))
    for one, cost in zip(axes, COSTS, strict=True):
        for label, value in costs[cost.name].items():
            _arrow(one, value, accuracy[label], source.looks[label].colour)
    outer_labels(axes, 2, "", "test accuracy (%)")
    ends = [(source.look(group, "accuracy", "time"), 100 * accuracy[group.label].value)
            for group in groups]  # fmt: skip
    name_models(figure, axes[1::2], ends)
    columns = ("model", "test_accuracy", "low", "high", *(c.name for c in COSTS),
               *(f"pareto_{c.name}" for c in COSTS))  # fmt: skip
    rows = [
        (
            label, estimate.value, estimate.low, estimate.high,
            *(costs[c.name].get(label) for c in COSTS),
            *(int(label in fronts[c.name]) for c in COSTS),
        )
        for label, estimate in accuracy.items()
    ]  # fmt: skip
    key = "bar: 95 % interval · grey steps: no model is both cheaper and better than these"
    return [
        Drawing("accuracy-vs-cost", figure, _caption(costs, len(groups)), columns, rows,
                _alt(accuracy, fronts), key)
    ]  # fmt: skip


def pareto(points: Sequence[tuple[float, float]]) -> list[int]:
    """Return the indices of the points (cost, accuracy) that no other beats, cheapest first.

    A point is beaten by one that costs no more, is no worse, and is better in one of the two.
    """
    order = sorted(range(len(points)), key=lambda i: (points[i][0], -points[i][1]))
    front: list[int] = []
    for i in order:
        cost, accuracy = points[i]
        least, most = points[front[-1]] if front else (cost, -math.inf)
        equal = abs(accuracy - most) <= ROUNDING and cost == least
        if equal or accuracy - most > ROUNDING:
            front.append(i)
    return front


def _panel(
    axes: Axes,
    costs: Mapping[str, float],
    accuracy: Mapping[str, Estimate],
    looks: Mapping[str, ModelStyle],
) -> None:
    for label, cost in costs.items():
        estimate, look = accuracy[label], looks[label]
        if ends := percent_interval(estimate):
            axes.plot([cost, cost], ends, color=look.colour, linewidth=1, alpha=0.6)
        axes.plot([cost], [100 * estimate.value], markersize=5.5, **look.dots())
    if not costs:
        axes.text(0.5, 0.5, "not recorded", transform=axes.transAxes, ha="center", color=GREY)


def _front(axes: Axes, points: Sequence[tuple[float, float]]) -> None:
    if points:
        x, y = zip(*points, strict=True)
        y = tuple(100 * value for value in y)
        axes.step(x, y, where="post", color="#888888", linewidth=0.9, zorder=1)


def _limits(axes: Axes, shown: Sequence[Estimate]) -> None:
    """Limit an axis to the bulk of the points and intervals."""
    values = [[100 * one.value, *(percent_interval(one) or ())] for one in shown]
    if ends := bulk([(min(found), max(found)) for found in values], LEAST_POINTS):
        axes.set_ylim(padded(ends, LEAST_POINTS, PERCENT))


def _arrow(axes: Axes, cost: float, estimate: Estimate, colour: str) -> None:
    """Draw an arrow if a point or its interval is beyond the axis."""
    interval = percent_interval(estimate) or (100 * estimate.value,)
    point = np.array([[100 * estimate.value] * 2])
    low, high = axes.get_ylim()
    if low <= 100 * estimate.value <= high:
        arrows_of_curves(axes, [(colour, [cost], np.array([[*interval]]))], lambda _: "")
    else:
        arrows_of_curves(axes, [(colour, [cost], point)], "{:.2f}".format)


def _caption(costs: Mapping[str, Mapping[str, float]], models: int) -> str:
    missing = [c.title for c in COSTS if len(costs[c.name]) < models]
    return (
        "Test accuracy with its 95 % interval against cost, on logarithmic axes. The steps join "
        "the Pareto front: models such that no other is both cheaper and more accurate. Inference "
        "is the median time of a forward pass of one image. An arrow marks what lies beyond the "
        "axis." + (f" Not recorded of every network: {', '.join(missing)}." if missing else "")
    )


def _alt(accuracy: Mapping[str, Estimate], fronts: Mapping[str, Sequence[str]]) -> str:
    shown = "; ".join(f"{label} {formatting.percent(e.value)}" for label, e in accuracy.items())
    best = "; ".join(f"{c.title}: {', '.join(fronts[c.name])}" for c in COSTS if fronts[c.name])
    return f"Test accuracy: {shown}. On the Pareto front, by {best}."
