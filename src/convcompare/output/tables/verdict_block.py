"""Verdicts on many networks as one aligned block: estimate, interval drawn, verdict, time."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from convcompare.comparison import verdicts
from convcompare.comparison.assessment import Assessment
from convcompare.comparison.doubts import About
from convcompare.comparison.figures import figure_words
from convcompare.comparison.figures.figure_json import decided
from convcompare.comparison.figures.figure_tests import FEWEST
from convcompare.comparison.quantity import ACCURACY
from convcompare.comparison.verdict import Verdict
from convcompare.core import formatting

from ..plots.forest_rows import WORDS, ForestPanel, doubted, is_filled, panels_of
from ..plots.terminal import ForestLine, forest_cells, forest_range
from .table import GAP, NARROW, Column, Table, natural_width

MANY = 3
"""Verdicts from which on a block is easier to read than sentences."""
LEAST, MOST = 12, 31
"""Cells of a drawn interval."""
DOUBT = " ?"
"""Behind a verdict on networks with runs that are marked."""
MOST_PLACES = 3
"""Decimals up to which it is shown on which side of zero the end of an interval lies."""


def verdict_blocks(assessment: Assessment, width: int | None) -> list[tuple[str, Table]]:
    """A table with its heading for each figure that has verdicts on several networks.

    Only those against the first baseline, or against that of each number of training images.
    ``width`` are the columns of the terminal, None of a pipe: as many as are free hold the drawn
    intervals.
    """
    if len(assessment.comparison.groups) <= MANY:
        return []
    verdicts, costs = assessment.verdicts, assessment.costs
    if not verdicts:
        return []
    first, sizes = verdicts[0].baseline, assessment.comparison.conditions.sizes
    if sizes:
        (network,) = (one.network for one in sizes if one.label == first)
        name = f"{network} on as many images"
        return [_block(panel, name, costs, width, assessment) for panel in panels_of(verdicts)]
    against = [one for one in verdicts if one.baseline == first]
    costs = tuple(one for one in costs if one.baseline == first)
    return [_block(panel, first, costs, width, assessment) for panel in panels_of(against)]


def _block(
    panel: ForestPanel,
    baseline: str,
    costs: Sequence[Verdict],
    width: int | None,
    assessment: Assessment,
) -> tuple[str, Table]:
    quantity, is_accuracy = panel.quantity, panel.quantity == ACCURACY
    unit = f"Δ {quantity.unit}".strip() if quantity.scale == "difference" else "ratio"
    times = {one.model: _time(one) for one in costs} if is_accuracy else {}
    narrow = width is not None and width < NARROW
    in_doubt = [one for one in panel.verdicts if doubted(one, assessment)]
    rows: list[dict[str, Any]] = [
        {
            "model": verdict.model,
            "estimate": _margin(verdict) if narrow else _estimate(verdict),
            "verdict": _word(verdict) + (DOUBT if verdict in in_doubt else ""),
            "time": times.get(verdict.model),
        }
        for verdict in panel.verdicts
    ]
    columns = [
        Column("model", "model", "left", names=True, priority=-1),
        Column("estimate", unit, "left", priority=-1),
        Column("drawn", "interval around 0", "left", priority=3),
        Column("verdict", "verdict", "left"),
    ]
    if any(times.values()):
        columns.append(Column("time", "× time", priority=1))
    table = Table(tuple(columns), tuple(rows))
    room = MOST
    if width is not None:
        room = max(LEAST, min(MOST, width - natural_width(table) - GAP))
    for row, cells in zip(rows, _drawn(panel, room, in_doubt), strict=True):
        row["drawn"] = cells
    notes = [
        *_doubts(in_doubt, assessment),
        *_refused_times(costs if is_accuracy else ()),
        answer(panel.verdicts, baseline),
    ]
    heading = f"{quantity.noun} against {baseline}"
    return heading, dataclasses.replace(table, rows=tuple(rows), notes=tuple(notes))


def answer(found: Sequence[Verdict], baseline: str) -> str:
    """All verdicts of one figure in a sentence: how many of each kind, and the largest."""
    better = found[0].quantity.best
    sure = _sure(found)
    more = [one for one in sure if one.relation == "higher"]
    words = {
        "high": ("better", "worse"),
        "low": ("worse", "better"),
        None: ("higher", "lower"),
    }[better]
    counts = [f"{len(more)} {words[0]}", f"{len(sure) - len(more)} {words[1]}"]
    if better == "low":
        counts.reverse()
    alike = sum(one.relation in ("equivalent", "equal") for one in found)
    counts += [f"{alike} the same"] if alike else []
    open_ = len(found) - len(sure) - alike
    counts += [f"{open_} not decided"] if open_ else []
    said = f"of {len(found)} networks beside {baseline}: {', '.join(counts)}"
    if one := largest(found):
        said += f"; the largest difference: {one.model} {figure_words.words(one)}"
    return said


def largest(found: Sequence[Verdict]) -> Verdict | None:
    """The largest of the differences that are decided; None if none is."""
    return max(_sure(found), key=_size, default=None)


def _sure(found: Sequence[Verdict]) -> list[Verdict]:
    return [one for one in found if is_filled(one) and one.differs]


def _size(verdict: Verdict) -> float:
    estimate = verdict.estimate
    if estimate is None:
        return 0.0
    if verdict.quantity.scale == "difference":
        return abs(estimate.value)
    return max(estimate.value, 1 / estimate.value)


def _word(verdict: Verdict) -> str:
    if 0 < verdict.n < FEWEST and verdict.quantity.scale != "exact":
        return "one seed" if verdict.n == 1 else "two seeds"
    word = decided(verdict)
    return WORDS.get(word, word)


def _margin(verdict: Verdict) -> str | None:
    """``+1.24 ± 0.14``: shorter than the ends."""
    if verdict.estimate is None:
        return None
    if verdict.quantity.scale == "difference":
        plain = dataclasses.replace(verdict.quantity, unit="")
        return figure_words.amount(verdict.estimate, plain)
    return figure_words.times(verdict.estimate).replace(" times", "")


def _estimate(verdict: Verdict) -> str | None:
    """``+1.24 [1.10, 1.38]``: the estimate and the ends of its interval."""
    estimate, quantity = verdict.estimate, verdict.quantity
    if estimate is None:
        return None
    factor = quantity.factor if quantity.scale == "difference" else 1
    value = factor * estimate.value
    if estimate.low is None or estimate.high is None or verdict.n == verdicts.FEW:
        shown = f"{value:+.2f}" if quantity.scale == "difference" else f"{value:.3g}"
        return formatting.minus(shown)
    low, high = factor * estimate.low, factor * estimate.high
    none = 0 if quantity.scale == "difference" else 1
    places = formatting.decimals(min(value - low, high - value) or 1)
    while places < MOST_PLACES and any(round(end - none, places) == 0 for end in (low, high)):
        places += 1
    sign = "+" if quantity.scale == "difference" else ""
    return formatting.minus(f"{value:{sign}.{places}f} [{low:.{places}f}, {high:.{places}f}]")


def _doubts(in_doubt: Sequence[Verdict], assessment: Assessment) -> Iterator[str]:
    """What the mark of doubt stands for: the marks of the runs, with their networks."""
    groups = {group.label: group for one in in_doubt for group in doubted(one, assessment)}
    if groups:
        about: About = "time" if in_doubt[0].quantity.name.endswith("seconds") else "accuracy"
        yield f"{DOUBT.strip()} in doubt: {assessment.doubts.words([*groups.values()], about)}"


def _drawn(panel: ForestPanel, room: int, in_doubt: Sequence[Verdict]) -> Iterator[str]:
    places = [(panel.value(verdict), panel.ends(verdict)) for verdict in panel.verdicts]
    ends = forest_range(places, 0.0)
    for verdict, (value, interval) in zip(panel.verdicts, places, strict=True):
        firm = is_filled(verdict) and verdict not in in_doubt
        line = ForestLine(verdict.model, value, interval, firm, "")
        yield forest_cells(line, ends, room)


def _time(verdict: Verdict) -> str | None:
    """``1.8 ± 0.1`` times as long as the baseline; None if the times are not compared."""
    if verdict.refusal is not None or verdict.estimate is None:
        return None
    shown, ends = verdicts.number(verdict.estimate)
    return f"{shown}{ends}"


def _refused_times(costs: Sequence[Verdict]) -> Iterator[str]:
    """Why times are not compared, once for all networks of the same reason."""
    reasons: dict[str, list[str]] = {}
    networks = {name for one in costs for name in (one.model, one.baseline)}
    refusals = {one.model: one.refusal for one in costs if one.refusal is not None}
    for model, refusal in refusals.items():
        only = dataclasses.replace(refusal, models=(), stopped=())
        reasons.setdefault(verdicts.reason(only), []).append(model)
    shared = {model for one in refusals.values() for model in one.models}
    stopped = {model for one in refusals.values() for model in one.stopped}
    marked = [
        f"{len(found)} of {len(networks)} networks {what}"
        for found, what in ((shared, "shared the machine"), (stopped, "were stopped meanwhile"))
        if found
    ]
    for reason, models in reasons.items():
        said = reason or ", ".join(marked)
        some = "" if len(models) == len(costs) else f" of {len(models)} networks"
        yield f"times{some} not compared: {said}"
