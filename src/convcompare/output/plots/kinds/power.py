"""Differences that more seeds would detect, for contrasts that are undecided."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from convcompare.comparison.contrasts import NOTABLE
from convcompare.comparison.quantity import ACCURACY, Quantity
from convcompare.comparison.stats.estimates import ALPHA
from convcompare.comparison.stats.power import detectable_by
from convcompare.comparison.verdicts import reason
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


@dataclass(frozen=True)
class Outlook:
    """The differences that numbers of seeds detect, for an undecided contrast.

    They are computed from the spreads with which its test compared the mean: of paired differences,
    or of the logarithms of ratios.
    """

    verdict: Verdict

    @property
    def quantity(self) -> Quantity:
        """The figure of the contrast."""
        return self.verdict.quantity

    def detectable(self, seeds: int) -> float:
        """Return the difference found with 80 % power.

        It is in the unit of the figure, or a factor minus 1.
        """
        return self._size(seeds, self.verdict.spreads)

    def interval(self, seeds: int) -> tuple[float, float]:
        """Return the same for the ends of the 95 % interval of each spread.

        Source: the chi-square distribution of the variance (Cochran 1934, S0305004100016595).
        """
        low, high = (
            self._size(seeds, [spread.upper(alpha) for spread in self.verdict.spreads])
            for alpha in (1 - ALPHA / 2, ALPHA / 2)
        )
        return low, high

    def _size(self, seeds: int, spreads: Sequence[Spread]) -> float:
        size = detectable_by(spreads, self.verdict.n, seeds, self.verdict.level or ALPHA)
        if self.quantity.scale == "ratio":
            return math.expm1(min(size, 50.0))
        return self.quantity.factor * size

    def seeds_for(self, size: float) -> int | None:
        """Return the fewest seeds that show a difference of `size`; None if they exceed `MOST`."""
        enough = (n for n in range(2, MOST + 1) if self.detectable(n) <= size)
        return next(enough, None)


@register.plot("power")
def power(source: Source) -> list[Drawing]:
    """The difference that a number of seeds shows, for each contrast that is undecided."""
    found = _outlooks(source.assessment.verdicts)
    by_figure = groupby(found, key=lambda one: one.quantity)
    return [_drawing(quantity, [*same], source) for quantity, same in by_figure]


def _outlooks(verdicts: Sequence[Verdict]) -> list[Outlook]:
    undecided = [one for one in verdicts if not one.settled or _is_single(one)]
    if not verdicts:
        raise UsageError("a single network has no contrast", "name two networks or more")
    if not undecided:
        raise UsageError(_nothing_open(verdicts), "`convcompare plot verdicts` shows them")
    found = [Outlook(one) for one in undecided if one.n > 1 and one.spreads]
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


def _is_single(verdict: Verdict) -> bool:
    return verdict.n == 1 and verdict.refusal is None and verdict.quantity.scale != "exact"


def _drawing(quantity: Quantity, found: Sequence[Outlook], source: Source) -> Drawing:
    across = min(3, len(found))
    figure, axes = panels(len(found), across, 1.75, sharex=True, sharey=True)
    rows: list[Sequence[object]] = []
    for one, outlook in zip(axes, found, strict=True):
        _panel(one, outlook, source.looks[outlook.verdict.model])
        rows += _data(outlook)
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


def _panel(axes: Axes, outlook: Outlook, look: ModelStyle) -> None:
    verdict, line = outlook.verdict, [outlook.detectable(n) for n in SEEDS]
    least, most = zip(*map(outlook.interval, SEEDS), strict=True)
    axes.fill_between(SEEDS, least, most, color=look.colour, alpha=0.15, linewidth=0)
    axes.plot(SEEDS, line, color=look.colour, linewidth=1.4)
    here = outlook.detectable(verdict.n)
    axes.plot([verdict.n], [here], color=look.colour, marker=look.marker, markersize=6)
    title = f"{look.name} against {short(verdict.baseline, 20)}"
    axes.set_title(title if len(title) <= ONE_LINE else title.replace(" against", "\nagainst"))
    if target := _target(outlook):
        axes.axhline(target, color="#888888", linewidth=0.8, linestyle=(0, (4, 3)))
    axes.text(0.97, 0.95, _summary(outlook), transform=axes.transAxes, ha="right", va="top",
              fontsize=7, color=GREY)  # fmt: skip


def _target(outlook: Outlook) -> float | None:
    """Return the size that would matter, if the figure has one."""
    return 100 * NOTABLE if outlook.quantity == ACCURACY else None


def _summary(outlook: Outlook) -> str:
    """Return ``1 point: 9 seeds``, or what twice the seeds would show."""
    if target := _target(outlook):
        seeds = outlook.seeds_for(target)
        return f"{target:g} point: {seeds or f'over {MOST}'} seeds"
    seeds = min(MOST, 2 * outlook.verdict.n)
    return f"{seeds} seeds: {_size(outlook)(outlook.detectable(seeds))}"


def _size(outlook: Outlook) -> Callable[[float], str]:
    if outlook.quantity.scale == "ratio":
        return lambda value: f"a factor of {1 + value:.3g}"
    return lambda value: f"{value:.2g} {outlook.quantity.unit}".rstrip()


def _axes(axes: Sequence[Axes], across: int, quantity: Quantity, found: Sequence[Outlook]) -> None:
    """Scale the axes to the lines from three seeds on and all dots; a band may extend beyond."""
    from matplotlib.ticker import NullFormatter

    sizes_shown = [one.detectable(n) for one in found for n in (one.verdict.n, *SEEDS[1:])]
    targets = [target for one in found if (target := _target(one))]
    low, high = min([*sizes_shown, *targets]), max([*sizes_shown, *targets])
    is_ratio = quantity.scale == "ratio"
    unit = f" ({quantity.unit})" if quantity.unit else ""
    for one in axes:
        one.set(xscale="log", yscale="log", xlim=(1.9, MOST), ylim=(low / 1.4, high * 1.6))
        one.set_xticks(TICKS, [str(tick) for tick in TICKS])
        one.xaxis.set_minor_formatter(NullFormatter())
        log_axis(one.yaxis, lambda size: f"×{1 + size:.3g}" if is_ratio else f"{size:g}")
    outer_labels(axes, across, "seeds", "detectable ratio" if is_ratio else f"detectable{unit}")


def _data(outlook: Outlook) -> list[Sequence[object]]:
    verdict = outlook.verdict
    return [
        (
            verdict.model, verdict.baseline, verdict.quantity.name, verdict.quantity.unit, n,
            outlook.detectable(n), *outlook.interval(n), verdict.n,
        )
        for n in SEEDS
    ]  # fmt: skip


def _sentence(outlook: Outlook) -> str:
    verdict, size = outlook.verdict, _size(outlook)
    now = size(outlook.detectable(verdict.n))
    later = size(outlook.detectable(2 * verdict.n))
    return (
        f"{verdict.model} against {verdict.baseline}: {verdict.n} seeds show {now}, "
        f"{2 * verdict.n} show {later}"
    )
