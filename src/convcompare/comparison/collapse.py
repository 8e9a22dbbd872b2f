"""Collapse rates: the share of a network's runs that diverged or ended at chance level.

Few seeds mostly miss rare collapses, and a single collapsed run dominates their mean. Verdicts are
therefore about the runs that learnt, and the share of the others is reported with its interval.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from .comparison import Comparison
from .stats import estimates


@dataclass(frozen=True)
class Collapse:
    """Number of a network's ended runs that diverged or ended at chance level.

    ``rate`` is their share, with Wilson's interval (1927, doi:10.2307/2276774) from ``low`` to
    ``high``.
    """

    model: str
    collapsed: int
    runs: int
    rate: float
    low: float
    high: float

    @property
    def words(self) -> str:
        """Rate in words: ``fcn: 1 of 10 runs collapsed (10 %, 2 to 40 %)``."""
        low, high = (f"{100 * end:.0f}" for end in (self.low, self.high))
        share = f"{100 * self.rate:.0f} %, {low} to {high} %"
        return f"{self.model}: {self.collapsed} of {self.runs} runs collapsed ({share})"


def collapses(comparison: Comparison, at_chance: Collection[str]) -> tuple[Collapse, ...]:
    """Return the collapse rates of networks with several ended runs, if any of these collapsed.

    ``at_chance`` are the ids of runs at chance level. Runs that failed for another reason, such as
    a crash, do not count.
    """
    found = []
    for group in comparison.groups:
        ended = [run for run in group.runs if run.status != "failed"]
        collapsed = sum(run.status == "diverged" or run.id in at_chance for run in ended)
        if collapsed and len(ended) > 1:
            rate = collapsed / len(ended)
            low, high = estimates.share_interval(collapsed, len(ended))
            low, high = max(0.0, low), min(1.0, high)
            found.append(Collapse(group.label, collapsed, len(ended), rate, low, high))
    return tuple(found)


def words(found: Collection[Collapse]) -> str:
    """Return one sentence with all rates; empty if there are none."""
    if not found:
        return ""
    rates = "; ".join(one.words for one in found)
    return f"{rates}; verdicts on accuracy and time are about runs that learnt"
