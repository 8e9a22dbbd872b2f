"""Notes under a block of verdicts: doubts, refusals, and a summary."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from convcompare.comparison import estimate_words, verdict_words
from convcompare.comparison.assessment import Assessment
from convcompare.comparison.doubts import about
from convcompare.comparison.figures import figure_words
from convcompare.comparison.quantity import ACCURACY
from convcompare.comparison.verdict import Verdict
from convcompare.core import formatting

from ..plots.forest_rows import ForestPanel, doubted, inside, is_filled

MANY = 3
"""Number of verdicts from which a summary is added; more networks than this are counted."""
DOUBT = "?"
"""Mark of a verdict on networks with marked runs."""


def block_notes(
    panel: ForestPanel,
    baseline: str,
    in_doubt: Sequence[Verdict],
    costs: Sequence[Verdict],
    assessment: Assessment,
) -> list[str]:
    """Return the notes of a panel's block; ``costs`` are the verdicts on times that it shows."""
    found = panel.verdicts
    return [
        *_doubts(in_doubt, assessment),
        *_often_missed(found),
        *_equivalent(found),
        *_without_estimate(found),
        *refused_times(costs),
        *([answer(found, baseline)] if len(found) >= MANY else []),
    ]


def answer(found: Sequence[Verdict], baseline: str) -> str:
    """Summarise all verdicts of one figure: how many of each kind, and the largest difference."""
    sentence = f"{len(found)} networks were compared with {baseline}: {tally(found)}"
    if one := largest(found):
        sentence += f"; the largest difference: {one.model} {figure_words.words(one)}"
    return sentence


def tally(found: Sequence[Verdict]) -> str:
    """Count the verdicts of one figure by kind: ``2 better, 0 worse, 1 not decided``."""
    better = found[0].quantity.best
    sure = _sure(found)
    more = [one for one in sure if one.relation == "higher"]
    words = {
        "high": ("better", "worse"),
        "low": ("worse", "better"),
        None: ("higher", "lower"),
    }[better]
    counts = [f"{len(more)} {words[0]}", f"{len(sure) - len(more)} {words[1]}"]
    if better == "low":
        counts.reverse()
    alike = sum(one.relation in ("equivalent", "equal") for one in found)
    counts += [f"{alike} the same"] if alike else []
    open_ = len(found) - len(sure) - alike
    counts += [f"{open_} not decided"] if open_ else []
    return ", ".join(counts)


def largest(found: Sequence[Verdict]) -> Verdict | None:
    """Return the largest of the decided differences; None if there is none."""
    return max(_sure(found), key=_size, default=None)


def _sure(found: Sequence[Verdict]) -> list[Verdict]:
    return [one for one in found if is_filled(one) and one.differs]


def _size(verdict: Verdict) -> float:
    estimate = verdict.estimate
    if estimate is None:
        return 0.0
    if verdict.quantity.scale == "difference":
        return abs(estimate.value)
    return max(estimate.value, 1 / estimate.value)


def _doubts(in_doubt: Sequence[Verdict], assessment: Assessment) -> Iterator[str]:
    """Explain the mark of doubt: the marks of the runs, with their networks."""
    groups = {group.label: group for one in in_doubt for group in doubted(one, assessment)}
    if groups:
        words = assessment.doubts.words([*groups.values()], about(in_doubt[0].quantity))
        yield f"{DOUBT} in doubt: {words}"


def _often_missed(found: Sequence[Verdict]) -> Iterator[str]:
    """Explain which differences in accuracy the seeds of inconclusive verdicts would often miss."""
    sizes = [
        (one.n, size)
        for one in found
        if one.quantity == ACCURACY and (size := verdict_words.often_missed(one)) is not None
    ]
    if not sizes:
        return
    least, most = (end(size for _, size in sizes) for end in (min, max))
    seeds = " to ".join(dict.fromkeys(str(end(n for n, _ in sizes)) for end in (min, max)))
    which = f"a difference under about {estimate_words.unit_of(most, ACCURACY)}"
    if least < most:
        which = f"differences under about {least:g} to {estimate_words.unit_of(most, ACCURACY)}"
    yield f"inconclusive at {seeds} seeds: {which} would often be missed"


def _equivalent(found: Sequence[Verdict]) -> Iterator[str]:
    """Explain the margin within which networks are equivalent."""
    for one in found:
        if one.relation == "equivalent" and one.margin and one.quantity.scale == "difference":
            yield f"equivalent: no difference larger than {one.quantity.in_unit(one.margin, 'g')}"
            return


def _without_estimate(found: Sequence[Verdict]) -> Iterator[str]:
    """Explain missing estimates, once per reason."""
    reasons: dict[str, list[str]] = {}
    for one in found:
        if one.estimate is None and (reason := inside(one)):
            lead = "not compared: " if one.refusal is not None else ""
            reasons.setdefault(lead + reason, []).append(one.model)
    for reason, models in reasons.items():
        counted = len(models) > MANY
        who = formatting.count(len(models)) + " networks" if counted else " and ".join(models)
        yield f"{who} {reason}"


def refused_times(costs: Sequence[Verdict]) -> Iterator[str]:
    """Explain why times are not compared, once per reason."""
    reasons: dict[str, list[str]] = {}
    networks = {name for one in costs for name in one.labels}
    refusals = {one.model: one.refusal for one in costs if one.refusal is not None}
    marks = {model: one for model, one in refusals.items() if one.reason == "machine"}
    for model, refusal in refusals.items():
        counted = model in marks  # these networks are counted below; the reason names the others
        only = dataclasses.replace(refusal, models=(), stopped=()) if counted else refusal
        reasons.setdefault(verdict_words.reason(only), []).append(model)
    shared = {model for one in marks.values() for model in one.models}
    stopped = {model for one in marks.values() for model in one.stopped}
    were = "was" if len(stopped) == 1 else "were"
    marked = [
        f"{len(found)} of {len(networks)} networks {what}"
        for found, what in ((shared, "shared the machine"), (stopped, f"{were} stopped meanwhile"))
        if found
    ]
    for reason, models in reasons.items():
        why = reason or ", ".join(marked)
        networks_of = "1 network" if len(models) == 1 else f"{len(models)} networks"
        some = "" if len(models) == len(costs) else f" of {networks_of}"
        yield f"times{some} not compared: {why}"
