"""A forest plot of the verdicts: each network against the baseline, by figure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from convcompare.comparison.doubts import kinds
from convcompare.comparison.figures import figure_words
from convcompare.comparison.verdict_words import decided
from convcompare.core.errors import UsageError
from convcompare.core.registry import register

from ..figure import GREY, Drawing, side_text, stacked
from ..forest_rows import ForestPanel, beside, directions, inside, is_filled, is_firm, panels_of
from ..limits import arrow_in_row
from ..style import LONGEST, short
from ..terminal import ForestLine, forest, forest_range

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from convcompare.comparison.assessment import Assessment
    from convcompare.comparison.doubts import About
    from convcompare.comparison.verdict import Verdict

    from ..source import Source

COLUMNS = (
    *("figure", "model", "baseline", "decided", "scale", "unit", "estimate", "low", "high"),
    *("n", "p_adjusted", "verdict"),
)
ROW, FRAME = 0.25, 0.62
"""Inches of a row, and of a panel around its rows."""
BAND = "#e9e9e9"
BEHIND = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
LONGEST_REASON = 70
TICKS: Sequence[tuple[float, Sequence[float]]] = (
    (1.6, (1, 1.05, 1.1, 1.2, 1.5, 7, 8, 9, 9.5)),
    (4, (1, 1.2, 1.5, 2, 3, 5, 7)),
    (30, (1, 2, 3, 5)),
    (300, (1, 2, 5)),
)
"""Digits of ticks on an axis of ratios, by the ratio of its ends."""
NEARLY_EQUAL = math.log(1.1)
"""The least reach of an axis of ratios on both sides of 1, so that nearly equal values look so."""


def _terminal(source: Source, width: int) -> str:
    texts = []
    for panel in _panels(source):
        rows = [
            ForestLine(
                panel.label(verdict),
                panel.value(verdict),
                panel.ends(verdict),
                is_filled(verdict),
                beside(verdict),
            )
            for verdict in panel.verdicts
        ]
        longest = max(LONGEST, width // 3) if len(panel.baselines) > 1 else LONGEST
        texts.append(forest(rows, width, _title(panel), longest))
    return "\n\n".join([*texts, "● decided  ○ not decided"])


def _about(source: Source) -> tuple[About, ...]:
    """Return which marks make the drawn verdicts doubtful: of accuracies, of times, or of both."""
    return kinds(one.quantity for one in _recorded(source.assessment))


@register.plot("verdicts", terminal=_terminal, about=_about, hollow=True)
def verdicts(source: Source) -> list[Drawing]:
    """Each network against the baseline with its interval: what is decided and what is not."""
    panels = _panels(source)
    figure, axes = stacked([FRAME + ROW * len(panel.verdicts) for panel in panels])
    for one, panel in zip(axes, panels, strict=True):
        _rows(one, panel, source)
        _axis(one, panel)
    figure.align_ylabels(axes)
    shown = [verdict for panel in panels for verdict in panel.verdicts]
    alt = "; ".join(f"{one.model} {figure_words.sentence(one)}" for one in shown)
    key = _key(shown, panels)
    return [
        Drawing("verdicts", figure, _caption(shown), COLUMNS, [*map(_data, shown)], f"{alt}.", key)
    ]


def _panels(source: Source) -> list[ForestPanel]:
    found = _recorded(source.assessment)
    if not found:
        raise UsageError("a single network has no baseline", "name two networks or more")
    return panels_of(found)


def _recorded(assessment: Assessment) -> list[Verdict]:
    """Return the verdicts of the comparison, and others of a study's family with recorded figures.

    Verdicts on the same figure are adjacent.
    """
    requested, family = assessment.verdicts, assessment.family[len(assessment.verdicts) :]
    rest = [one for one in family if not one.refusal or one.refusal.reason != "not recorded"]
    shown = [*requested, *rest]
    figures = list(dict.fromkeys(one.quantity.name for one in shown))
    return sorted(shown, key=lambda one: figures.index(one.quantity.name))


def _rows(axes: Axes, panel: ForestPanel, source: Source) -> None:
    shown = panel.verdicts
    places = [(panel.value(verdict), panel.ends(verdict)) for verdict in shown]
    low, high = forest_range(places)
    reach = NEARLY_EQUAL if panel.margin is None and panel.is_ratio else panel.margin
    if reach is not None and high - low < 2 * reach:
        low, high = min(low, -1.3 * reach), max(high, 1.3 * reach)
    axes.set_xlim(low, high)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    if panel.margin is not None:
        axes.axvspan(-panel.margin, panel.margin, color=BAND, linewidth=0, zorder=0)
    drawn = any(value is not None for value, _ in places)
    axes.axvline(0, visible=drawn, color="#888888", linewidth=0.8, zorder=1)
    axes.set_yticks(range(len(shown)), [_label(one, panel, source) for one in shown])
    for y, (verdict, (value, ends)) in enumerate(zip(shown, places, strict=True)):
        look = source.looks[verdict.model]
        if ends is not None and ends[0] < high and ends[1] > low:
            _interval(axes, ends, (low, high), y, look.colour, dashed=verdict.n == 1)
        if value is not None and low <= value <= high:
            fill = look.colour if is_firm(verdict, source.assessment) else "white"
            axes.plot([value], [y], marker=look.marker, color=look.colour, markersize=6,
                      markerfacecolor=fill, markeredgewidth=1.2, zorder=3)  # fmt: skip
        elif value is not None:
            arrow_in_row(axes, y, [value], look.colour, None)
        if value is None:
            axes.text(low + 0.02 * (high - low), y, short(inside(verdict), LONGEST_REASON),
                      va="center", fontsize=7, color=GREY, bbox=BEHIND)  # fmt: skip
        side_text(axes, y, f" {beside(verdict)}")


def _label(verdict: Verdict, panel: ForestPanel, source: Source) -> str:
    name = source.looks[verdict.model].name
    return panel.label(verdict, name, short(verdict.baseline))


def _interval(
    axes: Axes,
    ends: tuple[float, float],
    limits: tuple[float, float],
    y: int,
    colour: str,
    dashed: bool,
) -> None:
    """Draw an interval, with an arrow at an end that is beyond the axis."""
    left, right = max(ends[0], limits[0]), min(ends[1], limits[1])
    style = (0, (3, 2)) if dashed else "-"
    axes.plot([left, right], [y, y], color=colour, linewidth=1.4, linestyle=style, zorder=2,
              solid_capstyle="butt")  # fmt: skip
    for end, limit, marker in ((ends[0], limits[0], "<"), (ends[1], limits[1], ">")):
        beyond = end < limit if marker == "<" else end > limit
        axes.plot([limit if beyond else end], [y], color=colour, zorder=2, clip_on=False,
                  marker=marker if beyond else "|", markersize=4 if beyond else 5,
                  markeredgewidth=1.4)  # fmt: skip


def _axis(axes: Axes, panel: ForestPanel) -> None:
    axes.tick_params(axis="y", length=0, pad=7)
    axes.grid(False, axis="y")
    axes.set_title(_title(panel), pad=4)
    if all(verdict.estimate is None for verdict in panel.verdicts):
        axes.set_xticks([])
        axes.spines["bottom"].set_visible(False)
        return
    left, right = directions(panel.quantity)
    if panel.is_ratio:
        _ratio_ticks(axes)
        axes.set_xlabel(f"← {left}    ratio    {right} →")
        return
    axes.set_xlabel(f"← {left}    difference{panel.quantity.unit_in_brackets}    {right} →")


def _ratio_ticks(axes: Axes) -> None:
    """Place ticks at round ratios on an axis of their logarithms."""
    from matplotlib.ticker import FixedLocator, FuncFormatter

    low, high = (math.exp(end) for end in axes.get_xlim())
    steps = next((found for span, found in TICKS if high / low < span), (1,))
    ticks = [step * 10.0**power for power in range(-9, 10) for step in steps]
    axes.xaxis.set_major_locator(FixedLocator([math.log(t) for t in ticks if low <= t <= high]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"×{math.exp(value):.3g}"))


def _title(panel: ForestPanel) -> str:
    noun = panel.quantity.noun
    (*others, against) = (short(name) for name in panel.baselines)
    between = f" against {against}" if not others else ""
    return f"{noun[0].upper()}{noun[1:]}{between}"


def _key(shown: Sequence[Verdict], panels: Sequence[ForestPanel]) -> str:
    parts = ["filled: decided", "hollow: not decided, or of a marked run"]
    bands = []
    for panel in panels:
        if panel.margin is not None:
            size = (
                f"a factor of {math.exp(panel.margin):.3g}"
                if panel.is_ratio
                else f"{panel.margin:g} {panel.quantity.unit}"
            )
            bands.append(size)
    if bands:
        parts.append(f"grey: closer than {' or '.join(dict.fromkeys(bands))}")
    if any(verdict.n == 1 and verdict.quantity.scale != "exact" for verdict in shown):
        parts.append("dashed: over the test images, one seed")
    return " · ".join(parts)


def _caption(shown: Sequence[Verdict]) -> str:
    tests = {verdict.family for verdict in shown if verdict.p is not None}
    seeds = {verdict.n for verdict in shown if verdict.quantity.scale != "exact"}
    parts = [
        "Each network against the baseline: the estimate with its interval, which has the level of "
        "the test. An interval that contains zero decides nothing. A filled mark is a decided "
        "difference between runs without marks."
    ]
    if max(tests, default=1) > 1:
        parts.append(f"{max(tests)} tests are adjusted together (Holm).")
    if 1 in seeds:
        parts.append(
            "One seed: the interval covers the test images, for these two trained networks."
        )
    if 2 in seeds:
        parts.append("Two seeds have no useful interval.")
    parts.append(
        "An arrow marks an interval that extends beyond the axis; counts have no interval."
    )
    return " ".join(parts)


def _data(verdict: Verdict) -> tuple[object, ...]:
    estimate = verdict.estimate
    numbers = (None,) * 3 if estimate is None else (estimate.value, estimate.low, estimate.high)
    return (
        verdict.quantity.name, verdict.model, verdict.baseline, decided(verdict),
        verdict.quantity.scale, verdict.quantity.unit, *numbers, verdict.n, verdict.p_adjusted,
        figure_words.words(verdict),
    )  # fmt: skip
