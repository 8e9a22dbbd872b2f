"""Studies: the networks of a published table, how they were trained, and the published figures.

    @register.study("depth")
    def depth() -> Study:
        '''Two, four and six convolutions against a residual network.'''

A study is data. It has both the published figures and the actual networks, so that every
discrepancy can be reported.
"""

from __future__ import annotations

import itertools
from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from convcompare.core.registry import register

from .comparison import Comparison

Sign = Literal[">", "<", "=", ">=", "<="]
"""Relation of the figure of the first network to that of the second."""
MAIN = ("mnist", "cifar10", "kernel-size", "depth", "custom-layers", "residual-blocks")
"""Studies of report 002, one per table."""
FIGURES = ("learning-curves", "accuracy", "time", "confusion-matrix", "accuracy-vs-cost", "seeds")
"""Kinds of figure of every study."""


@dataclass(frozen=True)
class Published:
    """Published figures of one network; None for figures that the report does not have.

    ``time`` and ``epoch_time`` are seconds on the report's hardware, ``inference`` is milliseconds
    per image, ``gradient_start`` and ``gradient_end`` are mean absolute gradients of the first
    layer. ``about`` is True if the report gives counts and receptive fields as rounded. ``notes``
    are errors in the published figures, one sentence each.
    """

    parameters: float | None = None
    test_loss: float | None = None
    train_loss: float | None = None
    test_accuracy: float | None = None
    train_accuracy: float | None = None
    time: float | None = None
    epoch_time: float | None = None
    inference: float | None = None
    receptive_field: int | None = None
    gradient_start: float | None = None
    gradient_end: float | None = None
    about: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class StudyRow:
    """One network of a study: its name in the report, and the spec that builds it.

    ``parameters`` is the exact number of parameters of the network, None if the report does not
    determine it. ``guessed`` is True if the report describes the network only in part.
    """

    name: str
    spec: str
    parameters: int | None
    published: Published = Published()
    epochs: int = 15
    guessed: bool = False


@dataclass(frozen=True)
class Statement:
    """Relation of a figure of one network to that of another network, or to a number.

    ``sign`` is ``>`` or ``<`` for more or less; ``>=`` or ``<=`` for no less or no more, within a
    margin; ``=`` for equivalence within the margin. ``figure`` is a name of `figures.catalogue`.
    ``by`` shifts the comparison: by a difference in the unit of the records (``0.1`` is 10 points),
    or by a factor for figures that are compared by ratios (``by=2`` is "double"). ``margin`` has
    the same unit; None is the default margin of the figure. ``than`` replaces the second network.
    """

    sign: Sign
    figure: str = "accuracy"
    by: float | None = None
    margin: float | None = None
    than: str | None = None


@dataclass(frozen=True)
class ClaimPart:
    """Part of a claim: for each network of `first` and each of `second`, one of `any_of` holds.

    ``second`` are networks, or a number with which the figure is compared.
    """

    first: tuple[str, ...]
    second: tuple[str, ...] | float
    any_of: tuple[Statement, ...]

    def or_(self, sign: Sign, figure: str = "accuracy", *, than: str | None = None) -> ClaimPart:
        """Return the part with a further alternative statement."""
        return replace(self, any_of=(*self.any_of, Statement(sign, figure, than=than)))

    @property
    def pairs(self) -> list[tuple[str, str | float]]:
        """All pairs of a first network with a second one, or with the number."""
        seconds = (self.second,) if isinstance(self.second, float) else self.second
        return list(itertools.product(self.first, seconds))

    @property
    def networks(self) -> set[str]:
        """Names of all networks in this part."""
        others = {one.than for one in self.any_of if one.than is not None}
        return {*self.first, *(() if isinstance(self.second, float) else self.second), *others}


Names = str | tuple[str, ...]


def part(
    first: Names, sign: Sign, second: Names | float, figure: str = "accuracy", *,
    by: float | None = None, margin: float | None = None,
) -> ClaimPart:  # fmt: skip
    """Return a part with one statement, for every pair of a first and a second network."""
    firsts = (first,) if isinstance(first, str) else first
    seconds: tuple[str, ...] | float
    if isinstance(second, int | float):
        seconds = float(second)
    else:
        seconds = (second,) if isinstance(second, str) else second
    return ClaimPart(firsts, seconds, (Statement(sign, figure, by, margin),))


@dataclass(frozen=True)
class Claim:
    """A conclusion of a report about networks of its table, which holds if all parts hold.

    ``number`` is the conclusion in docs/conclusions.toml; several claims may examine the same.
    """

    number: int
    sentence: str
    parts: tuple[ClaimPart, ...]

    @property
    def networks(self) -> set[str]:
        """Names of all networks in this claim."""
        return set[str]().union(*(one.networks for one in self.parts))


def claim(number: int, sentence: str, *parts: ClaimPart) -> Claim:
    """Return a claim with these parts."""
    return Claim(number, sentence, parts)


@dataclass(frozen=True)
class Study:
    """The networks of one table of a report, trained as in the report.

    ``settings`` are the fields of `TrainConfig` in which all rows differ from the recipe
    ``report``, ``columns`` the columns of the table in addition to the default ones.
    """

    report: str
    title: str
    dataset: str
    rows: tuple[StudyRow, ...]
    columns: tuple[str, ...] = ()
    figures: tuple[str, ...] = FIGURES
    settings: Mapping[str, str] = field(default_factory=dict)
    claims: tuple[Claim, ...] = ()

    def row(self, name: str) -> StudyRow | None:
        """Return the row of this name; None if there is none."""
        return next((row for row in self.rows if row.name == name), None)

    def epochs_of(self, names: Container[str]) -> set[int]:
        """Return the numbers of epochs of these networks in the report."""
        return {row.epochs for row in self.rows if row.name in names}


def study_named(name: str) -> Study:
    """Return the study of this name. Raises UsageError if there is none."""
    found: Study = register.study[name].function()
    return found


def place_of(name: str) -> tuple[int, str]:
    """Return the sort key of a study: those of `MAIN` first, the others by name."""
    return (MAIN.index(name) if name in MAIN else len(MAIN)), name


def study_of(comparison: Comparison) -> Study | None:
    """Return the study of a comparison if it was run on the study's own data set, else None."""
    if comparison.study is None or comparison.study not in register.study:
        return None
    found = study_named(comparison.study)
    return found if comparison.conditions.dataset == found.dataset else None
