"""A report: what was compared, what came out, under which conditions, and how to have it again.

It is a function of run records alone: the same records give the same report. What is missing is
named, never left out.
"""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import __version__, register, units
from .blocks import (
    Block,
    Bullets,
    Command,
    Document,
    Facts,
    FigureBlock,
    Heading,
    Paragraph,
    TableBlock,
    Warnings,
    code,
    unique_names,
)
from .comparison import Comparison
from .comparison_table import comparison_table
from .conditions import changed_surroundings, conditions
from .data import Sources
from .drawing import Drawing
from .errors import DataError, UsageError, quote
from .plotting import Source
from .store import RunStore

MOST_NAMED = 6
"""Networks that a sentence names; of more it says how many."""


@dataclass(frozen=True)
class Section:
    """One comparison of a report: its runs, and what is to be said and drawn of them.

    ``name`` is short, and part of the names of the section's files where a report has several.
    ``figures`` are kinds of figures. ``verdicts`` and ``differences`` (from published figures) are
    sentences. ``columns`` are those of `columns.EXTRA` that the table has beyond the default ones.
    ``unfinished`` are sentences on the runs that have no end yet. ``extra`` follows the figures.
    """

    source: Source
    title: str
    summary: str = ""
    name: str | None = None
    figures: Sequence[str] = ()
    verdicts: Sequence[str] = ()
    differences: Sequence[str] = ()
    columns: Sequence[str] = ()
    unfinished: Sequence[str] = ()
    extra: Sequence[Block] = ()

    @property
    def comparison(self) -> Comparison:
        return self.source.comparison


def select(names: Sequence[str], store: RunStore, sources: Sources) -> list[Section]:
    """The sections that were asked for by name: the last comparison where none is named."""
    for name in names:
        if name != "latest":
            raise UsageError(
                f"there is nothing to report on by the name {quote(name)}",
                "`latest` is the last comparison",
            )
    comparison = Comparison.latest(store)
    source = Source(comparison, store, sources)
    kinds = [entry.name for entry in register.plot]
    waiting = unfinished(store, store.comparison(store.comparisons()[-1]))
    return [Section(source, "The latest comparison", figures=kinds, unfinished=waiting)]


def unfinished(store: RunStore, record: Mapping[str, Any]) -> list[str]:
    """The trials of a recorded comparison that have no end: they still run, or were stopped."""
    found = []
    for model in record["models"]:
        for run_id in model["trials"]:
            if store.outcome(run_id) is None:
                epochs = len(store.history(run_id))
                found.append(f"{code(model['model'])} (run {run_id}) half-done at epoch {epochs}")
    return found


def compose(sections: Sequence[Section]) -> Document:
    """The report of some comparisons, its figures drawn; call it within `drawing.styled`."""
    blocks: list[Block] = []
    for section in sections:
        blocks += [*_result(section), *_figures(section), *section.extra, *_terms(section)]
    made = " and ".join(sorted({section.comparison.created[:10] for section in sections}))
    return Document(
        "Convolutional networks compared",
        f"From run records of {made}, by convcompare {__version__}",
        _with_unique_drawings(blocks),
    )


def _result(section: Section) -> Iterator[Block]:
    """What was compared, what came out, and what a reader must know of it."""
    comparison = section.comparison
    yield Heading(2, section.title)
    if section.summary:
        yield Paragraph(section.summary)
    yield Paragraph(compared(comparison))
    if section.verdicts:
        yield Bullets(section.verdicts)
    if comparison.groups:
        table = comparison_table(comparison, section.source.store, section.columns)
        yield TableBlock(table, _caption(comparison))
    missing = [*_failures(comparison), *section.unfinished]
    if missing:
        yield Paragraph(f"Without a result: {'; '.join(missing)}.")
    warnings = [*comparison.warnings(), *changed_surroundings(comparison)]
    if warnings:
        yield Warnings(warnings)
    if section.differences:
        yield Heading(3, "Beside the published figures")
        yield Bullets(section.differences)


