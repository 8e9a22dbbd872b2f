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
from dataclasses import dataclass, field
from typing import Literal

Sign = Literal[">", "<", "="]
"""Of the figure of the first network of a claim to that of the second."""
Compared = Literal["test_accuracy", "parameters", "macs", "gradient_start", "gradient_end"]
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
class Claim:
    """A conclusion of a report about networks of its table, in a figure of their runs.

    ``relation`` is ``>`` or ``<`` for more or less than `second`, ``=`` for no difference to
    speak of (`claims.SAME`). Where either names several networks, it holds of every pair.
    """

    sentence: str
    first: str | tuple[str, ...]
    relation: Sign
    second: str | tuple[str, ...]
    figure: Compared = "test_accuracy"

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Every two networks that it is about, the first one first."""
        firsts, seconds = (
            (side,) if isinstance(side, str) else side for side in (self.first, self.second)
        )
        return list(itertools.product(firsts, seconds))


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
