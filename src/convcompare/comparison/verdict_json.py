"""A verdict in the public JSON object: its words and its figures. It only grows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import verdicts
from .verdict import Relation, Verdict

DECIDED: Mapping[Relation, str] = {
    "higher": "better",
    "lower": "worse",
    "equivalent": "equivalent",
    "unclear": "none",
    "too few": "too few",
    "refused": "refused",
}
"""How a contrast in accuracy ended."""
AS_TRAINED = "differ"
"""The same of one seed: two trained networks differ, which says nothing of the architectures."""
COST_DECIDED: Mapping[Relation, str] = {
    "higher": "slower",
    "lower": "faster",
    "equivalent": "same",
    "unclear": "none",
    "refused": "refused",
}
"""How a contrast in time ended."""


def contrast_decided(verdict: Verdict) -> str:
    """How a contrast in accuracy ended, in a word for programs."""
    return AS_TRAINED if verdict.n == 1 and verdict.differs else DECIDED[verdict.relation]


def contrast_json(verdict: Verdict) -> dict[str, Any]:
    """What the JSON object has of a contrast in accuracy, under ``contrasts``."""
    estimate = verdict.estimate
    low = estimate.low if estimate else None
    return {
        "model": verdict.model,
        "baseline": verdict.baseline,
        "verdict": verdicts.words(verdict),
        "decided": contrast_decided(verdict),
        "n": verdict.n,
        "difference": estimate.value if estimate else None,
        "low": low,
        "high": estimate.high if estimate else None,
        "confidence": None if low is None or verdict.level is None else 1 - verdict.level,
        "p": verdict.p,
        "p_adjusted": verdict.p_adjusted,
        "p_paired": verdict.p_paired,
        "p_flip": verdict.p_flip,
        "effect_size": verdict.effect_size,
        "margin": verdict.margin,
        "p_equivalence": verdict.p_equivalence,
        "method": verdicts.method(verdict),
        "outlook": verdicts.outlook(verdict),
        "stopped_before": verdict.stopped_before,
        "note": verdicts.note(verdict),
        "figure": verdict.quantity.name,
    }


def cost_json(verdict: Verdict) -> dict[str, Any]:
    """What the JSON object has of a contrast in time, under ``cost_contrasts``."""
    ratio = verdict.estimate
    return {
        "model": verdict.model,
        "baseline": verdict.baseline,
        "figure": verdict.quantity.name,
        "verdict": verdicts.words(verdict),
        "decided": COST_DECIDED[verdict.relation],
        "n": verdict.n,
        "ratio": ratio.value if ratio else None,
        "low": ratio.low if ratio else None,
        "high": ratio.high if ratio else None,
        "method": verdicts.method(verdict),
        "note": verdicts.note(verdict),
    }
