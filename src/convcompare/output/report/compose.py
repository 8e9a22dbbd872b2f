"""A report: the comparison, its results, its conditions, and how to reproduce it.

It is a function of run records alone: the same records give the same report. Missing results are
named, never left out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from convcompare.comparison.comparison import Comparison
from convcompare.comparison.figures.recorded_command import repeating_commands, retraining_command
from convcompare.comparison.robustness import Robustness
from convcompare.core import formatting
from convcompare.core.errors import DataError, UsageError
from convcompare.core.registry import register
from convcompare.core.version import __version__
from convcompare.store.robustness_record import ROBUSTNESS

from ..code_spans import code
from ..plots.rendered import RenderedFigure
from ..tables.robustness_table import robustness_table
from ..tables.table import Caution
from ..tables.verdict_columns import assessed_table
from .bibliography import bibtex
from .conclusions import conclusions
from .discrepancies import differences
from .document import (
    Block,
    Bullets,
    CommandBlock,
    Details,
    Document,
    Facts,
    FigureBlock,
    Heading,
    Paragraph,
    TableBlock,
    Warnings,
    unique_names,
)
from .drawn import Outcome, Place, draw_figures
from .front import box, front
from .methods import as_latex, as_text, cited, methods
from .sections import Section
from .setup import changed_surroundings, conditions, trained_seeds

FOREST = "verdicts"
"""Kind of figure that comes first."""
BESIDE = (
    "The works are in `report.bib` as BibTeX, this paragraph is in `methods.tex`, and the tables "
    "are in `tables/` for LaTeX."
)
FEW_NOTES = 2
"""Maximum number of notes below a table, besides cautions; the others are folded."""
MOST_NAMED = 6
"""Maximum number of networks that a sentence names; more are counted."""


def compose(
    sections: Sequence[Section],
    folder: Path | None = None,
    drawn: Mapping[Place, Outcome] | None = None,
) -> Document:
    """Return the report of some comparisons.

    Args:
        sections: The comparisons, in their order.
        folder: Folder of the report: conclusions link to records of runs that are beside it.
        drawn: The figures, from `draw_figures` [default: they are drawn now].
    """
    drawn = draw_figures(sections) if drawn is None else drawn
    each = [
        {kind: one for (of, kind), one in drawn.items() if of == number}
        for number in range(len(sections))
    ]
    blocks: list[Block] = [*front(sections)]
    if len(sections) == 1:
        blocks += [*_figures(sections[0], each[0], (FOREST,)), *_table(sections[0])]
    blocks += [*box(sections), *conclusions(sections, folder)]
    for section, figures in zip(sections, each, strict=True):
        blocks += _section(section, figures, alone=len(sections) == 1)
    beside = {}
    if text := methods(sections):
        blocks += [Heading(2, "Methods"), Paragraph(as_text(text)), Paragraph(BESIDE)]
        beside = {"report.bib": bibtex(cited(text)), "methods.tex": as_latex(text)}
    subtitle = f"{_records(sections)}, by convcompare {__version__}"
    document = Document("Convolutional networks compared", subtitle, blocks, beside)
    names = unique_names(one.name for one in document.figures)
    pairs = zip(document.figures, names, strict=True)
    return document.with_figures(dataclasses.replace(one, name=name) for one, name in pairs)


def _records(sections: Sequence[Section]) -> str:
    """Describe the sources of the report: the days of the first and the last ended run."""
    days = sorted({run.ended[:10] for section in sections for run in section.comparison.runs})
    if not days:
        return "No run has ended yet"
    return f"From run records of {' to '.join(dict.fromkeys((days[0], days[-1])))}"


def _section(section: Section, drawn: Mapping[str, Outcome], alone: bool) -> Iterator[Block]:
    """Yield what was compared, the results, and the caveats.

    The table and the forest plot of a comparison that is `alone` are on the first page.
    """
    comparison = section.comparison
    yield Heading(2, section.title)
    if section.summary:
        yield Paragraph(section.summary)
    yield Paragraph(compared(comparison))
    if not alone:
        yield from _figures(section, drawn, (FOREST,))
        yield from _table(section)
    if found := section.assessment.sentences:
        yield Bullets([*found, *section.assessment.notes])
    missing = [f"{code(m)} (seed {run.trial.seed}) {run.status}" for m, run in comparison.failed]
    missing += _unfinished(section)
    if missing:
        yield Paragraph(f"Without a result: {'; '.join(missing)}.")
    warnings = [*section.assessment.warnings(each=True), *changed_surroundings(comparison)]
    if warnings:
        yield Warnings(warnings)
    if discrepancies := differences(section.assessment):
        yield Heading(3, "Discrepancies with published values")
        yield Bullets(discrepancies)
    yield from _on_damaged(section)
    others = [kind for kind in section.figures if kind != FOREST]
    if others:
        yield Heading(3, "Figures")
        yield from _figures(section, drawn, others)
    yield from _terms(section)


def _table(section: Section) -> Iterator[Block]:
    if section.comparison.groups:
        table = assessed_table(section.assessment, section.columns)
        others = [note for note in table.notes if not isinstance(note, Caution)]
        kept = [note for note in table.notes if note not in others[FEW_NOTES:]]
        data = code(section.comparison.conditions.dataset)
        caption = f"The networks on {data} after {_epochs(section.comparison)}."
        yield TableBlock(dataclasses.replace(table, notes=tuple(kept)), caption)
        if more := others[FEW_NOTES:]:
            yield Details(formatting.several(len(more), "more note"), [Bullets(more)])


def _on_damaged(section: Section) -> Iterator[Block]:
    """Yield the results on damaged images, if they were measured."""
    if ROBUSTNESS not in section.figures:
        return
    yield Heading(3, "On damaged images")
    found = Robustness(section.comparison, section.source.store)
    try:
        table = robustness_table(found)
    except UsageError as error:
        yield Paragraph(f"Not shown: {error.message}; {error.hint}.")
        return
    yield TableBlock(table, "Test accuracy by kind of damage.")


def compared(comparison: Comparison) -> str:
    """Describe what was compared, in one sentence."""
    terms = comparison.conditions
    names = [code(group.label) for group in comparison.groups]
    if not names:
        return f"No network has a result on {code(terms.dataset)} yet."
    which = formatting.series(names) if len(names) <= MOST_NAMED else f"{len(names)} networks"
    return (
        f"{which} {'was' if len(names) == 1 else 'were'} trained on {code(terms.dataset)} "
        f"({terms.trained_on}{', each' if terms.cut else ' of'} {terms.shape}) for "
        f"{_epochs(comparison)} with {trained_seeds(comparison)} each, and tested on "
        f"{formatting.count(terms.test_images)} images."
    )


def _unfinished(section: Section) -> list[str]:
    """Describe the runs without an end, which still run or were interrupted."""
    store, found = section.source.store, []
    for label, run_id in section.comparison.unfinished:
        with store.skipping_damage():
            done = len(store.history(run_id))
            found.append(f"{code(label)} (run {run_id}) incomplete at epoch {done}")
    for label, run_id in section.comparison.missing:
        found.append(f"{code(label)} (run {run_id}) not in the store")
    return found


def _epochs(comparison: Comparison) -> str:
    epochs = comparison.conditions.epochs
    return f"{epochs} epochs" if epochs > 1 else "one epoch"


def _figures(
    section: Section, drawn: Mapping[str, Outcome], kinds: Sequence[str]
) -> Iterator[Block]:
    kinds = [kind for kind in kinds if kind in section.figures]
    if kinds and not any(group.finished for group in section.comparison.groups):
        yield Paragraph("There are no figures: no run has finished.")
        return
    for kind in kinds:
        found = drawn[kind]
        if isinstance(found, UsageError):
            again = code(retraining_command(section.comparison))
            yield Paragraph(f"Not recorded, {code(kind)}: {found.message}; {again} records it.")
        elif isinstance(found, DataError):
            hint = f" ({found.hint})" if found.hint else ""
            yield Paragraph(f"Not drawn, {code(kind)}: {found.message}{hint}.")
        else:
            summary = register.plot[kind].summary
            yield from (_figure(one, summary, section) for one in found)


def _figure(figure: RenderedFigure, summary: str, section: Section) -> FigureBlock:
    """Return a figure with a caption that names the networks that are not in it."""
    title = figure.name.replace("-", " ").capitalize()
    labels = [group.label for group in section.comparison.groups]
    caption, shown = f"{title}. {figure.caption}", labels
    if figure.models is not None:
        shown = [label for label in labels if label in figure.models]
        absent = ", ".join(code(label) for label in labels if label not in shown)
        caption += f" Nothing of this kind is recorded of {absent}." if absent else ""
    name = f"{section.name}-{figure.name}" if section.name else figure.name
    alt = figure.alt or f"{title}: {summary}. Networks: {', '.join(shown)}."
    return FigureBlock(dataclasses.replace(figure, name=name, caption=caption, alt=alt))


def _terms(section: Section) -> Iterator[Block]:
    groups = section.comparison.groups
    yield Heading(3, "Conditions")
    blocks: list[Block] = [Facts(conditions(section.comparison))]
    resolved = [(group.label, group.runs[0].trial.model) for group in groups]
    built = [(code(label), code(model)) for label, model in resolved if label != model]
    if built:
        blocks += [Paragraph("The networks with the values of all their options:"), Facts(built)]
    yield Details("Data, recipe, machine, versions, networks", blocks)
    if section.comparison.command:
        commands = repeating_commands(section.comparison)
        words = "command that reproduces" if len(commands) == 1 else "commands that reproduce"
        yield Paragraph(f"The {words} it:")
        yield from map(CommandBlock, commands)
