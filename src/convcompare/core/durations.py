"""Durations as typed: ``90``, ``90s``, ``30m``, ``2h``."""

from __future__ import annotations

import math

FACTORS = {"s": 1, "m": 60, "h": 3600}


def parse_duration(text: str) -> float | None:
    """Return a duration in seconds, positive and finite; None if the text is not one."""
    factor = FACTORS.get(text[-1:])
    try:
        seconds = float(text[:-1] if factor else text) * (factor or 1)
    except ValueError:
        return None
    return seconds if 0 < seconds < math.inf else None
