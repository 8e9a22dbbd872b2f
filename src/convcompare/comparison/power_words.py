"""Message about the differences that a number of seeds can detect, before they are trained."""

from __future__ import annotations

import math

from .estimate_words import points
from .stats import power
from .stats import shared as shared_by
from .stats.estimates import ALPHA

TYPICAL_CHURN = 0.09
"""Share of the test images that exactly one of two runs predicts correctly, assumed if there are no
earlier runs. The standard deviation of their difference in accuracy is the square root of this
share over the number of images: 0.3 points with 10,000 images, 3 points with 100."""
HARDLY_EVER = 0.05
"""Difference in accuracy that is rare between networks worth comparing."""
MORE_SEEDS = (3, 5, 8, 13, 20)
"""Numbers of seeds to suggest if the planned number can detect only larger differences."""


def detectable_words(
    seeds: int,
    test_images: int,
    spread: float | None = None,
    contrasts: int = 1,
) -> str:
    """Return one sentence about the differences that a number of seeds can detect.

    With several contrasts, the strictest level of Holm's procedure and the shared spread of the
    networks are assumed.

    Args:
        seeds: Number of seeds per network.
        test_images: Number of test images.
        spread: Standard deviation of paired differences in accuracy in earlier runs
            (`contrasts.spread`), a fraction; None for the typical one for `test_images`, which the
            sentence calls an assumption.
        contrasts: Number of contrasts that are adjusted together.
    """
    if seeds < 2:
        return "one seed shows how two trained networks differ, not how two architectures do"
    taken = math.sqrt(TYPICAL_CHURN / test_images) if spread is None else spread
    smallest = _detectable_in_plan(seeds, taken, contrasts)
    source = "assuming that they vary" if spread is None else "as they varied in earlier runs"
    several = f" and {contrasts} contrasts" if contrasts > 1 else ""
    size = f"differences of about {points(smallest)}"
    shown = f"can show {size}" if smallest < 1 else "cannot show any difference"
    sentence = (
        f"{seeds} seeds{several} {shown} "
        f"(80 % power, {source} by {points(taken)} from seed to seed)"
    )
    if smallest <= HARDLY_EVER:
        return sentence
    sizes = {n: _detectable_in_plan(n, taken, contrasts) for n in MORE_SEEDS if n > seeds}
    more = next((n for n, size in sizes.items() if size <= HARDLY_EVER / 5), max(sizes, default=0))
    better = f": `--seeds {more}` could show {points(sizes[more])}" if more else ""
    judged = ", too large to decide much" if smallest < 1 else ""
    return f"{sentence}{judged}{better}"


def _detectable_in_plan(seeds: int, spread: float, contrasts: int) -> float:
    shared = seeds >= shared_by.FEWEST and contrasts > 1
    freedom = seeds - 1 + (min(shared_by.MOST_WEIGHT, contrasts - 1) if shared else 0)
    return power.detectable(spread, seeds, ALPHA / contrasts, freedom=freedom)
