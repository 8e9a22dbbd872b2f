"""Conclusions of the reports, each with its outcome and the estimate that decides it."""

from __future__ import annotations

import dataclasses
import math
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from convcompare.comparison.claims.findings import (
    Finding,
    Judged,
    Outcome,
    findings,
    without_runs,
)
from convcompare.comparison.claims.outcomes import is_direction, place
from convcompare.comparison.figures import figure_words
from convcompare.comparison.stats.estimates import FEWEST
from convcompare.comparison.study import study_of
from convcompare.core import formatting
from convcompare.store.run_store import RunStore

from ..plots.forest_rows import ForestPanel, is_filled
from ..tables.page_cells import DrawnInterval, Folded, Mark
from ..tables.table import Column, Link, Linked, Table
from .document import Block, Bullets, Heading, Paragraph, TableBlock
from .sections import Section

CONCLUSIONS = (
    Column("study", "study", "left"),
    Column("number", "№"),
    Column("claim", "conclusion", "left"),
    Column("outcome", "outcome", "left"),
    Column("interval", "estimate (dashed: claimed)", "left"),
    Column("evidence", "evidence", "left"),
    Column("seeds", "seeds"),
)
MARKS: dict[Outcome, tuple[str, Literal["yes", "no", "open", "none"]]] = {
    "confirmed": ("✓", "yes"),
    "contradicted": ("✗", "no"),
    "inconclusive": ("○", "open"),
    "not recorded": ("–", "none"),
    "supported so far": ("(✓)", "open"),
    "contradicted so far": ("(✗)", "open"),
}
"""Sign of each outcome, and its class on a page."""


def conclusions(sections: Sequence[Section], folder: Path | None) -> Iterator[Block]:
    """Yield the table of all conclusions, by study; nothing if no section is a study.

    Runs are linked if their store is in `folder` or beside it, and otherwise named by their ids.
    """
    found = [
        (section, study, one)
        for section in sections
        if (study := study_of(section.comparison))
        for one in findings(section.assessment)
    ]
    if not found:
        return
    rows = tuple(
        {
            "study": f"{section.name} (report {study.report})",
            "number": one.claim.number,
            "claim": one.claim.sentence,
            "outcome": mark(one.outcome),
            "interval": _interval(one.judged),
            "evidence": _evidence(one, _place(section.source.store, folder)),
            "seeds": formatting.span(*one.seeds) if one.seeds else None,
        }
        for section, study, one in found
    )
    yield Heading(2, "Conclusions of the reports")
    yield Paragraph(counts([one for _, _, one in found]))
    left = [(section.name, without_runs(section.assessment)) for section in sections]
    if any(sentence for _, sentence in left):
        yield Bullets([f"{name}: {sentence}" for name, sentence in left if sentence])
    yield Paragraph(
        "All verdicts of a study, those against its baseline and those of its conclusions, are "
        "adjusted together (Holm); sizes have intervals that hold jointly. The estimate is the "
        "first of those that decide the conclusion; the line across is no difference."
    )
    yield TableBlock(Table(CONCLUSIONS, rows), "Conclusions of the reports, and the runs.")


def mark(outcome: Outcome) -> Mark:
    """Return an outcome as a sign and a word."""
    sign, kind = MARKS[outcome]
    return Mark(sign, outcome, kind)


def counts(found: Sequence[Finding]) -> str:
    """Return a sentence with the number of conclusions per outcome."""
    number = Counter(one.outcome for one in found)
    parts = [f"{number[one]} {one}" for one in MARKS if number[one]]
    many = "1 conclusion is" if len(found) == 1 else f"{len(found)} conclusions are"
    return f"{many} examined: {', '.join(parts)}."


def _interval(judged: Sequence[Judged]) -> DrawnInterval | None:
    """Return the first estimate that decides a conclusion; None if it is a count."""
    for one in judged:
        verdict, statement = one.verdict, one.assertion.statement
        quantity = verdict.quantity
        estimate = verdict.estimate if is_direction(statement) else verdict.joint
        if verdict.refusal is not None or estimate is None or quantity.scale == "exact":
            continue
        if not math.isfinite(estimate.value) or (quantity.scale == "ratio" and estimate.value <= 0):
            continue
        shown = dataclasses.replace(verdict, estimate=estimate)
        panel = ForestPanel(quantity, (shown,))
        value, ends = panel.value(shown), panel.ends(shown)
        assert value is not None
        if verdict.n < FEWEST:
            estimate = estimate.bare
        text = figure_words.with_interval(estimate, quantity)
        claimed = statement.by
        target = None if claimed is None else place(claimed, quantity) * quantity.factor
        low, high = ends or (None, None)
        return DrawnInterval(text, value, low, high, target, is_filled(verdict))
    return None


def _evidence(one: Finding, at: str | None) -> Folded:
    """Return the figures that decide a conclusion, and its runs."""
    parts: list[str | Link] = [f"{one.evidence}. Runs: "]
    return Folded("evidence", Linked((*parts, *_runs(one, at))))


def _place(store: RunStore, folder: Path | None) -> str | None:
    """Return the path from a report to the store; None if it is elsewhere, or one file."""
    if folder is None or store.files.read_only:
        return None
    root, here = store.root.resolve(), folder.resolve()
    if not root.is_relative_to(here.parent):
        return None
    return quote(Path(os.path.relpath(root, here)).as_posix())


def _runs(one: Finding, at: str | None) -> Iterator[str | Link]:
    """Yield the runs of each network by seed: ``FCN 0 1 2``."""
    for number, (label, runs) in enumerate(one.runs):
        yield f"{'; ' if number else ''}{label}"
        for run in runs:
            yield " "
            yield run.id if at is None else Link(str(run.trial.seed), f"{at}/{run.id}/run.json")
