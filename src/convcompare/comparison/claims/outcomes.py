"""Outcome of a statement by the verdict on its two networks: confirmed, contradicted or open."""

from __future__ import annotations

import math
from typing import Literal

from ..figures.catalogue import named
from ..quantity import ACCURACY, Quantity
from ..study import Statement
from ..verdict import Verdict

FinalOutcome = Literal["confirmed", "contradicted", "inconclusive", "not recorded"]
"""Outcome of a statement, a pair or a claim, whatever the number of epochs."""
SAME = 0.005
"""Default equivalence margin in accuracy, a fraction: the reports would not see a difference."""
ROUNDING = 1e-9
"""Tolerance in the logarithm of the ratio of two counts at a margin."""
FEWEST = 2
"""Minimum number of seeds: one seed decides nothing about architectures."""


def outcome(statement: Statement, verdict: Verdict, picked: bool = False) -> FinalOutcome:
    """Return the outcome of a statement by a verdict whose model is its first network.

    The direction is that of the verdict. Sizes are read from the simultaneous interval: a statement
    is confirmed if the whole interval agrees with it, and contradicted if no part of it does. "No
    less than" is also contradicted by a verdict of less. If seeds were `picked`, only counts are
    decided.
    """
    if verdict.refusal is not None:
        return "not recorded" if verdict.refusal.reason == "not recorded" else "inconclusive"
    if verdict.quantity.scale != "exact" and (picked or verdict.n < FEWEST):
        return "inconclusive"
    if is_direction(statement):
        return _by_direction(statement, verdict)
    ends = _ends(verdict)
    if ends is None:
        return "inconclusive"
    target = 0.0 if statement.by is None else place(statement.by, verdict.quantity)
    return _by_size(statement, verdict, ends[0] - target, ends[1] - target)


def is_direction(statement: Statement) -> bool:
    """Return whether a statement is only about which of the two networks has more."""
    return statement.by is None and statement.sign in (">", "<")


def place(value: float, quantity: Quantity) -> float:
    """Return a size on the scale of comparison: the logarithm of a factor, or the difference."""
    if quantity.scale == "difference":
        return value
    return math.log(value) if value > 0 else -math.inf


def margin_of(statement: Statement, quantity: Quantity) -> float:
    """Return the margin of a statement, or else of its figure, on the scale of `place`.

    Raises:
        ValueError: if neither has a margin and the figure is not a count.
    """
    if statement.margin is not None:
        return place(statement.margin, quantity)
    own = SAME if quantity == ACCURACY else named(statement.figure).margin
    if own is None and quantity.scale != "exact":
        raise ValueError(f"a statement on {statement.figure} needs a margin")
    return own or 0.0


def _by_direction(statement: Statement, verdict: Verdict) -> FinalOutcome:
    if verdict.relation == "equal":
        return "contradicted"
    if not verdict.differs:
        return "inconclusive"
    return (
        "confirmed" if (verdict.relation == "higher") == (statement.sign == ">") else "contradicted"
    )


def _ends(verdict: Verdict) -> tuple[float, float] | None:
    """Return the ends of the simultaneous interval on the scale of `place`; for counts, equal."""
    quantity = verdict.quantity
    if quantity.scale == "exact":
        assert verdict.values is not None
        if verdict.relation == "equal":
            return 0.0, 0.0
        a, b = (place(value, quantity) for value in verdict.values)
        return a - b, a - b
    if verdict.joint is None or verdict.joint.ends is None:
        return None
    low, high = verdict.joint.ends
    return place(low, quantity), place(high, quantity)


def _by_size(statement: Statement, verdict: Verdict, low: float, high: float) -> FinalOutcome:
    """Return the outcome by the interval of the figure, relative to the target of the statement."""
    exact = verdict.quantity.scale == "exact"
    if statement.sign in ("<", "<="):  # the same as ">" and ">=" of the negated interval
        low, high = -high, -low
    if statement.sign in (">", "<"):
        return "confirmed" if low > 0 else "contradicted" if high < 0 or exact else "inconclusive"
    margin = margin_of(statement, verdict.quantity) + (ROUNDING if exact else 0)
    if statement.sign == "=":
        if -margin < low and high < margin:
            return "confirmed"
        return "contradicted" if low >= margin or high <= -margin else "inconclusive"
    if low > -margin:
        return "confirmed"
    other = "lower" if statement.sign == ">=" else "higher"
    found = verdict.relation == other if statement.by is None else high < 0
    return "contradicted" if found else "inconclusive"
