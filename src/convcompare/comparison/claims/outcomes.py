"""What a verdict says of a statement about its two networks: confirmed, refuted, or neither."""

from __future__ import annotations

import math
from typing import Literal

from ..figures.catalogue import named
from ..quantity import ACCURACY, Quantity
from ..study import Statement
from ..verdict import Verdict

FinalOutcome = Literal["confirmed", "refuted", "undecided", "not recorded"]
"""What runs say of a statement, a pair or a claim, the epochs left aside."""
SAME = 0.005
"""A difference in accuracy of which the reports would say that there is none."""
ROUNDING = 1e-9
"""The logarithm of a factor below which two counts are as far apart as a margin."""
FEWEST = 2
"""Seeds below which runs are of two trained networks: they decide nothing about architectures."""


def outcome(statement: Statement, verdict: Verdict, picked: bool = False) -> FinalOutcome:
    """What a verdict on the figure of a statement says of it, its model being the first network.

    A direction is that of the verdict. Sizes are read from simultaneous intervals: a statement is
    confirmed if the whole interval agrees with it, and refuted if none of it does; "no less than"
    is also refuted by a verdict of less. Seeds that were `picked` decide nothing but counts.
    """
    if verdict.refusal is not None:
        return "not recorded" if verdict.refusal.reason == "not recorded" else "undecided"
    if verdict.quantity.scale != "exact" and (picked or verdict.n < FEWEST):
        return "undecided"
    if is_direction(statement):
        return _by_direction(statement, verdict)
    ends = _ends(verdict)
    if ends is None:
        return "undecided"
    target = 0.0 if statement.by is None else place(statement.by, verdict.quantity)
    return _by_size(statement, verdict, ends[0] - target, ends[1] - target)


def is_direction(statement: Statement) -> bool:
    """Whether it says only which of the two has more."""
    return statement.by is None and statement.sign in (">", "<")


def place(value: float, quantity: Quantity) -> float:
    """A size where sizes are compared: the logarithm of a factor, a difference as it is."""
    if quantity.scale == "difference":
        return value
    return math.log(value) if value > 0 else -math.inf


def margin_of(statement: Statement, quantity: Quantity) -> float:
    """The size that does not count, in the units of `place`: the statement's or the figure's own.

    Raises:
        ValueError: Neither has one, and the figure is no count.
    """
    if statement.margin is not None:
        return place(statement.margin, quantity)
    own = SAME if quantity == ACCURACY else named(statement.figure).margin
    if own is None and quantity.scale != "exact":
        raise ValueError(f"a statement on {statement.figure} needs a margin")
    return own or 0.0


def _by_direction(statement: Statement, verdict: Verdict) -> FinalOutcome:
    if verdict.relation == "equal":
        return "refuted"
    if not verdict.differs:
        return "undecided"
    return "confirmed" if (verdict.relation == "higher") == (statement.sign == ">") else "refuted"


def _ends(verdict: Verdict) -> tuple[float, float] | None:
    """The ends of the simultaneous interval in units of `place`; those of counts are one value."""
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
    """By the interval of what is compared, from where the statement has put it."""
    exact = verdict.quantity.scale == "exact"
    if statement.sign in ("<", "<="):  # the same as ">" and ">=" of the opposite
        low, high = -high, -low
    if statement.sign in (">", "<"):
        return "confirmed" if low > 0 else "refuted" if high < 0 or exact else "undecided"
    margin = margin_of(statement, verdict.quantity) + (ROUNDING if exact else 0)
    if statement.sign == "=":
        if -margin < low and high < margin:
            return "confirmed"
        return "refuted" if low >= margin or high <= -margin else "undecided"
    if low > -margin:
        return "confirmed"
    other = "lower" if statement.sign == ">=" else "higher"
    found = verdict.relation == other if statement.by is None else high < 0
    return "refuted" if found else "undecided"
