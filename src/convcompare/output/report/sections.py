"""The comparisons of a report, and the content of each of its sections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from convcompare.comparison.assessment import Assessment
from convcompare.comparison.comparison import Comparison
from convcompare.comparison.robustness import is_measured
from convcompare.comparison.selection import select as choose
from convcompare.comparison.selection import studies_of
from convcompare.comparison.study import FIGURES, MAIN, place_of, study_named, study_of
from convcompare.core.registry import register
from convcompare.data.dataset import Sources
from convcompare.store.robustness_record import ROBUSTNESS
from convcompare.store.run_store import RunStore

from ..plots.source import Source

OWN_COLUMNS = ("epoch-time", "inference", "macs", "memory")
OWN_FIGURES = (*FIGURES, "calibration", "activations", "feature-maps", "gradients",
               "receptive-field")  # fmt: skip
"""Figures in the report of a comparison that is not a study."""


@dataclass(frozen=True)
class Section:
    """One comparison of a report: its runs, texts, figures and columns.

    ``name`` is short, and part of the file names of the section if a report has several sections.
    ``figures`` are kinds of figures; ``columns`` are those of `columns.EXTRA` that the table has in
    addition to the default ones.
    """

    source: Source
    title: str
    summary: str = ""
    name: str | None = None
    figures: Sequence[str] = ()
    columns: Sequence[str] = ()

    @property
    def comparison(self) -> Comparison:
        """The comparison of the section."""
        return self.source.comparison

    @cached_property
    def assessment(self) -> Assessment:
        """The assessment of the comparison."""
        return self.source.assessment


def select(names: Sequence[str], store: RunStore, sources: Sources) -> list[Section]:
    """Return the requested sections, each by the name of a study, ``latest``, or a model.

    By default: every study that was run, and the latest comparison if it is not one of them.
    """
    comparisons = [choose(store, [name]) for name in names] or _latest_of_each(store)
    return [_section(comparison, store, sources) for comparison in comparisons]


def _latest_of_each(store: RunStore) -> list[Comparison]:
    latest = Comparison.latest(store)
    studies = [Comparison.load(store, record) for record in studies_of(store).values()]
    studies.sort(key=lambda comparison: place_of(str(comparison.study)))
    return [*([] if latest.study else [latest]), *studies]


def _section(comparison: Comparison, store: RunStore, sources: Sources) -> Section:
    source = Source(comparison, store, sources)
    damaged = (ROBUSTNESS,) if is_measured(comparison, store) else ()
    first = ("verdicts",) if len(comparison.groups) > 1 else ()
    if comparison.study is None or comparison.study not in register.study:
        figures = (*first, *OWN_FIGURES, *_further(comparison), *damaged)
        title = comparison.name or f"Comparison on {comparison.conditions.dataset}"
        return Section(source, title, figures=figures, columns=OWN_COLUMNS)
    study = study_named(comparison.study)
    columns = (*study.columns, "published") if study_of(comparison) else study.columns
    title = study.title if comparison.study in MAIN else f"{study.title} (report {study.report})"
    shown = tuple(dict.fromkeys((*first, *study.figures, *damaged)))
    return Section(
        source,
        title,
        f"{register.study[comparison.study].summary}.",
        comparison.study,
        shown,
        tuple(columns),
    )


def _further(comparison: Comparison) -> tuple[str, ...]:
    """Return figures that only some comparisons have: with two runs, or several learning rates."""
    runs = sum(len(group.finished) for group in comparison.groups)
    several = ("disagreements", "similarity") if runs > 1 else ()
    return (*several, "learning-rates") if comparison.rates else several
