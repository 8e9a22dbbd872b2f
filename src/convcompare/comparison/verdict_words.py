"""Text of verdicts: sentences about a difference or a ratio, notes, and the outlook.

docs/concepts/statistics.md lists the sentences and their conditions.
"""

from __future__ import annotations

from collections.abc import Sequence

from convcompare.core import formatting

from .estimate_words import FEW, number, size, unit_of, with_margin
from .quantity import ACCURACY
from .stats.estimates import inverse
from .verdict import Differing, Refusal, Verdict

ROUGHLY = 10
"""Number of seeds below which a spread is only roughly known: the estimate of three seeds is 0.16
to 1.9 times the true one (95 %), that of ten 0.55 to 1.45 times."""
ONE_SEED = "one seed: this is about these two trained networks, not about the architectures"


def words(verdict: Verdict) -> str:
    """Return a verdict without its baseline: ``better by 1.24 ± 0.15 points``."""
    if verdict.quantity.scale == "ratio":
        return _ratio_words(verdict)
    if verdict.n == 1 and verdict.differs:
        return _as_trained(verdict)
    if verdict.relation == "too few":
        return _inconclusive(verdict)
    lead, _ = _lead(verdict)
    return lead + _rest(verdict)


def sentence(verdict: Verdict) -> str:
    """Return a verdict on a difference with its baseline.

    ``better than fcn by 1.24 ± 0.15 points``.
    """
    if verdict.n == 1 and verdict.differs:
        return _as_trained(verdict, f" {verdict.baseline}")
    if verdict.relation == "too few":
        return _inconclusive(verdict, f" against {verdict.baseline}")
    lead, preposition = _lead(verdict)
    return f"{lead} {preposition} {verdict.baseline}{_rest(verdict)}"


def decided(verdict: Verdict) -> str:
    """Return the result of a verdict on any figure, in a word for programs.

    A difference is ``better`` or ``worse`` if the figure has a better end, else ``higher`` or
    ``lower``; ``differ`` for accuracies of one seed, which do not compare architectures. Without a
    difference, a verdict on accuracy is ``no clear difference`` if the seeds would rarely miss a
    difference of one point. Every other undecided verdict is ``inconclusive``.
    """
    quantity, relation = verdict.quantity, verdict.relation
    if relation in ("unclear", "too few"):
        rarely_missed = relation == "unclear" and quantity == ACCURACY
        return "no clear difference" if rarely_missed else "inconclusive"
    if not verdict.differs:
        return relation
    if verdict.n == 1 and quantity == ACCURACY:
        return "differ"
    if quantity.best is None:
        return relation
    return "better" if (relation == "higher") == (quantity.best == "high") else "worse"


def note(verdict: Verdict) -> str:
    """Return the notes on a verdict: one seed, seeds left out, a stop; empty if there are none."""
    single = verdict.n == 1 and verdict.quantity.scale == "difference"
    notes = [ONE_SEED] if single and verdict.relation != "refused" else []
    for one in verdict.left_out:
        notes.append(
            f"without {formatting.seed_list(one.seeds)}: no run of {one.model} that counts"
        )
    if verdict.stopped_before:
        notes.append(stopped(verdict.stopped_before))
    return "; ".join(notes)


def roughly(verdicts: Sequence[Verdict]) -> str:
    """Return the note that the sizes in "would often be missed" are rough; empty if unneeded."""
    few = [v.n for v in verdicts if v.relation == "too few" and v.detectable and v.n > FEW]
    if not few or min(few) >= ROUGHLY:
        return ""
    return f"sizes that would often be missed are rough: {min(few)} seeds estimate the spread"


def often_missed(verdict: Verdict) -> float | None:
    """Return the difference that an inconclusive verdict detects with 80 % power.

    In the unit of the figure, with one significant digit. None if it is not known, or larger than
    any difference can be.
    """
    if verdict.relation != "too few" or verdict.n <= FEW:
        return None
    if not verdict.detectable or verdict.detectable >= 1:
        return None
    return float(f"{verdict.quantity.factor * verdict.detectable:.1g}")


def outlook(verdict: Verdict) -> str:
    """Return what twice the seeds could show; empty if the verdict is settled or it is unknown."""
    if verdict.settled:
        return ""
    if verdict.stopped_before:
        return stopped(verdict.stopped_before)
    if verdict.n < 2:
        return "two seeds or more compare the architectures"
    if not verdict.detectable_doubled or verdict.detectable_doubled >= 1:
        return ""
    return f"{2 * verdict.n} seeds could show {size(verdict.detectable_doubled, verdict.quantity)}"


def stopped(most_seeds: int) -> str:
    """Return why a contrast gets no more seeds although it is not decided."""
    return f"stopped: more seeds, up to {most_seeds}, would hardly ever decide it"


