"""Verdicts as rows of a forest plot: where each is drawn, and what stands beside it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from convcompare.comparison.claims.outcomes import SAME
from convcompare.comparison.doubts import about
from convcompare.comparison.figures import figure_words
from convcompare.comparison.figures.figure_tests import FEWEST
from convcompare.comparison.quantity import ACCURACY, Quantity
from convcompare.comparison.verdict import Verdict

if TYPE_CHECKING:
    from convcompare.comparison.assessment import Assessment
    from convcompare.comparison.model_runs import ModelRuns

LARGEST = 1e300
"""The ratio beyond which nothing is drawn further apart."""


@dataclass(frozen=True)
class ForestPanel:
    """The verdicts on one figure, the best network first.

    ``none`` is where two networks are alike, and ``margin`` what is closer than that; both are in
    the units of `place`, and so are the rows: a difference in the unit of the figure, or the
    logarithm of a ratio.
    """

    quantity: Quantity
    verdicts: tuple[Verdict, ...]

    @property
    def baselines(self) -> list[str]:
        """The networks that the others are held against."""
        return list(dict.fromkeys(verdict.baseline for verdict in self.verdicts))

    def label(self, verdict: Verdict, model: str = "", baseline: str = "") -> str:
        """What a row is called: its network, and the baseline if they are not all the same.

        `model` and `baseline` are shorter names of the two.
        """
        against = f" vs {baseline or verdict.baseline}" if len(self.baselines) > 1 else ""
        return f"{model or verdict.model}{against}"

    @property
    def is_ratio(self) -> bool:
        """Whether its axis is that of a ratio, which is logarithmic."""
        return self.quantity.scale != "difference"

    @property
    def margin(self) -> float | None:
        """The size below which a difference hardly matters; None where there is none."""
        given = next((one.margin for one in self.verdicts if one.margin is not None), None)
        if given is None and self.quantity == ACCURACY:
            given = SAME
        return None if given is None else self.quantity.factor * given

    def place(self, value: float) -> float:
        """Where a value of an estimate is drawn."""
        if not self.is_ratio:
            return self.quantity.factor * value
        return math.log(min(max(value, 1 / LARGEST), LARGEST))

    def value(self, verdict: Verdict) -> float | None:
        """Where the estimate of a verdict is drawn; None where it has none."""
        estimate = verdict.estimate
        return None if estimate is None else self.place(estimate.value)

    def ends(self, verdict: Verdict) -> tuple[float, float] | None:
        """The ends of its interval; None for two seeds, which allow no useful one."""
        estimate = verdict.estimate
        if estimate is None or estimate.ends is None or 1 < verdict.n < FEWEST:
            return None
        low, high = estimate.ends
        return self.place(low), self.place(high)


def panels_of(verdicts: Sequence[Verdict]) -> list[ForestPanel]:
    """A panel for each figure, in the order of the verdicts."""
    grouped = groupby(verdicts, key=lambda verdict: verdict.quantity)
    return [ForestPanel(quantity, tuple(_sorted(quantity, [*same]))) for quantity, same in grouped]


def _sorted(quantity: Quantity, verdicts: Sequence[Verdict]) -> Iterator[Verdict]:
    """The best first, or the largest; what has no estimate last."""
    known = [verdict for verdict in verdicts if verdict.estimate is not None]
    sign = 1 if quantity.best == "low" else -1
    yield from sorted(known, key=lambda verdict: sign * verdict.estimate.value)  # type: ignore[union-attr]
    yield from (verdict for verdict in verdicts if verdict.estimate is None)


def is_filled(verdict: Verdict) -> bool:
    """Whether it is decided; one seed decides nothing about architectures."""
    counted = verdict.quantity.scale == "exact"
    return verdict.settled and verdict.refusal is None and (verdict.n > 1 or counted)


def doubted(verdict: Verdict, assessment: Assessment) -> list[ModelRuns]:
    """Which of its two networks have a run whose marks put the verdict in doubt."""
    if verdict.quantity.scale == "exact":
        return []
    sides = (verdict.model, verdict.baseline)
    groups = [group for group in assessment.comparison.groups if group.label in sides]
    return [group for group in groups if assessment.doubts.of(group, about(verdict.quantity))]


def is_firm(verdict: Verdict, assessment: Assessment) -> bool:
    """Whether it is decided, and nothing puts it in doubt."""
    return is_filled(verdict) and not doubted(verdict, assessment)


def word(verdict: Verdict) -> str:
    """What a verdict comes to, in a word or two: of few seeds that they are few."""
    if 0 < verdict.n < FEWEST and verdict.quantity.scale != "exact":
        return "one seed" if verdict.n == 1 else "two seeds"
    return figure_words.outcome(verdict)


def beside(verdict: Verdict) -> str:
    """What stands at the right of a row: the estimate with its interval, and what it comes to."""
    estimate, quantity = verdict.estimate, verdict.quantity
    if figure_words.is_same(verdict):
        return "the same in all seeds"
    if estimate is None:
        return word(verdict)
    if 1 < verdict.n < FEWEST:
        estimate = estimate.bare
    shown = figure_words.with_interval(estimate, dataclasses.replace(quantity, unit=""))
    sign = "" if quantity.scale == "difference" else "× "
    return f"{sign}{shown.replace(' times', '')}  {word(verdict)}"


def inside(verdict: Verdict) -> str:
    """What is written in place of an estimate: why there is none."""
    words = figure_words.words(verdict)
    return words.partition(": ")[2] if verdict.refusal else words.partition("(")[2].rstrip(")")


def directions(quantity: Quantity) -> tuple[str, str]:
    """What lies at the left and what at the right."""
    if quantity.best is None:
        return "less", "more"
    return ("worse", "better") if quantity.best == "high" else ("better", "worse")
