"""Needs of undecided statements: seeds, epochs, or a figure that was not recorded."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ..figures.catalogue import MEASURED, named
from ..quantity import Quantity
from ..stats import dispersion, estimates
from ..stats.estimates import FEWEST, smallest
from ..stats.paired import Spread
from ..stats.power import POWER, power_of, power_within
from ..stats.sequential import MOST_SEEDS
from ..stats.shared import FEWEST as SHARING
from ..verdict import Verdict
from .findings import Judged
from .outcomes import FinalOutcome, is_direction, margin_of, place

Lack = Literal[
    "seeds", "epochs", "first seeds", "spread", "not recorded", "weights", "too close", "other"
]
"""Kind of need. "seeds": more seeds, by the power of the test. "epochs": those of the
report. "first seeds": a first comparison. "spread": enough seeds to compare spreads. "not
recorded": a figure of runs that are trained again. "weights": a figure measured on stored weights.
"too close": more than `MOST_SEEDS` seeds. "other": something that seeds do not change."""


@dataclass(frozen=True)
class Need:
    """Seeds, epochs or records that would decide a statement.

    ``seeds`` is the number per network; None if no number up to `MOST_SEEDS` is known to suffice.
    ``would`` is the outcome if the true difference is the observed one; None if none was observed
    under the report's conditions. ``sizes`` are the observed distance from the nearest boundary of
    the statement, and the distance that `MOST_SEEDS` seeds detect, in the unit of the figure or as
    factors.
    """

    lack: Lack
    seeds: int | None
    would: FinalOutcome | None = None
    sizes: tuple[float, float] | None = None


@dataclass(frozen=True)
class Aim:
    """Condition on an interval that decides a statement: all beyond a boundary, or in a margin.

    ``effect`` is the distance of the estimate from the boundary, or from the centre of the margin;
    ``level`` is 1 minus the confidence level of the interval.
    """

    would: FinalOutcome
    effect: float
    level: float
    margin: float | None = None

    def power(self, spread: float, n: int, freedom: int) -> float:
        """Return the probability that n seeds meet the condition."""
        effect = self.effect / spread
        if self.margin is None:
            return power_of(effect, n, self.level, freedom)
        return power_within(effect, self.margin / spread, n, self.level, freedom)

    @property
    def distance(self) -> float:
        """Distance of the estimate from the boundary at which the statement is undecided."""
        return self.effect if self.margin is None else self.margin - self.effect


def need(judged: Judged, networks: int, seeds: int, kept: bool) -> Need:
    """Return the seeds, epochs or records that would decide a statement.

    Seeds that do not count, such as those of runs at chance level, are replaced by further ones.

    Args:
        judged: The statement with the verdict on it.
        networks: Number of networks that are trained for the claim; fewer than three share no
            spread.
        seeds: Number of finished seeds of each of them.
        kept: Whether their weights are in the store.
    """
    verdict, measure = judged.verdict, named(judged.assertion.statement.figure)
    if judged.early:
        fewest = dispersion.FEWEST if measure.test == "spread" else FEWEST
        return Need("epochs", max(seeds, fewest))
    if judged.final_outcome == "not recorded":
        if measure.recorded_by is None:
            return Need("other", None)
        with_weights = kept and measure.recorded_by == MEASURED and seeds >= FEWEST
        return Need("weights" if with_weights else "not recorded", max(seeds, FEWEST))
    if verdict.refusal is not None:
        return Need("other", None)
    lost = max(0, seeds - verdict.n)
    if measure.test == "spread":
        few = verdict.n < dispersion.FEWEST
        return Need("spread", dispersion.FEWEST + lost) if few else Need("other", None)
    if verdict.n < FEWEST:
        return Need("first seeds", FEWEST + lost)
    if not verdict.spreads or verdict.estimate is None:
        return Need("other", None)
    found = _by_power(aims(judged), verdict, networks)
    return found if found.seeds is None else replace(found, seeds=found.seeds + lost)


def aims(judged: Judged) -> list[Aim]:
    """Return the conditions that decide the statement if the true difference is as observed.

    One of them is sufficient.
    """
    statement, verdict = judged.assertion.statement, judged.verdict
    assert verdict.estimate is not None
    found = place(verdict.estimate.value, verdict.quantity)
    joint = estimates.bonferroni(verdict.family)
    above = statement.sign in (">", ">=")
    if is_direction(statement):
        return [Aim(_outcome((found > 0) == above), abs(found), verdict.level or joint)]
    away = found - (0.0 if statement.by is None else place(statement.by, verdict.quantity))
    if statement.sign in (">", "<"):
        return [Aim(_outcome((away > 0) == above), abs(away), joint)]
    margin = margin_of(statement, verdict.quantity)
    if statement.sign == "=":
        if abs(away) < margin:
            return [Aim("confirmed", abs(away), joint, margin)]
        return [Aim("contradicted", abs(away) - margin, joint)]
    upward = away if above else -away
    holds = [Aim("confirmed", upward + margin, joint)] if upward > -margin else []
    level = (verdict.level if statement.by is None else None) or joint
    fails = [Aim("contradicted", -upward, level)] if upward < 0 else []
    return [*holds, *fails]


def _outcome(holds: bool) -> FinalOutcome:
    return "confirmed" if holds else "contradicted"


def _by_power(ways: Sequence[Aim], verdict: Verdict, networks: int) -> Need:
    """Return the need of the fewest seeds, more than now, that give one aim 80 % power."""
    for seeds in range(verdict.n + 1, MOST_SEEDS + 1):
        for aim in ways:
            if _power(aim, verdict, seeds, networks) >= POWER:
                return Need("seeds", seeds, aim.would)
    nearest = max(ways, key=lambda aim: _power(aim, verdict, MOST_SEEDS, networks))
    sizes = nearest.distance, _smallest(nearest, verdict, networks)
    return Need("too close", None, nearest.would, _shown(sizes, verdict.quantity))


def _power(aim: Aim, verdict: Verdict, seeds: int, networks: int) -> float:
    """Return the power of the weakest of the tests, all of which must meet the aim."""
    return min(
        aim.power(one.deviation, seeds, _freedom(one, verdict.n, seeds, networks))
        for one in verdict.spreads
    )


def _freedom(spread: Spread, n: int, seeds: int, networks: int) -> int:
    """Return the degrees of freedom with more seeds; two networks alone have no shared spread."""
    lent = spread.freedom - (n - 1) if networks >= SHARING else 0
    return seeds - 1 + lent


def _smallest(aim: Aim, verdict: Verdict, networks: int) -> float:
    """Return the smallest distance from the boundary that `MOST_SEEDS` seeds detect.

    Infinite if the margin is too narrow for them.
    """

    def found(distance: float) -> bool:
        effect = distance if aim.margin is None else aim.margin - distance
        return _power(Aim(aim.would, effect, aim.level, aim.margin), verdict, MOST_SEEDS,
                      networks) >= POWER  # fmt: skip

    if aim.margin is not None and not found(aim.margin):
        return math.inf
    return smallest(found, aim.margin or max(one.deviation for one in verdict.spreads))


def _shown(sizes: tuple[float, float], quantity: Quantity) -> tuple[float, float]:
    turn: Callable[[float], float] = math.exp if quantity.scale == "ratio" else float
    return turn(sizes[0]), math.inf if math.isinf(sizes[1]) else turn(sizes[1])
