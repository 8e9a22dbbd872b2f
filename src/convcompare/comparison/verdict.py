"""Verdicts as data: the relation of one network to another in one figure.

`verdicts` turns them into text.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from .quantity import Quantity
from .stats.estimates import Estimate, inverse

if TYPE_CHECKING:
    from .stats.paired import Spread

Relation = Literal["higher", "lower", "equal", "equivalent", "unclear", "too few", "refused"]
"""Relation of the model's figure to the baseline's. "equal": the same count. "equivalent": closer
than a margin, by a test. "too few": the seeds could have missed a difference that matters."""
Reason = Literal[
    "no run",
    "no common seed",
    "settings",
    "machine",
    "no time",
    "not recorded",
    "no value",
    "never reached",
]


@dataclass(frozen=True)
class Differing:
    """A setting that is not the same in all runs of two networks, with the values of both."""

    name: str
    model: tuple[str, ...]
    baseline: tuple[str, ...]


@dataclass(frozen=True)
class Refusal:
    """Why two networks are not compared.

    ``models`` are the networks without a finished run, or those whose runs shared the machine;
    ``stopped`` are those whose process was stopped during the timing; ``differing`` are settings of
    the runs, or properties of the machines on which they were timed.
    """

    reason: Reason
    models: tuple[str, ...] = ()
    differing: tuple[Differing, ...] = ()
    stopped: tuple[str, ...] = ()

    @property
    def by_marks(self) -> bool:
        """Whether the marks of runs are the only reason, of which other sentences tell."""
        return self.reason == "machine" and not self.differing


@dataclass(frozen=True)
class LeftOut:
    """Seeds that a contrast leaves out, because `model` has no finished run of them."""

    model: str
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class Verdict:
    """Relation of ``model`` to ``baseline`` in one figure, and the test behind it.

    Attributes:
        n: Number of seeds that both networks have.
        estimate: Model minus baseline, or model over baseline, according to ``quantity.scale``, in
            the unit of the records (accuracies are fractions); None if nothing was compared. The
            interval has the confidence 1 - ``level``, so that it never contradicts the relation.
        p: Unadjusted p-value.
        p_adjusted: p-value adjusted by Holm's procedure over the family and the looks of a
            schedule; at most alpha if there is a difference.
        level: Level at which Holm's procedure tested this contrast.
        family: Number of contrasts that were tested together.
        margin: Equivalence margin, if one was given.
        p_equivalence: Adjusted p-value of the test of equivalence within the margin.
        detectable: Difference that these seeds detect with 80 % power; None for one seed and if the
            relation is settled; 0 if all seeds have the same difference.
        detectable_doubled: The same for twice the seeds.
        values: Figures of model and baseline, for quantities that are shown by their values.
        p_paired: p-value of the plain paired t-test, for information only, as is `p_flip`.
        stopped_before: Number of seeds at the last look of a schedule, if more seeds up to there
            would hardly decide the contrast.
        joint: The estimate with a simultaneous interval, of level alpha over ``family``. Those of a
            family cover all their values together with 95 %, so that sizes can be read from them as
            well as directions.
        spreads: Spreads with which the mean was compared, of logarithms for a ratio; empty if there
            is no such test.
        differences: Differences by seed.
        test: Name of the test if there is no estimate that has it.
    """

    model: str
    baseline: str
    quantity: Quantity
    relation: Relation
    n: int = 0
    estimate: Estimate | None = None
    p: float | None = None
    p_adjusted: float | None = None
    level: float | None = None
    family: int = 1
    effect_size: float | None = None
    margin: float | None = None
    p_equivalence: float | None = None
    detectable: float | None = None
    detectable_doubled: float | None = None
    refusal: Refusal | None = None
    left_out: tuple[LeftOut, ...] = ()
    values: tuple[float, float] | None = None
    p_paired: float | None = None
    stopped_before: int | None = None
    joint: Estimate | None = None
    spreads: tuple[Spread, ...] = ()
    differences: tuple[float, ...] = ()
    test: str = ""

    @cached_property
    def p_flip(self) -> float | None:
        """p-value of sign flips of the differences; None for fewer than two differences."""
        from .stats import paired

        return paired.sign_flip(self.differences) if len(self.differences) > 1 else None

    @property
    def labels(self) -> tuple[str, str]:
        """Labels of model and baseline."""
        return self.model, self.baseline

    @property
    def differs(self) -> bool:
        """Whether a difference was found."""
        return self.relation in ("higher", "lower")

    @property
    def settled(self) -> bool:
        """Whether the verdict is decided: a difference, equivalence, or a refusal."""
        return self.relation not in ("unclear", "too few")

    @property
    def open(self) -> bool:
        """Whether more seeds may decide the verdict: it is neither settled nor stopped."""
        return not self.settled and self.stopped_before is None


TURNED: Mapping[Relation, Relation] = {"higher": "lower", "lower": "higher"}


def turned(verdict: Verdict) -> Verdict:
    """Return the verdict with model and baseline exchanged."""
    refusal = verdict.refusal
    if refusal is not None:
        differing = tuple(Differing(d.name, d.baseline, d.model) for d in refusal.differing)
        refusal = replace(refusal, differing=differing)
    is_difference = verdict.quantity.scale == "difference"

    def exchanged(estimate: Estimate | None) -> Estimate | None:
        if estimate is None:
            return None
        return estimate.mapped(operator.neg) if is_difference else inverse(estimate)

    return replace(
        verdict,
        model=verdict.baseline,
        baseline=verdict.model,
        relation=TURNED.get(verdict.relation, verdict.relation),
        estimate=exchanged(verdict.estimate),
        joint=exchanged(verdict.joint),
        effect_size=None if verdict.effect_size is None else -verdict.effect_size,
        refusal=refusal,
        values=verdict.values and (verdict.values[1], verdict.values[0]),
        differences=tuple(-one for one in verdict.differences),
    )
