"""Which networks take longer to train: ratios of measured times, paired by seed.

Times are compared only where they were measured on the same processor and device with the same
threads. Intervals are one at a time: times are measurements, not hypotheses, and not adjusted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from convcompare.store.run import Run

from . import verdicts
from .comparison import Comparison
from .pairs import Pair, pairs
from .stats import paired
from .stats.estimates import ALPHA, Estimate
from .verdicts import CostDecided

Figure = Literal["train_seconds", "epoch_seconds"]
SAME = 1.1
"""Within this factor two networks are called as fast; times on a busy machine vary as much."""


@dataclass(frozen=True)
class CostContrast:
    """How many times the time of the baseline: `ratio` with the ends of its interval.

    The ends are None for one run each; all three where the times cannot be compared.
    """

    model: str
    baseline: str
    figure: Figure
    verdict: str
    decided: CostDecided
    n: int = 0
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    method: str = ""
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        return dict(vars(self))


def cost_contrasts(
    comparison: Comparison,
    baseline: str | None,
    figure: Figure = "train_seconds",
    alpha: float = ALPHA,
    all_pairs: bool = False,
) -> tuple[CostContrast, ...]:
    """The same pairs as `contrasts.contrasts`: the whole training, or the mean epoch of it.

    UsageError where the baseline is not among the models.
    """
    return tuple(_contrast(pair, figure, alpha) for pair in pairs(comparison, baseline, all_pairs))


def _contrast(pair: Pair, figure: Figure, alpha: float) -> CostContrast:
    names = (pair.model.label, pair.baseline.label, figure)
    reason = pair.cost_refusal()
    times = [(_seconds(a, figure), _seconds(b, figure)) for a, b in pair.runs]
    if reason is None and not all(a > 0 and b > 0 for a, b in times):
        reason = "no time was measured with the device alone"
    if reason is not None:
        return CostContrast(*names, f"times not compared: {reason}", "refused", pair.seeds)
    ratio = paired.ratio([a for a, _ in times], [b for _, b in times], alpha)
    decided = _decide(ratio)
    verdict = verdicts.ratio_words(ratio, decided, pair.seeds == 1)
    return CostContrast(
        *names,
        verdict,
        decided,
        pair.seeds,
        ratio.value,
        ratio.low,
        ratio.high,
        ratio.method,
        pair.left_out(),
    )


def _seconds(run: Run, figure: Figure) -> float:
    total = run.train_seconds or 0.0
    return total if figure == "train_seconds" else total / len(run.history)


def _decide(ratio: Estimate) -> CostDecided:
    low, high = ratio.low, ratio.high
    if low is None or high is None:
        low = high = ratio.value
        if 1 / SAME <= low <= SAME:
            return "same"
    if low > 1:
        return "slower"
    if high < 1:
        return "faster"
    return "same" if low >= 1 / SAME and high <= SAME else "none"
