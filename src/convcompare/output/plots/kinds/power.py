"""Differences that more seeds would detect, for contrasts that are undecided."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from convcompare.comparison.contrasts import NOTABLE
from convcompare.comparison.quantity import ACCURACY, Quantity
from convcompare.comparison.stats.estimates import ALPHA
from convcompare.comparison.stats.power import detectable_by
from convcompare.comparison.verdict_words import reason
from convcompare.core.errors import UsageError
from convcompare.core.formatting import several
from convcompare.core.registry import register

from ..figure import GREY, Drawing, log_axis, outer_labels, panels
from ..style import short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from convcompare.comparison.stats.paired import Spread
    from convcompare.comparison.verdict import Verdict

    from ..source import Source
    from ..style import ModelStyle

COLUMNS = ("model", "baseline", "figure", "unit", "seeds", "detectable", "low", "high", "have")
MOST = 64
"""Largest number of seeds that is considered."""
SEEDS = (2, 3, 4, 5, 6, 8, 10, 13, 16, 20, 25, 32, 40, 50, MOST)
ONE_LINE = 30
"""Number of characters of a title that fit in one line."""
TICKS = (2, 5, 10, 20, 50)


def detectable(verdict: Verdict, seeds: int, spreads: Sequence[Spread] | None = None) -> float:
    """Return the difference that a number of seeds finds with 80 % power, for an open contrast.

    It is in the unit of the figure, or a factor minus 1. ``spreads`` are those with which the test
    compared the mean [default], of paired differences or of the logarithms of ratios.
    """
    known = verdict.spreads if spreads is None else spreads
    size = detectable_by(known, verdict.n, seeds, verdict.level or ALPHA)
    if verdict.quantity.scale == "ratio":
        return math.expm1(min(size, 50.0))
    return verdict.quantity.factor * size


def interval(verdict: Verdict, seeds: int) -> tuple[float, float]:
    """Return `detectable` for the ends of the 95 % interval of each spread.

    Source: the chi-square distribution of the variance (Cochran 1934, S0305004100016595).
    """
    low, high = (
        detectable(verdict, seeds, [spread.upper(alpha) for spread in verdict.spreads])
        for alpha in (1 - ALPHA / 2, ALPHA / 2)
    )
    return low, high


def seeds_for(verdict: Verdict, size: float) -> int | None:
    """Return the fewest seeds that show a difference of `size`; None if they exceed `MOST`."""
    enough = (n for n in range(2, MOST + 1) if detectable(verdict, n) <= size)
    return next(enough, None)


@register.plot("power")
def power(source: Source) -> list[Drawing]:
    """The difference that a number of seeds shows, for each contrast that is undecided."""
    found = _undecided(source.assessment.verdicts)
    by_figure = groupby(found, key=lambda one: one.quantity)
    return [_drawing(quantity, [*same], source) for quantity, same in by_figure]


def _undecided(verdicts: Sequence[Verdict]) -> list[Verdict]:
    undecided = [
        one
        for one in verdicts
        if not one.settled or (one.n == 1 and one.refusal is None and one.quantity.scale != "exact")
    ]
    if not verdicts:
        raise UsageError("a single network has no contrast", "name two networks or more")
    if not undecided:
        raise UsageError(_nothing_open(verdicts), "`convcompare plot verdicts` shows them")
    found = [one for one in undecided if one.n > 1 and one.spreads]
    if not found:
        raise UsageError(
            "the spread over seeds is not known from these runs",
            "`--seeds 3` trains each network three times",
        )
    return found


def _nothing_open(verdicts: Sequence[Verdict]) -> str:
    """Describe why there is no contrast that more seeds could decide."""
    refusals = [one.refusal for one in verdicts if one.refusal is not None]
    if not refusals:
        return "every contrast is decided: no seed is missing"
    reasons = "; ".join(dict.fromkeys(map(reason, refusals)))
    others = "" if len(refusals) == len(verdicts) else ", and the others are decided"
    return f"{several(len(refusals), 'contrast')} not compared ({reasons}){others}"


def _drawing(quantity: Quantity, found: Sequence[Verdict], source: Source) -> Drawing:
    across = min(3, len(found))
    figure, axes = panels(len(found), across, 1.75, sharex=True, sharey=True)
    rows: list[Sequence[object]] = []
    for one, verdict in zip(axes, found, strict=True):
        _panel(one, verdict, source.looks[verdict.model])
        rows += _data(verdict)
    _axes(axes, across, quantity, found)
    name = "power" if quantity == ACCURACY else f"power-{quantity.name.replace('_', '-')}"
    sentences = [_sentence(one) for one in found]
    caption = (
        f"The smallest true difference in {quantity.noun} that a number of seeds finds in 80 % of "
        "all cases, at the level at which the contrast was tested. The dot is at the seeds that "
        "have run. The band is where the line lies for a spread between the ends of its 95 % "
        "interval: few seeds know it only roughly."
    )
    key = "line: found with 80 % power · dot: seeds that have run · band: spread uncertain (95 %)"
    return Drawing(name, figure, caption, COLUMNS, rows, "; ".join(sentences) + ".", key)


def _panel(axes: Axes, verdict: Verdict, look: ModelStyle) -> None:
    line = [detectable(verdict, n) for n in SEEDS]
    least, most = zip(*(interval(verdict, n) for n in SEEDS), strict=True)
    axes.fill_between(SEEDS, least, most, color=look.colour, alpha=0.15, linewidth=0)
    axes.plot(SEEDS, line, color=look.colour, linewidth=1.4)
    here = detectable(verdict, verdict.n)
    axes.plot([verdict.n], [here], color=look.colour, marker=look.marker, markersize=6)
    title = f"{look.name} against {short(verdict.baseline, 20)}"
    axes.set_title(title if len(title) <= ONE_LINE else title.replace(" against", "\nagainst"))
    if target := _target(verdict):
        axes.axhline(target, color="#888888", linewidth=0.8, linestyle=(0, (4, 3)))
    axes.text(0.97, 0.95, _summary(verdict), transform=axes.transAxes, ha="right", va="top",
              fontsize=7, color=GREY)  # fmt: skip


def _target(verdict: Verdict) -> float | None:
    """Return the size that would matter, if the figure has one."""
    return 100 * NOTABLE if verdict.quantity == ACCURACY else None


def _summary(verdict: Verdict) -> str:
    """Return ``1 point: 9 seeds``, or what twice the seeds would show."""
    if target := _target(verdict):
        seeds = seeds_for(verdict, target)
        return f"{target:g} point: {seeds or f'over {MOST}'} seeds"
    seeds = min(MOST, 2 * verdict.n)
    return f"{seeds} seeds: {_size(verdict)(detectable(verdict, seeds))}"


def _size(verdict: Verdict) -> Callable[[float], str]:
    if verdict.quantity.scale == "ratio":
        return lambda value: f"a factor of {1 + value:.3g}"
    return lambda value: f"{value:.2g} {verdict.quantity.unit}".rstrip()


def _axes(axes: Sequence[Axes], across: int, quantity: Quantity, found: Sequence[Verdict]) -> None:
    """Scale the axes to the lines from three seeds on and all dots; a band may extend beyond."""
    from matplotlib.ticker import NullFormatter

    sizes_shown = [detectable(one, n) for one in found for n in (one.n, *SEEDS[1:])]
    targets = [target for one in found if (target := _target(one))]
    low, high = min([*sizes_shown, *targets]), max([*sizes_shown, *targets])
    is_ratio = quantity.scale == "ratio"
    for one in axes:
        one.set(xscale="log", yscale="log", xlim=(1.9, MOST), ylim=(low / 1.4, high * 1.6))
        one.set_xticks(TICKS, [str(tick) for tick in TICKS])
        one.xaxis.set_minor_formatter(NullFormatter())
        log_axis(one.yaxis, lambda size: f"×{1 + size:.3g}" if is_ratio else f"{size:g}")
    outer_labels(
        axes,
        across,
        "seeds",
        "detectable ratio" if is_ratio else f"detectable{quantity.unit_in_brackets}",
    )


def _data(verdict: Verdict) -> list[Sequence[object]]:
    return [
        (
            verdict.model, verdict.baseline, verdict.quantity.name, verdict.quantity.unit, n,
            detectable(verdict, n), *interval(verdict, n), verdict.n,
        )
        for n in SEEDS
    ]  # fmt: skip


def _sentence(verdict: Verdict) -> str:
    size = _size(verdict)
    now = size(detectable(verdict, verdict.n))
    later = size(detectable(verdict, 2 * verdict.n))
    return (
        f"{verdict.model} against {verdict.baseline}: {verdict.n} seeds show {now}, "
        f"{2 * verdict.n} show {later}"
    )
