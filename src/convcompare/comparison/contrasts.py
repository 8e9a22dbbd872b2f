"""Which networks differ in accuracy: contrasts of the runs of a comparison, paired by seed.

Two seeds or more in common: the paired t-test, beside the exact sign-flip test once that can reject
at all, and the weaker of the two is stated. One seed: McNemar's test, which speaks of two trained
networks. All contrasts of a comparison are adjusted together (Holm).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from convcompare.store.run import Run

from . import verdicts
from .comparison import Comparison
from .pairs import Pair, pairs
from .stats import estimates, paired, power, proportions, sequential
from .stats.estimates import ALPHA
from .stats.paired import PairedTest
from .stats.proportions import Hits
from .verdicts import Decided

FIGURE = "test_accuracy"
NOTABLE = 0.01
"""Where a difference of one point would often be missed, seeds are too few to say "none"."""
ONE_SEED = "one seed: this is about these two trained networks, not about the architectures"


@dataclass(frozen=True)
class Contrast:
    """What can be said of the difference in accuracy of a model and its baseline.

    ``difference``, ``low`` and ``high`` are fractions, model minus baseline; ``p_adjusted`` is
    Holm's. The interval is of the level at which Holm tested this contrast, ``confidence``, so that
    it never contradicts the verdict; None where there is nothing to compare. ``n`` counts seeds.
    ``p_equivalence`` (Holm's) belongs to ``margin``, where one was given. ``outlook`` is what more
    seeds could show, ``note`` what a reader must know.
    """

    model: str
    baseline: str
    verdict: str
    decided: Decided
    n: int = 0
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    confidence: float | None = None
    p: float | None = None
    p_adjusted: float | None = None
    effect_size: float | None = None
    margin: float | None = None
    p_equivalence: float | None = None
    method: str = ""
    outlook: str = ""
    note: str = ""
    figure: str = FIGURE

    @property
    def settled(self) -> bool:
        """Whether more seeds would not be asked for: a difference, equivalence, or a refusal."""
        return self.decided in ("better", "worse", "equivalent", "refused")

    @property
    def sentence(self) -> str:
        """The verdict with the baseline in it: ``better than fcn by 1.24 ± 0.15 points``."""
        return verdicts.named(self.verdict, self.decided, self.baseline)

    def to_json(self) -> dict[str, Any]:
        return dict(vars(self))


def contrasts(
    comparison: Comparison,
    baseline: str | None,
    hits: Callable[[Run], Hits],
    level: float = ALPHA,
    all_pairs: bool = False,
    margin: float | None = None,
    among: Collection[frozenset[str]] | None = None,
) -> tuple[Contrast, ...]:
    """Every model against the baseline (the first where it is None), or all pairs as well.

    ``hits`` gives which test images (n,) a run got right; it is asked where there is one seed.
    ``level`` bounds the probability of any false claim of a difference among all contrasts, and
    separately that of any false equivalence; for a look of a sequential plan it is
    `sequential.look_level`. ``margin`` (a fraction) allows "no difference larger than".
    ``among`` names the pairs that were asked about beforehand: the others are no contrasts.
    UsageError where the baseline is not among the models.
    """
    every = [
        pair
        for pair in pairs(comparison, baseline, all_pairs)
        if among is None or frozenset((pair.model.label, pair.baseline.label)) in among
    ]
    allowed = [pair for pair in every if pair.refusal() is None]
    tests = [_test(pair, hits, level, len(allowed), level) for pair in allowed]
    p_values = [test.p for test in tests]
    p_equivalence = _equivalences(allowed, margin)
    found = {}
    for i, pair in enumerate(allowed):
        own = estimates.holm_levels(p_values, level)[i]
        family = _Family(level, own, len(allowed), margin, estimates.holm(p_values)[i])
        test = _test(pair, hits, own, len(allowed), level)
        found[id(pair)] = _judge(pair, test, family, p_equivalence[i])
    return tuple(found.get(id(pair)) or _refused(pair) for pair in every)


def spread(comparison: Comparison) -> float | None:
    """The standard deviation of paired differences in accuracy, pooled over all pairs of models.

    A fraction, for `verdicts.detectable_words`; None where no two models have two seeds in common.
    """
    squares, freedom = 0.0, 0
    for pair in pairs(comparison, None, all_pairs=True):
        if pair.seeds > 1 and pair.refusal() is None:
            differences = _differences(pair)
            mean = sum(differences) / pair.seeds
            squares += sum((difference - mean) ** 2 for difference in differences)
            freedom += pair.seeds - 1
    return math.sqrt(squares / freedom) if freedom else None


@dataclass(frozen=True)
class _Family:
    """How one contrast is judged among `size` of them: `own` is its level within Holm's."""

    level: float
    own: float
    size: int
    margin: float | None
    p_adjusted: float


def _differences(pair: Pair) -> list[float]:
    return [a.test_accuracy - b.test_accuracy for a, b in pair.runs]


def _test(
    pair: Pair, hits: Callable[[Run], Hits], alpha: float, contrasts: int, level: float
) -> PairedTest:
    """The test of a pair, its interval at `alpha`; which test it is hangs on `level` alone."""
    if pair.seeds == 1:
        ((run, baseline),) = pair.runs
        return proportions.mcnemar(hits(run), hits(baseline), alpha)
    with_flips = paired.can_reject(pair.seeds, level, contrasts)
    return paired.compare(_differences(pair), alpha, with_flips)


def _equivalences(allowed: Sequence[Pair], margin: float | None) -> list[float | None]:
    """Holm's adjusted p-values of equivalence; one seed proves none."""
    if margin is None:
        return [None] * len(allowed)
    p_values = [
        sequential.equivalence(_differences(pair), margin) if pair.seeds > 1 else 1.0
        for pair in allowed
    ]
    return [*estimates.holm(p_values)]


def _judge(pair: Pair, test: PairedTest, family: _Family, p_equivalence: float | None) -> Contrast:
    estimate, single = test.difference, pair.seeds == 1
    decided, smallest = _decide(pair, test, family, p_equivalence)
    if decided == "too few":
        verdict = verdicts.too_few_words(estimate, smallest)
    else:
        verdict = verdicts.difference_words(estimate, decided, family.margin)
    several = f", Holm over {family.size} contrasts" if family.size > 1 else ""
    notes = [ONE_SEED if single else "", pair.left_out()]
    return Contrast(
        pair.model.label,
        pair.baseline.label,
        verdict + (", one seed" if single and decided in ("better", "worse") else ""),
        decided,
        pair.seeds,
        estimate.value,
        estimate.low,
        estimate.high,
        1 - family.own if estimate.low is not None else None,
        test.p,
        family.p_adjusted,
        test.effect_size,
        family.margin,
        p_equivalence,
        estimate.method + several,
        "" if decided in ("better", "worse", "equivalent") else _outlook(pair, family),
        "; ".join(note for note in notes if note),
    )


def _decide(
    pair: Pair, test: PairedTest, family: _Family, p_equivalence: float | None
) -> tuple[Decided, float | None]:
    """The decision, and the smallest detectable difference where that is what decides."""
    low, high = test.difference.low, test.difference.high
    excludes_zero = low is None or high is None or low > 0 or high < 0
    if family.p_adjusted <= family.level and excludes_zero:
        return ("better" if test.difference.value > 0 else "worse"), None
    if p_equivalence is not None and p_equivalence <= family.level:
        return "equivalent", None
    smallest = _smallest(pair, pair.seeds, family)
    if smallest is None or pair.seeds < 3 or smallest > NOTABLE:
        return "too few", smallest
    if smallest == 0 and test.difference.value != 0:
        return "too few", smallest
    return "none", None


def _smallest(pair: Pair, seeds: int, family: _Family) -> float | None:
    """The difference that `seeds` would show with 80 % power, by the spread of these ones."""
    if pair.seeds < 2:
        return None
    return power.detectable(paired.deviation(_differences(pair)), seeds, family.own)


def _outlook(pair: Pair, family: _Family) -> str:
    """What twice the seeds could show; nothing where the differences do not vary."""
    smallest = _smallest(pair, 2 * pair.seeds, family)
    if not smallest:
        return "two seeds or more compare the architectures" if pair.seeds < 2 else ""
    return f"{2 * pair.seeds} seeds could show {verdicts.shown_points(smallest)}"


def _refused(pair: Pair) -> Contrast:
    verdict = f"not compared: {pair.refusal()}"
    return Contrast(pair.model.label, pair.baseline.label, verdict, "refused", pair.seeds)
