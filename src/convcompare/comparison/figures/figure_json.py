"""A verdict on any figure in the public JSON object, under ``contrasts``. It only grows."""

from __future__ import annotations

import math
from typing import Any

from .. import verdicts
from ..quantity import ACCURACY
from ..verdict import Verdict
from ..verdict_json import contrast_json, decided
from . import figure_words


def figure_json(verdict: Verdict) -> dict[str, Any]:
    """What the JSON object has of a verdict on a figure that was asked for.

    All that `contrast_json` has; beyond it scale, unit and the better end of the figure, and for
    ratios and counts ``ratio`` in place of ``difference``. ``low`` and ``high`` are the ends of
    whichever is there.
    """
    quantity = verdict.quantity
    values = [_finite(value) for value in verdict.values or (None, None)]
    added = {
        "scale": quantity.scale,
        "unit": quantity.unit,
        "best": quantity.best,
        "family": verdict.family,
        "ratio": None,
        "value": values[0],
        "baseline_value": values[1],
    }
    if quantity == ACCURACY:
        return {**contrast_json(verdict), **added}
    return {**_common(verdict), **added, **_estimate(verdict)}


def _common(verdict: Verdict) -> dict[str, Any]:
    return {
        "model": verdict.model,
        "baseline": verdict.baseline,
        "verdict": figure_words.words(verdict),
        "decided": decided(verdict),
        "n": verdict.n,
        "p": verdict.p,
        "p_adjusted": verdict.p_adjusted,
        "effect_size": verdict.effect_size,
        "margin": verdict.margin,
        "p_equivalence": verdict.p_equivalence,
        "method": verdicts.method(verdict),
        "outlook": figure_words.outlook(verdict),
        "note": figure_words.note(verdict),
        "figure": verdict.quantity.name,
    }


def _estimate(verdict: Verdict) -> dict[str, Any]:
    estimate, level = verdict.estimate, verdict.level
    low = estimate.low if estimate else None
    value = _finite(estimate.value) if estimate else None
    is_ratio = verdict.quantity.scale != "difference"
    return {
        "difference": None if is_ratio else value,
        "ratio": value if is_ratio else None,
        "low": low,
        "high": _finite(estimate.high) if estimate else None,
        "confidence": None if low is None or level is None else 1 - level,
    }


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
