"""Verdicts in the public JSON object, as text and figures. Keys are only added, never removed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import verdict_words
from .figures import figure_words
from .stats.estimates import finite
from .verdict import Relation, Verdict

COST_DECIDED: Mapping[Relation, str] = {
    "higher": "slower",
    "lower": "faster",
    "equivalent": "same",
    "unclear": "inconclusive",
    "refused": "refused",
}
"""Result of a contrast in time, in a word for programs."""


def contrast_json(verdict: Verdict, scaled: bool = True) -> dict[str, Any]:
    """Return the entry of a verdict on any figure under ``contrasts``.

    The estimate is ``difference``, or ``ratio`` for ratios and counts; ``low`` and ``high`` are the
    ends of its interval. Without `scaled` it is a difference in accuracy, and the keys that
    distinguish figures are omitted.
    """
    quantity, estimate = verdict.quantity, verdict.estimate
    size = finite(estimate.value) if estimate else None
    low = estimate.low if estimate else None
    is_ratio = quantity.scale != "difference"
    values = [finite(value) for value in verdict.values or (None, None)]
    scale = {
        "scale": quantity.scale,
        "unit": quantity.unit,
        "best": quantity.best,
        "family": verdict.family,
        "ratio": size if is_ratio else None,
        "value": values[0],
        "baseline_value": values[1],
    }
    return {
        "model": verdict.model,
        "baseline": verdict.baseline,
        "verdict": figure_words.words(verdict),
        "decided": verdict_words.decided(verdict),
        "n": verdict.n,
        "difference": None if is_ratio else size,
        "low": low,
        "high": finite(estimate.high) if estimate else None,
        "confidence": None if low is None or verdict.level is None else 1 - verdict.level,
        "p": verdict.p,
        "p_adjusted": verdict.p_adjusted,
        "p_paired": verdict.p_paired,
        "p_flip": verdict.p_flip,
        "effect_size": verdict.effect_size,
        "margin": verdict.margin,
        "p_equivalence": verdict.p_equivalence,
        "method": verdict_words.method(verdict),
        "outlook": figure_words.outlook(verdict),
        "stopped_before": verdict.stopped_before,
        "note": figure_words.note(verdict),
        "figure": quantity.name,
        **(scale if scaled else {}),
    }


def cost_json(verdict: Verdict) -> dict[str, Any]:
    """Return the entry of a contrast in time under ``cost_contrasts``."""
    ratio = verdict.estimate
    return {
        "model": verdict.model,
        "baseline": verdict.baseline,
        "figure": verdict.quantity.name,
        "verdict": verdict_words.words(verdict),
        "decided": COST_DECIDED[verdict.relation],
        "n": verdict.n,
        "ratio": ratio.value if ratio else None,
        "low": ratio.low if ratio else None,
        "high": ratio.high if ratio else None,
        "method": verdict_words.method(verdict),
        "note": verdict_words.note(verdict),
    }
