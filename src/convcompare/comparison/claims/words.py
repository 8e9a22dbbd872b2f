"""Text of claims: what a statement claims, and the figures that decide it."""

from __future__ import annotations

import math

from ..figures import figure_words
from ..figures.one_sample import shown_number
from ..quantity import Quantity
from ..stats.estimates import Estimate
from ..study import Sign, Statement
from ..verdict import Verdict
from .examined import Assertion
from .outcomes import is_direction, margin_of

CLAIMED: dict[Sign, str] = {
    ">": "more than {by}",
    "<": "less than {by}",
    "=": "{by} within {margin}",
    ">=": "at least {by} within {margin}",
    "<=": "at most {by} within {margin}",
}
PLAIN: dict[Sign, str] = {
    "=": "within {margin}",
    ">=": "less by at most {margin}",
    "<=": "more by at most {margin}",
}
"""Text of statements without a target."""


def evidence(assertion: Assertion, verdict: Verdict) -> str:
    """Return the figures of a verdict, sizes with simultaneous intervals, and what is claimed."""
    statement, quantity = assertion.statement, verdict.quantity
    single = verdict.n == 1 and quantity.scale != "exact"
    if verdict.refusal is not None or single:
        return f"{verdict.model} {figure_words.sentence(verdict)}"
    alone = not isinstance(assertion.second, str)
    directed = is_direction(statement)
    estimate = verdict.estimate if directed else verdict.joint
    if quantity.scale == "exact":
        shown = _counted(verdict, alone)
    elif alone and estimate is not None:
        shown = f"{quantity.noun} of {verdict.model}: {_beside(assertion, estimate, quantity)}"
    elif directed or estimate is None:
        return f"{verdict.model} {figure_words.sentence(verdict)}{_values(verdict)}"
    else:
        shown = f"{quantity.noun} of {verdict.model} against {verdict.baseline}: "
        shown += figure_words.with_interval(estimate, quantity)
    claimed = claimed_size(assertion, quantity)
    return f"{shown} (claimed: {claimed})" if claimed else shown


def claimed_size(assertion: Assertion, quantity: Quantity) -> str:
    """Return what is claimed beyond a direction: ``within 0.5 points``; empty if nothing is."""
    statement = assertion.statement
    target = _target(assertion, quantity)
    margin = "" if statement.sign in (">", "<") else _margin(statement, quantity)
    if target or margin:
        forms = CLAIMED if target else PLAIN
        return forms[statement.sign].format(by=target, margin=margin)
    return ""


def _target(assertion: Assertion, quantity: Quantity) -> str:
    """Return the number with which a figure is compared, or the shift of the comparison, if any."""
    by = assertion.statement.by
    if not isinstance(assertion.second, str):
        return shown_number(assertion.second, quantity)
    if by is None:
        return ""
    if quantity.scale == "difference":
        return figure_words.amount(Estimate(by, None, None, 1, "claimed"), quantity)
    return f"{by:.4g} times"


def _counted(verdict: Verdict, alone: bool) -> str:
    """Return two counts, or one, as text: ``142,154 parameters against 161,450``."""
    assert verdict.values is not None
    quantity = verdict.quantity
    first, second = map(quantity.show, verdict.values)
    if quantity.verb:
        return f"{first} {quantity.noun} against {second}"
    against = "" if alone else f" against {second}"
    return f"{quantity.noun} of {verdict.model}: {first}{against}"


def _beside(assertion: Assertion, estimate: Estimate, quantity: Quantity) -> str:
    """Return the figure itself from its difference or ratio to a number."""
    number = float(assertion.second)
    if quantity.scale == "difference":
        own = estimate.mapped(lambda difference: number + difference)
        return figure_words.amount(own, quantity).removeprefix("+")
    shown = [f"{number * one:.2g}" for one in (estimate.value, *(estimate.ends or ()))]
    return shown[0] + (f", {shown[1]} to {shown[2]}" if len(shown) == 3 else "")


def _values(verdict: Verdict) -> str:
    """Return the two means as text if the quantity shows values for a ratio; else empty."""
    shows = verdict.quantity.show is not str and verdict.quantity.scale == "ratio"
    if not shows or verdict.values is None or verdict.estimate is None:
        return ""
    first, second = map(verdict.quantity.show, verdict.values)
    return f" ({first} against {second})"


def _margin(statement: Statement, quantity: Quantity) -> str:
    """Return the margin of a statement or of its figure as text."""
    margin = margin_of(statement, quantity)
    if not margin:
        return "nothing"
    if quantity.scale == "difference":
        return quantity.in_unit(margin, ".3g")
    return f"a factor of {math.exp(margin):.6g}"
