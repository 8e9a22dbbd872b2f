"""What a number of seeds can show, in words, before they are trained."""

from __future__ import annotations

import math

from .estimate_words import points
from .stats import power
from .stats import shared as shared_by
from .stats.estimates import ALPHA

TYPICAL_CHURN = 0.09
"""Share of the test images that one of two runs has right and the other wrong, where no earlier run
tells. Its root over the number of images is the standard deviation of their difference in accuracy:
0.3 points with 10,000 images, 3 points with 100."""
HARDLY_EVER = 0.05
"""A difference in accuracy that networks worth comparing hardly ever have."""
MORE_SEEDS = (3, 5, 8, 13, 20)
"""Numbers of seeds that a plan which can decide nothing is told to take."""


def detectable_words(
    seeds: int,
    test_images: int,
    spread: float | None = None,
    contrasts: int = 1,
) -> str:
    """What a number of seeds can show, in one sentence, before they are trained.

    ``spread`` is the standard deviation of paired differences of accuracy in earlier runs
    (`contrasts.spread`), a fraction; None takes what is typical of so many test images, and says
    so. With several contrasts the strictest level of Holm's procedure is reckoned with, and the
    spread that the networks share.
    """
    if seeds < 2:
        return "one seed shows how two trained networks differ, not how two architectures do"
    taken = math.sqrt(TYPICAL_CHURN / test_images) if spread is None else spread
    smallest = _detectable_in_plan(seeds, taken, contrasts)
    source = "assuming that they vary" if spread is None else "as they varied in earlier runs"
    several = f" and {contrasts} contrasts" if contrasts > 1 else ""
    size = f"differences of about {points(smallest)}" if smallest < 1 else "no difference"
    said = (
        f"{seeds} seeds{several} can show {size} "
        f"(80 % power, {source} by {points(taken)} from seed to seed)"
    )
    if smallest <= HARDLY_EVER:
        return said
    sizes = {n: _detectable_in_plan(n, taken, contrasts) for n in MORE_SEEDS if n > seeds}
    more = next((n for n, size in sizes.items() if size <= HARDLY_EVER / 5), max(sizes, default=0))
    better = f": `--seeds {more}` could show {points(sizes[more])}" if more else ""
    judged = ", too large to decide much" if smallest < 1 else ""
    return f"{said}{judged}{better}"


def _detectable_in_plan(seeds: int, spread: float, contrasts: int) -> float:
    shared = seeds >= shared_by.FEWEST and contrasts > 1
    freedom = seeds - 1 + (min(shared_by.MOST_WEIGHT, contrasts - 1) if shared else 0)
    return power.detectable(spread, seeds, ALPHA / contrasts, freedom=freedom)
