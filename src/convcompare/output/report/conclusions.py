"""What the reports concluded, each sentence beside what the runs say of it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

from convcompare.comparison.claims.findings import Finding, findings
from convcompare.comparison.study import study_of
from convcompare.store.run import Run
from convcompare.store.run_store import RunStore

from ..tables.table import Column, Link, Linked, Table
from .document import Block, Heading, Paragraph, TableBlock
from .sections import Section

CONCLUSIONS = (
    Column("report", "report"),
    Column("study", "study", "left"),
    Column("number", "№"),
    Column("claim", "conclusion", "left"),
    Column("told", "now", "left"),
    Column("evidence", "by what", "left"),
    Column("seeds", "seeds"),
    Column("runs", "runs, by seed", "left"),
)


def conclusions(sections: Sequence[Section], folder: Path | None = None) -> Iterator[Block]:
    """The table of all conclusions, by study; nothing where no section is a study.

    Runs are linked if their store lies in `folder` or beside it, and named by their ids otherwise.
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
            "report": study.report,
            "study": section.name,
            "number": one.claim.number,
            "claim": one.claim.sentence,
            "told": one.told,
            "evidence": one.evidence,
            "seeds": section.comparison.seeds,
            "runs": _runs(one, _place(section.source.store, folder)),
        }
        for section, study, one in found
    )
    yield Heading(2, "Conclusions of the reports")
    yield Paragraph(_counts([one for _, _, one in found]))
    yield TableBlock(Table(CONCLUSIONS, rows), "Conclusions of the reports, and the runs.")


def _counts(found: Sequence[Finding]) -> str:
    counts = Counter(one.outcome for one in found)
    early, lacking = counts["so far yes"] + counts["so far no"], counts["not recorded"]
    text = (
        f"Of {len(found)} the runs confirm {counts['confirmed']}, say otherwise of "
        f"{counts['refuted']} and do not tell {counts['undecided']}"
    )
    if early:
        text += f"; of {early} they tell what is so far, after fewer epochs than the report's"
    if lacking:
        text += f"; of {lacking} they have not recorded the figure"
    return (
        f"{text}. All verdicts of a study, those against its baseline and those of its "
        "conclusions, are adjusted together (Holm); sizes have intervals that hold jointly."
    )


def _place(store: RunStore, folder: Path | None) -> str | None:
    """The path from a report to the store; None if the store lies elsewhere, or is one file."""
    if folder is None or store.files.read_only:
        return None
    root, here = store.root.resolve(), folder.resolve()
    if not root.is_relative_to(here.parent):
        return None
    return quote(Path(os.path.relpath(root, here)).as_posix())


def _runs(one: Finding, place: str | None) -> Linked:
    """The runs of each network by seed: ``FCN 0 1 2``."""
    parts: list[str | Link] = []
    for label, runs in one.runs:
        parts.append(f"{'; ' if parts else ''}{label}")
        for run in runs:
            parts += [" ", _run(run, place)]
    return Linked(tuple(parts))


def _run(run: Run, place: str | None) -> str | Link:
    if place is None:
        return run.id
    return Link(str(run.trial.seed), f"{place}/{run.id}/run.json")
