"""Text about what a claim lacks to be decided."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from ..figures import figure_words
from ..figures.catalogue import named
from ..quantity import Quantity
from ..stats import dispersion
from ..stats.estimates import FEWEST, Estimate
from ..stats.sequential import MOST_SEEDS
from .findings import Judged
from .needs import Lack, Need
from .plan import ClaimPlan

BRIEF: Mapping[Lack, str] = {
    "seeds": "more seeds",
    "epochs": "the report's epochs",
    "first seeds": "first seeds",
    "spread": f"{dispersion.FEWEST} seeds",
    "not recorded": "training again",
    "weights": "measuring",
    "too close": f"over {MOST_SEEDS} seeds",
    "other": "not known",
}
"""Short text per lack, for a table."""
BY_POWER = (
    "more seeds: as many as decide it with 80 % power if the true difference and spread are the "
    "observed ones, which few seeds show only roughly; “likely” is what they would decide"
)
THEN_OPEN = (
    "first seeds, the report's epochs, training again: whether these seeds decide it is known only "
    "after them"
)
COMMANDS = "`--format csv` has the command of each"
ALONE = (
    "a command with `--skip` trains what is needed; the other networks stay as they were recorded, "
    "if all conditions are the same"
)
LOOKED = (
    "seeds that are added after a look at the results make false verdicts likelier, which the "
    "verdicts then report; `convcompare compare --until-clear` plans the looks"
)


def brief(plan: ClaimPlan) -> str:
    """Return what decides a claim in a few words: ``more seeds, the report's epochs``."""
    return ", ".join(dict.fromkeys(BRIEF[need.lack] for _, need in _deciding(plan)))


def lacking(plan: ClaimPlan) -> str:
    """Return what decides a claim with figures: ``more seeds; the report's 15 epochs, not 2``."""
    parts = (_of(judged, need, plan) for judged, need in _deciding(plan))
    return "; ".join(dict.fromkeys(parts))


def _deciding(plan: ClaimPlan) -> Iterator[tuple[Judged, Need]]:
    """Yield the needs of a claim; if no number of seeds decides it, only those that prevent it."""
    for judged, need in plan.needs:
        if plan.seeds is not None or need.seeds is None:
            yield judged, need


def _of(judged: Judged, need: Need, plan: ClaimPlan) -> str:
    noun = named(judged.assertion.statement.figure).quantity.noun
    if need.lack == "seeds":
        return "more seeds"
    if need.lack == "epochs":
        trained = plan.finding.epochs[0] if plan.finding.epochs else 0
        return f"the report's {plan.epochs} epochs" + (f", not {trained}" if trained else "")
    if need.lack == "first seeds":
        return f"{FEWEST} seeds, which show a spread"
    if need.lack == "spread":
        return f"{dispersion.FEWEST} seeds: spreads of fewer are not compared"
    if need.lack == "not recorded":
        return f"{noun}: recorded if the networks are trained again"
    if need.lack == "weights":
        return f"{noun}: measured on the stored weights, without training"
    if need.lack == "too close":
        return _too_close(judged, need)
    return _other(judged)


def _too_close(judged: Judged, need: Need) -> str:
    quantity = judged.verdict.quantity
    assert need.sizes is not None
    found, smallest = need.sizes
    of = f"{judged.verdict.model} against {judged.verdict.baseline}: {quantity.noun}"
    if math.isinf(smallest):
        return f"{of} varies too much for {MOST_SEEDS} seeds to show that it is within the margin"
    return (
        f"{of} is {_size(found, quantity)} from what would decide it; "
        f"{MOST_SEEDS} seeds detect {_size(smallest, quantity)} or more"
    )


def _size(value: float, quantity: Quantity) -> str:
    """Return a distance as text: ``0.12 points``, or a factor: ``1.3 times``."""
    if quantity.scale == "ratio":
        return f"{value:.3g} times" if value < 1000 else f"{value:.1e} times"
    return figure_words.amount(Estimate(value, None, None, 1, ""), quantity).removeprefix("+")


def _other(judged: Judged) -> str:
    verdict = judged.verdict
    of = f"{verdict.model} against {verdict.baseline}"
    if verdict.refusal is not None:
        return f"{of}: {figure_words.sentence(verdict)}"
    return f"{of}: no spread of {verdict.quantity.noun} is known, so neither is a number of seeds"
