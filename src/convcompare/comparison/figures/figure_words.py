"""Text of verdicts on any figure: ``lower test loss than fcn by 0.05 ± 0.02 nats``.

An estimate is always shown with its interval if it has one, whatever the verdict.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from convcompare.core import formatting

from .. import verdict_words
from ..estimate_words import is_lopsided, longer_side, number
from ..quantity import ACCURACY, Quantity
from ..stats import dispersion
from ..stats.estimates import Estimate, inverse
from ..verdict import LeftOut, Verdict
from .quantities import STABILITY

CLOSE = 0.1
"""Relative difference of counts below which it is shown in percent."""
EQUAL = 1e-12
"""Rounding up to which an estimate counts as no difference."""
FINEST = 5e-4
"""Half-width of an interval below which four decimals are too few."""
OUTCOMES = {
    "refused": "not compared",
    "differ": "one seed",
}
"""Text of the outcomes whose word in JSON is not shown."""


Against = Callable[[str], str]
"""Returns the baseline after a preposition; empty if the baseline is not named."""


def words(verdict: Verdict) -> str:
    """Return a verdict without its baseline: ``needs 1.8 times the memory``."""
    if verdict.quantity == ACCURACY:
        return verdict_words.words(verdict)
    return _text(verdict, lambda _: "")


def sentence(verdict: Verdict) -> str:
    """Return a verdict with its baseline: ``needs 1.8 times the memory of fcn``."""
    if verdict.quantity == ACCURACY:
        return verdict_words.sentence(verdict)
    return _text(verdict, lambda preposition: f" {preposition} {verdict.baseline}")


def outcome(verdict: Verdict) -> str:
    """Return the outcome of a verdict in one or two words: ``better``, ``inconclusive``."""
    word = verdict_words.decided(verdict)
    return OUTCOMES.get(word, word)


def note(verdict: Verdict) -> str:
    """Return the notes on a verdict; empty if there are none."""
    if verdict.quantity == ACCURACY:
        return verdict_words.note(verdict)
    notes = [verdict_words.ONE_SEED] if verdict.n == 1 and verdict.relation == "too few" else []
    notes += map(_without, dict.fromkeys(verdict.left_out))
    return "; ".join(notes)


def outlook(verdict: Verdict) -> str:
    """Return what twice the seeds could show; empty if the verdict is settled or it is unknown."""
    if verdict.quantity == ACCURACY:
        return verdict_words.outlook(verdict)
    if verdict.settled or not verdict.detectable_doubled:
        return ""
    return f"{2 * verdict.n} seeds could show {_size(verdict.detectable_doubled, verdict.quantity)}"


def amount(estimate: Estimate, quantity: Quantity, sign: int = 0) -> str:
    """Return a difference with its interval and unit.

    Args:
        estimate: The difference, in the unit of the records.
        quantity: The figure.
        sign: Factor 1 or -1; 0 keeps the difference and shows its sign: ``+0.03 ± 0.05 nats``.
    """
    factor = quantity.factor * (sign or 1)
    value, margin = factor * estimate.value, longer_side(estimate)
    if is_lopsided(estimate):
        low, high = sorted(factor * end for end in (estimate.low or 0.0, estimate.high or 0.0))
        places = formatting.decimals(min(value - low, high - value))
        ends = formatting.minus(f"[{low:.{places}f}, {high:.{places}f}]")
        shown = f"{value:.{places}f} {ends}"
    elif margin is None:
        shown = f"{value:.3g}"
    elif quantity.factor * margin < FINEST:
        shown = f"{value:.3g} ± {quantity.factor * margin:.1g}"
    else:
        shown = formatting.plus_minus(value, quantity.factor * margin)
    shown = formatting.signed(shown, plus=not sign)
    return f"{shown} {quantity.unit}" if quantity.unit else shown


def with_interval(estimate: Estimate, quantity: Quantity) -> str:
    """Return an estimate with its interval: a difference as `amount`, a ratio as `times`."""
    return amount(estimate, quantity) if quantity.scale == "difference" else times(estimate)


def without_unit(estimate: Estimate, quantity: Quantity) -> str:
    """Return an estimate with its interval as bare numbers: ``+1.24 ± 0.15``, ``1.8 ± 0.1``."""
    return with_interval(estimate, replace(quantity, unit="")).replace(" times", "")


def _text(verdict: Verdict, of: Against) -> str:
    quantity = verdict.quantity
    if verdict.refusal is not None:
        return f"{quantity.noun} not compared{of('with')}: {_reason(verdict)}"
    if quantity.scale == "exact":
        return _counted(verdict, of)
    if is_same(verdict):
        return f"the same {quantity.noun}{of('as')} in all {verdict.n} seeds"
    if verdict.relation == "too few":
        return _too_few(verdict, of)
    if verdict.estimate is None:
        return _unreached(verdict, of)
    return _ratio(verdict, of) if quantity.scale == "ratio" else _difference(verdict, of)


def is_same(verdict: Verdict) -> bool:
    """Return whether two networks have the same figure in every one of several seeds."""
    estimate = verdict.estimate
    if verdict.differs or verdict.n < 2 or estimate is None or estimate.low is not None:
        return False
    return abs(estimate.value - (verdict.quantity.scale == "ratio")) < EQUAL and verdict.p == 1


def _difference(verdict: Verdict, of: Against) -> str:
    quantity, estimate = verdict.quantity, verdict.estimate
    assert estimate is not None
    if verdict.relation == "higher" or verdict.relation == "lower":
        sign = 1 if verdict.relation == "higher" else -1
        lead = quantity.comparative(verdict.relation)
        return f"{lead}{of('than')} by {amount(estimate, quantity, sign)}"
    if verdict.relation == "equivalent":
        most = quantity.in_unit(verdict.margin or 0, "g")
        lead = f"no difference in {quantity.noun}{of('from')} larger than {most}"
        return f"{lead} ({amount(estimate, quantity)})"
    return f"{quantity.noun}{of('against')} inconclusive ({amount(estimate, quantity)})"


def _ratio(verdict: Verdict, of: Against) -> str:
    quantity, ratio = verdict.quantity, verdict.estimate
    assert ratio is not None
    if verdict.relation == "equivalent":
        return f"{quantity.alike}{of('as')}"
    if verdict.relation != "higher" and verdict.relation != "lower":
        return f"{quantity.noun}{of('against')} inconclusive ({times(ratio)})"
    if quantity.verb:
        shown, ends = number(ratio)
        return f"{quantity.verb} {shown} times the {quantity.noun}{of('of')}{ends}"
    shown, ends = number(inverse(ratio) if ratio.value < 1 else ratio)
    return f"{shown} times {quantity.comparative(verdict.relation)}{of('than')}{ends}"


def _counted(verdict: Verdict, of: Against) -> str:
    quantity = verdict.quantity
    assert verdict.values is not None
    shown, other = (quantity.show(value) for value in verdict.values)
    if verdict.relation == "equal":
        return f"the same {quantity.noun}{of('as')} ({shown})"
    assert verdict.relation in ("higher", "lower")
    word = quantity.higher if verdict.relation == "higher" else quantity.lower
    both = f"({shown} against {other})"
    if not quantity.verb or verdict.estimate is None:
        return f"{word} {quantity.noun}{of('than')} {both}"
    ratio = verdict.estimate.value
    if abs(ratio - 1) < CLOSE:
        share = f"{100 * abs(ratio - 1):.2g} %"
        return f"{quantity.verb} {share} {word} {quantity.noun}{of('than')} {both}"
    shown_ratio = f"{ratio:.2g}" if ratio < 10 else f"{ratio:,.0f}"
    return f"{quantity.verb} {shown_ratio} times the {quantity.noun}{of('of')} {both}"


def _too_few(verdict: Verdict, of: Against) -> str:
    quantity, estimate = verdict.quantity, verdict.estimate
    if estimate is not None and verdict.n == 1:
        size = with_interval(estimate, quantity)
        return f"{quantity.noun}{of('against')}: {size} between these two trained networks"
    found = _reached(verdict) if verdict.values and estimate is None else ""
    found = with_interval(estimate, quantity) if estimate is not None else found
    needed = f"{dispersion.FEWEST} seeds are needed" if quantity == STABILITY else ""
    inside = "; ".join(part for part in (found, needed) if part)
    behind = f" ({inside})" if inside else ""
    seeds = formatting.several(verdict.n, "seed")
    return f"{quantity.noun}{of('against')} inconclusive at {seeds}{behind}"


def _unreached(verdict: Verdict, of: Against) -> str:
    """Return the text for epochs to a level that some runs did not reach."""
    noun, behind = verdict.quantity.noun, f" ({_reached(verdict)})"
    if verdict.differs:
        more = "more" if verdict.relation == "higher" else "fewer"
        return f"needs {more} {noun}{of('than')}{behind}"
    return f"{noun}{of('against')} inconclusive{behind}"


def _reached(verdict: Verdict) -> str:
    assert verdict.values is not None
    model, baseline = verdict.values
    return f"reached in {model:g} of {verdict.n} seeds against {baseline:g} of {verdict.n}"


def _reason(verdict: Verdict) -> str:
    refusal, quantity = verdict.refusal, verdict.quantity
    assert refusal is not None
    if refusal.reason == "not recorded":
        return f"not recorded of {' and '.join(refusal.models)}"
    if refusal.reason == "never reached":
        return "no run reached it"
    if refusal.reason == "no value":
        if quantity == STABILITY:
            return "all seeds of a network have the same accuracy"
        return "it is 0 in a run, so there is no ratio"
    return verdict_words.reason(refusal)


def times(ratio: Estimate) -> str:
    """Return a ratio with its interval: ``1.8 ± 0.1 times``, ``46 times, 27 to 80``."""
    shown, ends = number(ratio)
    if ratio.low is None and abs(ratio.value - 1) < CLOSE:
        digits = next((n for n in range(3, 9) if float(f"{ratio.value:.{n}g}") != 1), 3)
        shown = f"{ratio.value:.{digits}g}"
    return f"{shown} times{ends}"


def _size(value: float, quantity: Quantity) -> str:
    if quantity.scale == "ratio":
        return f"a factor of {value:.3g}"
    return f"a difference of {quantity.in_unit(value, '.2g')}"


def _without(one: LeftOut) -> str:
    return f"without {formatting.seed_list(one.seeds)}, of which {one.model} has no such figure"
