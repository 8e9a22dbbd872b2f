"""Studies: which networks a report compares, how it trained them, and what it published.

    @register.study("depth")
    def depth() -> Study:
        '''Two, four and six convolutions against a residual network.'''

A study is data. What it published is kept beside what the networks are, so that every difference
can be told.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from convcompare.core.registry import register

from .comparison import Comparison

Sign = Literal[">", "<", "=", ">=", "<="]
"""What a statement says of the figure of the first network to that of the second."""
MAIN = ("mnist", "cifar10", "kernel-size", "depth", "custom-layers", "residual-blocks")
"""The studies of report 002, one a table."""
FIGURES = ("learning-curves", "accuracy", "time", "confusion-matrix", "accuracy-vs-cost", "seeds")
"""The kinds of figure that every study has."""


@dataclass(frozen=True)
class Published:
    """What a report prints for one network; None where it prints nothing.

    ``time`` and ``epoch_time`` are seconds, on the report's own hardware; ``inference`` are
    milliseconds an image; ``gradient_start`` and ``gradient_end`` mean absolute gradients of the
    first layer. ``about`` says that the counts and fields are printed as rounded ones. ``notes``
    say what is wrong in the printed figures, one sentence each.
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

    ``parameters`` is the exact count of the network that was trained, None where the report leaves
    the network open. ``guessed`` marks a network that the report describes only in part.
    """

    name: str
    spec: str
    parameters: int | None
    published: Published = Published()
    epochs: int = 15
    guessed: bool = False


@dataclass(frozen=True)
class Statement:
    """What one figure of a network is to that of another, or to a number.

    ``sign`` is ``>`` or ``<`` for more or less; ``>=`` or ``<=`` for no less or no more, by a
    margin; ``=`` for equivalence within it. ``figure`` is a name of `figures.catalogue`. ``by``
    moves the comparison: a difference in the unit of the records (``0.1`` is 10 points), a factor
    of what is compared by ratios (``by=2`` is "double"). ``margin`` is such a size, too; None takes
    that of the figure. ``than`` is the network that it is compared with, if not that of the part.
    """

    sign: Sign
    figure: str = "accuracy"
    by: float | None = None
    margin: float | None = None
    than: str | None = None


@dataclass(frozen=True)
class ClaimPart:
    """What a claim says of some networks: of each of `first` to each of `second`, at least one of
    `any_of` holds.

    ``second`` are networks, or one number that the figure itself is compared with.
    """

    first: tuple[str, ...]
    second: tuple[str, ...] | float
    any_of: tuple[Statement, ...]

    def or_(self, sign: Sign, figure: str = "accuracy", *, than: str | None = None) -> ClaimPart:
        """The part with a further statement of which one is enough."""
        return replace(self, any_of=(*self.any_of, Statement(sign, figure, than=than)))

    @property
    def pairs(self) -> list[tuple[str, str | float]]:
        """Each of the first networks with each of the second, or with the number."""
        seconds = (self.second,) if isinstance(self.second, float) else self.second
        return list(itertools.product(self.first, seconds))

    @property
    def networks(self) -> set[str]:
        """The names of all networks that it is about."""
        others = {one.than for one in self.any_of if one.than is not None}
        return {*self.first, *(() if isinstance(self.second, float) else self.second), *others}


Names = str | tuple[str, ...]


def part(
    first: Names, sign: Sign, second: Names | float, figure: str = "accuracy", *,
    by: float | None = None, margin: float | None = None,
) -> ClaimPart:  # fmt: skip
    """A part with one statement; several names mean every pair of them."""
    firsts = (first,) if isinstance(first, str) else first
    seconds: tuple[str, ...] | float
    if isinstance(second, int | float):
        seconds = float(second)
    else:
        seconds = (second,) if isinstance(second, str) else second
    return ClaimPart(firsts, seconds, (Statement(sign, figure, by, margin),))


@dataclass(frozen=True)
class Claim:
    """A conclusion of a report about networks of its table: it holds if all its parts do.

    ``number`` is its row in `conclusions.CONCLUSIONS`; several claims may examine one row.
    """

    number: int
    sentence: str
    parts: tuple[ClaimPart, ...]

    @property
    def networks(self) -> set[str]:
        """The names of all networks that it is about."""
        return set[str]().union(*(one.networks for one in self.parts))


def claim(number: int, sentence: str, *parts: ClaimPart) -> Claim:
    """A conclusion with its parts."""
    return Claim(number, sentence, parts)


@dataclass(frozen=True)
class Study:
    """What one table of a report compares, under the recipe of the report.

    ``settings`` are those of `TrainConfig` in which all rows differ from the recipe ``report``;
    ``columns`` those that the table has beyond the default ones.
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
        """The row of that name."""
        return next((row for row in self.rows if row.name == name), None)


def study_named(name: str) -> Study:
    """The study of that name; UsageError if there is none."""
    found: Study = register.study[name].function()
    return found


def place_of(name: str) -> tuple[int, str]:
    """The place of a study by its name in a list: those of `MAIN` first, the others by name."""
    return (MAIN.index(name) if name in MAIN else len(MAIN)), name


def study_of(comparison: Comparison) -> Study | None:
    """The study that was run, if the runs are on its own data set."""
    if comparison.study is None or comparison.study not in register.study:
        return None
    found = study_named(comparison.study)
    return found if comparison.conditions.dataset == found.dataset else None
