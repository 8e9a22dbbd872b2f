"""Test of censored times, paired by seed: epochs to a level that some runs never reach."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean

from . import paired
from .estimates import Estimate
from .paired import PairedTest

NEVER = math.inf
"""Time of a run that ended before it reached the level."""


def prentice_wilcoxon(times: Sequence[float], baseline: Sequence[float]) -> PairedTest:
    """Return the paired Prentice–Wilcoxon test (O'Brien and Fleming 1987, doi:10.2307/2531957).

    Every time of both networks gets Prentice's score of the generalised Wilcoxon test (1978,
    doi:10.1093/biomet/65.1.167). If the networks are equal, the difference of the two scores of a
    seed has either sign with equal probability. The p-value is exact, over all 2^n signs, whereas
    the paper uses a normal approximation. The end of training counts as later than all times that
    were reached.

    Args:
        times: Epochs of the model by seed, (n,); `NEVER` if it did not reach the level.
        baseline: Epochs of the baseline for the same seeds, (n,).

    Returns:
        The mean difference of scores, positive if the model takes longer, without an interval, and
        the p-value.
    """
    score = scores([*times, *baseline])
    differences = [score[a] - score[b] for a, b in zip(times, baseline, strict=True)]
    n = len(differences)
    method = f"paired Prentice–Wilcoxon, exact, over {n} seeds"
    estimate = Estimate(fmean(differences), None, None, n, method)
    return PairedTest(estimate, paired.sign_flip(differences))


def scores(times: Sequence[float]) -> dict[float, float]:
    """Return Prentice's score of each time, from -1 for the earliest to 1 for the latest.

    The score is 1 - 2 S for a time that was reached and 1 - S for the end of training. S is the
    product of (r + 1 - d) / (r + 1) over the times up to it, at which d of the r runs still at risk
    reached the level.
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
