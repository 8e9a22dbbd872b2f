"""``--match``: scales the width of networks to the cost of the baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from convcompare.core import formatting
from convcompare.core.errors import UsageError, did_you_mean, quote

from .foreign_code import call

if TYPE_CHECKING:
    from convcompare.models.shape import Shape

    from .request import ModelRequest


def find_baseline(models: Sequence[ModelRequest], requested: str | None) -> ModelRequest:
    """Return the reference network, by default the first."""
    if requested is None:
        return models[0]
    for one in models:
        if requested in (one.label, one.spec):
            return one
    labels = [one.label for one in models]
    raise UsageError(
        f"the baseline {quote(requested)} is not among the networks",
        did_you_mean(requested, labels) or f"one of {', '.join(quote(label) for label in labels)}",
    )


def matched(
    models: Sequence[ModelRequest], baseline: ModelRequest, requested: str, shape: Shape
) -> tuple[list[ModelRequest], list[str]]:
    """Return the networks at their matched widths, and a sentence on each for the table's notes."""
    from convcompare.models.width_matching import WORDS, check_cost, cost_of, match

    cost = check_cost(requested)
    target = call(baseline.spec, cost_of, baseline.spec, shape, cost)
    found, notes = [], []
    for one in models:
        if one is baseline:
            found.append(one)
            continue
        other = call(one.spec, match, one.spec, shape, cost, target)
        label = f"{one.label} ×{other.factor:.2f}"
        found.append(replace(one, label=label, spec=other.spec))
        share = formatting.minus(f"{100 * (other.cost / target - 1):+.1f}")
        notes.append(
            f"{label} is {other.spec}: {formatting.count(other.cost)} {WORDS[cost]}, {share} % of "
            f"{baseline.label}'s {formatting.count(target)}"
        )
    return found, notes
