"""Verdicts as one aligned block: network, estimate, interval drawn, verdict, time."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from convcompare.comparison import estimate_words
from convcompare.comparison.assessment import Assessment
from convcompare.comparison.figures import figure_words
from convcompare.comparison.quantity import ACCURACY
from convcompare.comparison.verdict import Verdict
from convcompare.core import formatting

from ..plots.forest_rows import ForestPanel, doubted, is_filled, panels_of, word
from ..plots.terminal import ForestLine, forest_cells, forest_range
from .table import GAP, NARROW, Column, Table, natural_width
from .verdict_notes import DOUBT, block_notes

LEAST, MOST = 12, 31
"""Minimum and maximum number of cells of a drawn interval."""
MOST_PLACES = 3
"""Maximum number of decimals that show on which side of zero the end of an interval lies."""


def verdict_blocks(assessment: Assessment, width: int | None) -> list[tuple[str, Table]]:
    """Return a heading and a table per figure that has verdicts; none for a single network.

    Only verdicts against the first baseline are included, or against that of each number of
    training images.

    Args:
        assessment: The comparison with its verdicts.
        width: Columns of the terminal, or None for a pipe; free columns hold the drawn intervals.
    """
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
    zero = 0 if quantity.scale == "difference" else 1
    times = {one.model: _time(one) for one in costs} if is_accuracy else {}
    narrow = width is not None and width < NARROW
    in_doubt = [one for one in panel.verdicts if doubted(one, assessment)]
    rows: list[dict[str, Any]] = [
        {
            "model": verdict.model,
            "estimate": _margin(verdict) if narrow else _estimate(verdict),
            "verdict": word(verdict) + (f" {DOUBT}" if verdict in in_doubt else ""),
            "time": times.get(verdict.model),
        }
        for verdict in panel.verdicts
    ]
    columns = [
        Column("model", "model", "left", names=True, priority=-1),
        Column("estimate", unit, "left", priority=-1),
        Column("drawn", f"interval around {zero}", "left", priority=3),
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
    notes = block_notes(panel, baseline, in_doubt, costs if is_accuracy else (), assessment)
    heading = f"{quantity.noun} against {baseline}"
    return heading, dataclasses.replace(table, rows=tuple(rows), notes=tuple(notes))


def _margin(verdict: Verdict) -> str | None:
    """Return ``+1.24 ± 0.14``, which is shorter than the ends of the interval."""
    estimate = verdict.estimate
    return None if estimate is None else figure_words.without_unit(estimate, verdict.quantity)


def _estimate(verdict: Verdict) -> str | None:
    """Return ``+1.24 [1.10, 1.38]``: the estimate and the ends of its interval."""
    estimate, quantity = verdict.estimate, verdict.quantity
    if estimate is None:
        return None
    factor = quantity.factor if quantity.scale == "difference" else 1
    value = factor * estimate.value
    if estimate.low is None or estimate.high is None or verdict.n == estimate_words.FEW:
        if quantity.scale != "difference":
            return figure_words.without_unit(estimate.bare, quantity)
        return formatting.signed(f"{value:.2f}", plus=True)
    low, high = factor * estimate.low, factor * estimate.high
    none = 0 if quantity.scale == "difference" else 1
    places = formatting.decimals(min(value - low, high - value) or 1)
    while places < MOST_PLACES and any(round(end - none, places) == 0 for end in (low, high)):
        places += 1
    shown = formatting.signed(f"{value:.{places}f}", plus=quantity.scale == "difference")
    return f"{shown} {formatting.minus(f'[{low:.{places}f}, {high:.{places}f}]')}"


def _drawn(panel: ForestPanel, room: int, in_doubt: Sequence[Verdict]) -> Iterator[str]:
    places = [(panel.value(verdict), panel.ends(verdict)) for verdict in panel.verdicts]
    ends = forest_range(places)
    for verdict, (value, interval) in zip(panel.verdicts, places, strict=True):
        firm = is_filled(verdict) and verdict not in in_doubt
        line = ForestLine(verdict.model, value, interval, firm, "")
        yield forest_cells(line, ends, room)


def _time(verdict: Verdict) -> str | None:
    """Return ``1.8 ± 0.1``, time as a multiple of the baseline's; None if not compared."""
    if verdict.refusal is not None or verdict.estimate is None:
        return None
    shown, ends = estimate_words.number(verdict.estimate)
    return f"{shown}{ends}"
