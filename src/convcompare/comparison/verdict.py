"""A verdict as data: how one network stands to another in one figure. `verdicts` writes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from .quantity import Quantity
from .stats.estimates import Estimate, inverse

if TYPE_CHECKING:
    from .stats.paired import Spread

Relation = Literal["higher", "lower", "equal", "equivalent", "unclear", "too few", "refused"]
"""Of the model's figure to the baseline's: "equal" counts are the same, "equivalent" ones closer
than a margin by a test; "too few" seeds could not have shown a difference that matters."""
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
    """A setting that is not the same in all runs of two networks, with the values of each."""

    name: str
    model: tuple[str, ...]
    baseline: tuple[str, ...]


@dataclass(frozen=True)
class Refusal:
    """Why two networks are not compared.

    ``models`` are the networks without a run that counts, or those whose runs shared the machine;
    ``stopped`` those whose process stood still while they were timed; ``differing`` are settings of
    the runs, or of the machines that they were timed on.
    """

    reason: Reason
    models: tuple[str, ...] = ()
    differing: tuple[Differing, ...] = ()
    stopped: tuple[str, ...] = ()


@dataclass(frozen=True)
class LeftOut:
    """Seeds that a contrast is without, because `model` has no run of them that counts."""

    model: str
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class Verdict:
    """How `model` stands to `baseline` in one figure, and what that rests on.

    ``n`` counts the seeds that both have. ``estimate`` is model minus baseline, or model over
    baseline, as `quantity.scale` says, in the unit of the records (accuracies are fractions); None
    where nothing was compared. Its interval is of the level at which Holm's procedure tested this
    contrast, `level`, so that it never contradicts the relation. ``p_adjusted`` is Holm's, over the
    `family` contrasts that were tested together and the looks of a schedule: alpha or less where
    there is a difference; so is ``p_equivalence``, which belongs to
    `margin`, where one was given. ``detectable`` is the difference that these seeds show with 80 %
    power, ``detectable_doubled`` what twice as many do; both are None for one seed and where the
    relation is clear, and 0 where all seeds show the same difference. ``values`` are the figures of
    the model and the baseline themselves, for those that are shown by their values. ``p_paired``
    is that of the plain paired t-test and decides nothing, nor does `p_flip`, that of sign flips of
    the ``differences`` by seed.
    ``stopped_before`` is the seeds of the last look of a schedule, where more seeds up to there
    would hardly decide the contrast. ``joint`` is the estimate with the interval of level alpha
    over `family`: those of a family cover all their values together with 95 %, so that sizes can be
    read from them as well as directions. ``spreads`` are those that the mean was compared with, of
    logarithms if it is a ratio; none if there is no such test.
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
    """The test, of a verdict that has no estimate to name it."""

    @cached_property
    def p_flip(self) -> float | None:
        """The p-value of sign flips of the differences; None of one seed, or if there are none."""
        from .stats import paired

        return paired.sign_flip(self.differences) if len(self.differences) > 1 else None

    @property
    def differs(self) -> bool:
        """Whether the two are found to differ."""
        return self.relation in ("higher", "lower")

    @property
    def settled(self) -> bool:
        """Whether it is decided: a difference, equivalence, or a refusal."""
        return self.relation not in ("unclear", "too few")

    @property
    def open(self) -> bool:
        """Whether more seeds are worth their time: it is not settled, and was not stopped."""
        return not self.settled and self.stopped_before is None


TURNED: Mapping[Relation, Relation] = {"higher": "lower", "lower": "higher"}


def turned(verdict: Verdict) -> Verdict:
    """The same verdict with the two networks in each other's place."""
    refusal = verdict.refusal
    if refusal is not None:
        differing = tuple(Differing(d.name, d.baseline, d.model) for d in refusal.differing)
        refusal = replace(refusal, differing=differing)
    ratio = verdict.quantity.scale != "difference"
    return replace(
        verdict,
        model=verdict.baseline,
        baseline=verdict.model,
        relation=TURNED.get(verdict.relation, verdict.relation),
        estimate=_turned(verdict.estimate, ratio),
        joint=_turned(verdict.joint, ratio),
        effect_size=None if verdict.effect_size is None else -verdict.effect_size,
        refusal=refusal,
        values=verdict.values and (verdict.values[1], verdict.values[0]),
        differences=tuple(-one for one in verdict.differences),
    )


def _turned(estimate: Estimate | None, ratio: bool) -> Estimate | None:
    if estimate is None or ratio:
        return estimate and inverse(estimate)
    low, high = (None if end is None else -end for end in (estimate.high, estimate.low))
    return replace(estimate, value=-estimate.value, low=low, high=high)
