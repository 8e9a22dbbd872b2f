"""Verdicts as rows of a forest plot: their positions, and the text beside them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from convcompare.comparison.claims.outcomes import SAME
from convcompare.comparison.doubts import about
from convcompare.comparison.figures import figure_words
from convcompare.comparison.quantity import ACCURACY, Quantity
from convcompare.comparison.stats.estimates import FEWEST
from convcompare.comparison.verdict import Verdict

if TYPE_CHECKING:
    from convcompare.comparison.assessment import Assessment
    from convcompare.comparison.model_runs import ModelRuns

LARGEST = 1e300
"""Largest ratio that is drawn; larger ones are drawn at this position."""


@dataclass(frozen=True)
class ForestPanel:
    """The verdicts on one figure, the best network first.

    Positions are in the units of `place`: a difference in the unit of the figure, or the logarithm
    of a ratio. ``margin`` is in these units, too.
    """

    quantity: Quantity
    verdicts: tuple[Verdict, ...]

    @property
    def baselines(self) -> list[str]:
        """The networks that the others are compared with."""
        return list(dict.fromkeys(verdict.baseline for verdict in self.verdicts))

    def label(self, verdict: Verdict, model: str = "", baseline: str = "") -> str:
        """Return the label of a row: its network, and the baseline if there are several.

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
        """The size below which a difference hardly matters; None if there is none."""
        given = next((one.margin for one in self.verdicts if one.margin is not None), None)
        if given is None and self.quantity == ACCURACY:
            given = SAME
        return None if given is None else self.quantity.factor * given

    def place(self, value: float) -> float:
        """Return the position of a value of an estimate."""
        if not self.is_ratio:
            return self.quantity.factor * value
        return math.log(min(max(value, 1 / LARGEST), LARGEST))

    def value(self, verdict: Verdict) -> float | None:
        """Return the position of the estimate of a verdict; None if it has none."""
        estimate = verdict.estimate
        return None if estimate is None else self.place(estimate.value)

    def ends(self, verdict: Verdict) -> tuple[float, float] | None:
        """Return the ends of its interval; None for two seeds, which allow no useful one."""
        estimate = verdict.estimate
        if estimate is None or estimate.ends is None or 1 < verdict.n < FEWEST:
            return None
        low, high = estimate.ends
        return self.place(low), self.place(high)


def panels_of(verdicts: Sequence[Verdict]) -> list[ForestPanel]:
    """Return a panel per figure, in the order of the verdicts."""
    grouped = groupby(verdicts, key=lambda verdict: verdict.quantity)
    return [ForestPanel(quantity, tuple(_sorted(quantity, [*same]))) for quantity, same in grouped]


def _sorted(quantity: Quantity, verdicts: Sequence[Verdict]) -> Iterator[Verdict]:
    """Return the best first, or the largest; verdicts without an estimate are last."""
    known = [verdict for verdict in verdicts if verdict.estimate is not None]
    sign = 1 if quantity.best == "low" else -1
    yield from sorted(known, key=lambda verdict: sign * verdict.estimate.value)  # type: ignore[union-attr]
    yield from (verdict for verdict in verdicts if verdict.estimate is None)


def is_filled(verdict: Verdict) -> bool:
    """Return whether a verdict is decided; one seed decides nothing about architectures."""
    counted = verdict.quantity.scale == "exact"
    return verdict.settled and verdict.refusal is None and (verdict.n > 1 or counted)


def doubted(verdict: Verdict, assessment: Assessment) -> list[ModelRuns]:
    """Return which of a verdict's two networks have a run whose marks put it in doubt."""
    if verdict.quantity.scale == "exact":
        return []
    groups = [one for one in assessment.comparison.groups if one.label in verdict.labels]
    return [group for group in groups if assessment.doubts.of(group, about(verdict.quantity))]


def is_firm(verdict: Verdict, assessment: Assessment) -> bool:
    """Return whether a verdict is decided and not in doubt."""
    return is_filled(verdict) and not doubted(verdict, assessment)


def word(verdict: Verdict) -> str:
    """Return a verdict in a word or two; with few seeds, their number."""
    if 0 < verdict.n < FEWEST and verdict.quantity.scale != "exact":
        return "one seed" if verdict.n == 1 else "two seeds"
    return figure_words.outcome(verdict)


def beside(verdict: Verdict) -> str:
    """Return the text at the right of a row: the estimate with its interval, and the verdict."""
    estimate, quantity = verdict.estimate, verdict.quantity
    if figure_words.is_same(verdict):
        return "the same in all seeds"
    if estimate is None:
        return word(verdict)
    if 1 < verdict.n < FEWEST:
        estimate = estimate.bare
    sign = "" if quantity.scale == "difference" else "× "
    return f"{sign}{figure_words.without_unit(estimate, quantity)}  {word(verdict)}"


def inside(verdict: Verdict) -> str:
    """Return the reason why there is no estimate, which is written in its place."""
    words = figure_words.words(verdict)
    return words.partition(": ")[2] if verdict.refusal else words.partition("(")[2].rstrip(")")


def directions(quantity: Quantity) -> tuple[str, str]:
    """Return the meaning of the left and of the right side."""
    if quantity.best is None:
        return "less", "more"
    return ("worse", "better") if quantity.best == "high" else ("better", "worse")