def method(verdict: Verdict) -> str:
    """Return the test or interval of a verdict, and the number of contrasts in its adjustment."""
    made = verdict.estimate.method if verdict.estimate else verdict.test
    family = f"Holm over {verdict.family} contrasts" if verdict.family > 1 else ""
    return ", ".join(part for part in (made, family) if part)


def times_words(verdict: Verdict) -> str:
    """Return a ratio as a number above one.

    ``7.8 ± 0.5 times slower``, ``46 times smaller, 27 to 80``.
    """
    ratio = verdict.estimate
    assert ratio is not None
    comparative = verdict.quantity.comparative("lower" if ratio.value < 1 else "higher")
    if ratio.value < 1:
        ratio = inverse(ratio)
    shown, ends = number(ratio)
    return f"{shown} times {comparative}{ends}"


def _lead(verdict: Verdict) -> tuple[str, str]:
    """Return the start of a verdict on a difference, and the preposition of its baseline."""
    if verdict.relation == "higher" or verdict.relation == "lower":
        return verdict.quantity.comparative(verdict.relation), "than"
    if verdict.relation == "refused":
        return "not compared", "with"
    leads = {"equivalent": "no difference", "unclear": "no clear difference"}
    return leads[verdict.relation], "from"


def _rest(verdict: Verdict) -> str:
    """Return the end of a verdict on a difference, after the lead and the baseline."""
    if verdict.refusal is not None:
        return f": {reason(verdict.refusal)}"
    difference, quantity = verdict.estimate, verdict.quantity
    assert difference is not None
    if verdict.differs:
        two = ", two seeds" if verdict.n == FEW else ""  # their interval is not shown
        return f" by {with_margin(difference, quantity, _sign(verdict))}{two}"
    amount = with_margin(difference, quantity)
    if verdict.relation == "equivalent":
        assert verdict.margin is not None
        return f" larger than {quantity.in_unit(verdict.margin, 'g')} ({amount})"
    return f" ({amount})"


def _inconclusive(verdict: Verdict, against: str = "") -> str:
    """Return the text for too few seeds: the estimate, then the size that they often miss."""
    assert verdict.estimate is not None
    amount = with_margin(verdict.estimate, verdict.quantity)
    plus = "+" if verdict.estimate.value > 0 and not amount.startswith("0.00 ") else ""
    text = f"{plus}{amount}{against}"
    if verdict.n == 1:
        return f"{text}, inconclusive: one seed"
    if verdict.n > FEW and not verdict.detectable:
        return f"{text} in all {verdict.n} seeds, inconclusive"
    text += f", inconclusive at {verdict.n} seeds"
    if (missed := often_missed(verdict)) is None:
        return text
    size = unit_of(missed, verdict.quantity)
    return f"{text} (a difference under about {size} would often be missed)"


def _as_trained(verdict: Verdict, baseline: str = "") -> str:
    """Return the text for one seed: how far apart the two trained networks ended."""
    assert verdict.estimate is not None
    where = "above" if verdict.relation == "higher" else "below"
    amount = with_margin(verdict.estimate, verdict.quantity, _sign(verdict))
    return f"ended {amount} {where}{baseline}, one seed"


def _sign(verdict: Verdict) -> int:
    return 1 if verdict.relation == "higher" else -1


def reason(refusal: Refusal) -> str:
    """Return the reason of a refusal: ``trained 10 epochs against 15``."""
    if refusal.reason == "no run":
        return f"no run of {' or '.join(refusal.models)} counts"
    if refusal.reason == "no common seed":
        return "they have no seed in common"
    if refusal.reason == "no time":
        return "no time was measured with the device alone"
    found = [_setting(one) for one in refusal.differing]
    if refusal.models:
        found.append(f"{' and '.join(refusal.models)} shared the machine")
    if refusal.stopped:
        were = "was" if len(refusal.stopped) == 1 else "were"
        found.append(f"{' and '.join(refusal.stopped)} {were} stopped meanwhile")
    return ", ".join(found)


def _setting(one: Differing) -> str:
    if one.name == "data":
        return "other images under the same name of the data set"
    model, baseline = " and ".join(one.model), " and ".join(one.baseline)
    if one.name == "epochs":
        return f"trained {model} epoch{'' if model == '1' else 's'} against {baseline}"
    return f"{one.name.replace('_', ' ')} {model} against {baseline}"


def _ratio_words(verdict: Verdict) -> str:
    quantity = verdict.quantity
    if verdict.refusal is not None:
        return f"times not compared: {reason(verdict.refusal)}"
    assert verdict.estimate is not None
    one_each = " (one run each)" if verdict.n == 1 else ""
    if verdict.relation == "equivalent":
        return f"{quantity.alike}{one_each}"
    if verdict.relation == "unclear":
        shown, ends = number(verdict.estimate)
        return f"{quantity.noun} inconclusive ({shown} times{ends})"
    return times_words(verdict) + one_each