def compared(comparison: Comparison) -> str:
    """What was compared, in one sentence."""
    terms = comparison.conditions
    names = [code(group.label) for group in comparison.groups]
    if not names:
        return f"No network has a result on {code(terms.dataset)} yet."
    which = _listed(names) if len(names) <= MOST_NAMED else f"{len(names)} networks"
    seeds = f"{comparison.seeds} seeds" if comparison.seeds > 1 else "one seed"
    return (
        f"{which} {'was' if len(names) == 1 else 'were'} trained on {code(terms.dataset)} "
        f"({units.count(terms.train_images)} images of {terms.shape}) for {_epochs(comparison)} "
        f"with {seeds} each, and tested on {units.count(terms.test_images)} images."
    )


def _listed(names: Sequence[str]) -> str:
    *before, last = names
    return f"{', '.join(before)} and {last}" if before else last


def _caption(comparison: Comparison) -> str:
    return f"The networks on {code(comparison.conditions.dataset)} after {_epochs(comparison)}."


def _epochs(comparison: Comparison) -> str:
    epochs = comparison.conditions.epochs
    return f"{epochs} epochs" if epochs > 1 else "one epoch"


def _failures(comparison: Comparison) -> list[str]:
    return [f"{code(m)} (seed {run.trial.seed}) {run.status}" for m, run in comparison.failed]


def _figures(section: Section) -> Iterator[Block]:
    if not section.figures:
        return
    yield Heading(3, "Figures")
    if not any(group.finished for group in section.comparison.groups):
        yield Paragraph("There are none: no run has finished.")
        return
    for kind in section.figures:
        entry = register.plot[kind]
        try:
            drawings: list[Drawing] = entry.function(section.source)
        except UsageError as error:
            again = code(command(section.comparison, "--fresh"))
            yield Paragraph(f"Not recorded, {code(kind)}: {error.message}; {again} records it.")
        except DataError as error:
            hint = f" ({error.hint})" if error.hint else ""
            yield Paragraph(f"Not drawn, {code(kind)}: {error.message}{hint}.")
        else:
            yield from (_figure(drawing, entry.summary, section) for drawing in drawings)


def _figure(drawing: Drawing, summary: str, section: Section) -> FigureBlock:
    """A figure, under a caption that names the networks which are not in it."""
    rows = list(drawing.rows)
    title = drawing.name.replace("-", " ").capitalize()
    labels = [group.label for group in section.comparison.groups]
    caption, shown = f"{title}. {drawing.caption}", labels
    if tuple(drawing.columns[:1]) == ("model",):
        shown = [label for label in labels if label in {row[0] for row in rows}]
        absent = ", ".join(code(label) for label in labels if label not in shown)
        caption += f" Nothing of this kind is recorded of {absent}." if absent else ""
    name = f"{section.name}-{drawing.name}" if section.name else drawing.name
    alt = f"{title}: {summary}. Networks: {', '.join(shown)}."
    return FigureBlock(dataclasses.replace(drawing, name=name, caption=caption, rows=rows), alt)


def _terms(section: Section) -> Iterator[Block]:
    yield Heading(3, "Conditions")
    yield Facts(conditions(section.comparison))
    groups = section.comparison.groups
    if groups:
        yield Paragraph("The networks, with every option that they were built with:")
        yield Facts([(code(group.label), code(group.runs[0].trial.model)) for group in groups])
    if section.comparison.command:
        yield Heading(3, "The same again")
        yield Command(command(section.comparison))


def command(comparison: Comparison, *more: str) -> str:
    """What was typed, as a shell takes it."""
    added = [option for option in more if option not in comparison.command]
    return shlex.join(("convcompare", *comparison.command, *added))


def _with_unique_drawings(blocks: Sequence[Block]) -> list[Block]:
    """Drawings under names that are those of their files: safe, and no two the same."""
    names = iter(unique_names(b.drawing.name for b in blocks if isinstance(b, FigureBlock)))
    return [
        dataclasses.replace(block, drawing=dataclasses.replace(block.drawing, name=next(names)))
        if isinstance(block, FigureBlock)
        else block
        for block in blocks
    ]
