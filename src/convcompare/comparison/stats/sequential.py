"""Group sequential tests: seeds are added until verdicts are clear, at a controlled error rate.

With the five looks of `looks`, stopping at the first p ≤ 0.05 finds a difference between equal
networks in 17 % of all cases (Armitage, McPherson and Rowe 1969, doi:10.2307/2343787). Here each
look has its own level, fixed before the first seed by `spending`. With several contrasts, Holm's
procedure is applied at each look, each step with the levels of its own share of alpha, alpha/m and
so on (Ye, Li, Liu and Yao 2013, doi:10.1002/sim.5700). No rule for stopping earlier can increase
the error rate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from .estimates import ALPHA
from .look_levels import KNOWN
from .paired import PairedTest, Spread
from .spending import exact_levels

MOST_SEEDS = 20
GROWTH = 1.6
"""Ratio of the seeds of successive looks: 3, 5, 8, 13, 20 (20.8 limited to 20)."""
HOPELESS = 0.1
"""Conditional power of both verdicts at the last look below which a contrast is stopped."""
STOPPED_FROM = 8
"""Minimum number of seeds to stop: with 3 or 5 the spread is too rough, which would cost power."""


def looks(first: int = 3, most: int = MOST_SEEDS) -> tuple[int, ...]:
    """Return the numbers of seeds of the looks, by default 3, 5, 8, 13 and 20.

    There are few looks, since more leave less of alpha for each: in simulations, 20 seeds find a
    difference of 0.75 standard deviations in 73 % of all cases with nine looks, and in 79 % with
    five.

    Args:
        first: Number of seeds of the first look.
        most: Number of seeds of the last look.

    Raises:
        ValueError: if `first` is below 2 or above `most`.
    """
    if not 2 <= first <= most:
        raise ValueError(f"the first look needs 2 to {most} seeds, not {first}")
    found = [first]
    while found[-1] < most:
        found.append(min(most, max(found[-1] + 1, round(GROWTH * found[-1]))))
    return tuple(found)


@dataclass(frozen=True)
class Look:
    """Look number ``number``, counted from 0, of a schedule in numbers of seeds."""

    schedule: tuple[int, ...]
    number: int

    @property
    def seeds(self) -> int:
        """Number of seeds of each network at this look."""
        return self.schedule[self.number]

    @property
    def last(self) -> Look:
        """The last look of the schedule."""
        return replace(self, number=len(self.schedule) - 1)

    def level(self, hypotheses: int = 1) -> float:
        """Return the level of each of `hypotheses` tests at this look.

        Over all looks, the probability of a false difference in one contrast is
        ``ALPHA / hypotheses``.
        """
        known = KNOWN.get(self.schedule, ())
        levels = (
            known[hypotheses - 1]
            if hypotheses <= len(known)
            else exact_levels(self.schedule, ALPHA / hypotheses)
        )
        return levels[self.number]


def hopeless(
    test: PairedTest, at_end: int, level: float, equivalence_level: float, margin: float
) -> bool:
    """Return whether neither a difference nor equivalence is likely by the last look.

    That is, the conditional power of both (Lan, Simon and Halperin 1982,
    doi:10.1080/07474948208836014) is below 10 % if the true difference and spread are those
    observed so far. The rule is not binding: continuing does not increase the error rate. False
    below 8 seeds, and without a spread.

    Args:
        test: Test of the contrast at the current look.
        at_end: Number of seeds of the last look.
        level: Level of the test of a difference at the last look.
        equivalence_level: Level of the test of equivalence at the last look.
        margin: Equivalence margin, in the unit of the difference.
    """
    n = test.difference.n
    if not STOPPED_FROM <= n < at_end or not test.spreads:
        return False
    chances = [
        _chances(test, one, at_end, level, equivalence_level, margin) for one in test.spreads
    ]
    return all(min(each) < HOPELESS for each in zip(*chances, strict=True))


def _chances(
    test: PairedTest,
    spread: Spread,
    at_end: int,
    level: float,
    equivalence_level: float,
    margin: float,
) -> tuple[float, float]:
    """Return the conditional power for a difference and for equivalence, with one of the spreads.

    Given the n seeds so far, the mean of all N seeds at the end is normal around the current one,
    with standard deviation s·√(N - n)/N.
    """
    from scipy.special import ndtr, stdtrit

    n, now = test.difference.n, abs(test.difference.value)
    freedom, error = spread.freedom + at_end - n, spread.deviation / math.sqrt(at_end)
    still_open = spread.deviation * math.sqrt(at_end - n) / at_end
    needed = float(stdtrit(freedom, 1 - level / 2)) * error
    room = margin - float(stdtrit(freedom, 1 - equivalence_level)) * error
    different = ndtr((now - needed) / still_open) + ndtr((-now - needed) / still_open)
    if room <= 0:
        return float(different), 0.0
    inside = ndtr((room - now) / still_open) - ndtr((-room - now) / still_open)
    return float(different), float(inside)
