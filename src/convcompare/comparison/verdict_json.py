"""A verdict in the public JSON object: its words and its figures. It only grows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import verdicts
from .quantity import ACCURACY
from .verdict import Relation, Verdict

COST_DECIDED: Mapping[Relation, str] = {
    "higher": "slower",
    "lower": "faster",
    "equivalent": "same",
    "unclear": "inconclusive",
    "refused": "refused",
}
"""How a contrast in time ended."""


def decided(verdict: Verdict) -> str:
    """How a verdict on any figure ended, in a word for programs.

    ``better`` or ``worse`` if the figure has a better end, else ``higher`` or ``lower``;
    ``differ`` of the accuracies of one seed, which say nothing of the architectures. What is not
    decided is ``none`` of accuracies if the seeds would rarely miss a difference of a point, and
    ``too few`` if they would often do. Of other figures no such size is known, and it is
    ``inconclusive``.
    """
    quantity, relation = verdict.quantity, verdict.relation
    if relation == "unclear":
        return "none" if quantity == ACCURACY else "inconclusive"
    if not verdict.differs:
        return relation
    if verdict.n == 1 and quantity == ACCURACY:
        return "differ"
    if quantity.best is None:
        return relation
    return "better" if (relation == "higher") == (quantity.best == "high") else "worse"


def contrast_json(verdict: Verdict) -> dict[str, Any]:
    """What the JSON object has of a contrast in accuracy, under ``contrasts``."""
    estimate = verdict.estimate
    low = estimate.low if estimate else None
    return {
        "model": verdict.model,
        "baseline": verdict.baseline,
        "verdict": verdicts.words(verdict),
        "decided": decided(verdict),
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
