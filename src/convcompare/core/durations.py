"""Times as people type them: ``90``, ``90s``, ``30m``, ``2h``."""

from __future__ import annotations

import math

FACTORS = {"s": 1, "m": 60, "h": 3600}


def parse_duration(text: str) -> float | None:
    """Seconds, above 0 and finite; None for a text that is no such time."""
    factor = FACTORS.get(text[-1:])
    try:
        seconds = float(text[:-1] if factor else text) * (factor or 1)
    except ValueError:
        return None
    return seconds if 0 < seconds < math.inf else None
