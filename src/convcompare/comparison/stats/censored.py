"""Times of which some were never reached, paired by seed: epochs to a level of accuracy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean

from . import paired
from .estimates import Estimate
from .paired import PairedTest

NEVER = math.inf
"""The time of a run that ended before it reached the level."""


def prentice_wilcoxon(times: Sequence[float], baseline: Sequence[float]) -> PairedTest:
    """The paired Prentice–Wilcoxon test (O'Brien and Fleming 1987, doi:10.2307/2531957).

    Every time of both networks gets Prentice's score of the generalised Wilcoxon test (1978,
    doi:10.1093/biomet/65.1.167); if the networks are alike, every difference of two scores of a
    seed is as likely with the other sign. p is exact, by all 2^n signs, where the paper takes a
    normal distribution. Ends of training are later than all times that were reached.

    Args:
        times: Epochs of the model by seed, (n,), `NEVER` where it did not reach the level.
        baseline: Those of the baseline with the same seeds, (n,).

    Returns:
        The mean difference of scores, above zero where the model takes longer, without an
        interval, and p.
    """
    score = scores([*times, *baseline])
    differences = [score[a] - score[b] for a, b in zip(times, baseline, strict=True)]
    n = len(differences)
    method = f"paired Prentice–Wilcoxon, exact, over {n} seeds"
    estimate = Estimate(fmean(differences), None, None, n, method)
    return PairedTest(estimate, paired.sign_flip(differences))


def scores(times: Sequence[float]) -> dict[float, float]:
    """Prentice's score of each time: from -1 for the earliest to 1 for the latest.

    1 - 2 S of a time that was reached, 1 - S of the end of training, where S is the product of
    (r + 1 - d) / (r + 1) over the d times reached of the r runs that were still going.
    """
    found, surviving = {}, 1.0
    for time in sorted(set(times)):
        if time == NEVER:
            found[time] = 1 - surviving
            continue
        going = sum(one >= time for one in times)
        surviving *= (going + 1 - times.count(time)) / (going + 1)
        found[time] = 1 - 2 * surviving
    return found
