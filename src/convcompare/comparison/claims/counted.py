"""Claims that the counts of networks decide without any run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..figures.catalogue import named
from ..figures.figure_tests import with_counts
from ..study import Claim, Study
from ..verdict import Verdict
from . import words
from .examined import Assertion, alternatives
from .outcomes import FinalOutcome, outcome

COUNTS = ("parameters", "macs")
Counts = Mapping[str, Mapping[str, int | None]]
"""``parameters`` and ``macs`` of each network by its name in the study; None if not counted."""


def counted(study: Study, counts: Counts) -> list[str]:
    """Return a sentence for each claim that the counts of its networks decide, without a run."""
    sentences = []
    for claim in study.claims:
        result, evidence = by_counts(claim, counts)
        if result in ("confirmed", "contradicted"):
            sentences.append(
                f"{claim.number} “{claim.sentence}”: {result} by the counts, {evidence}"
            )
    return sentences


def by_counts(claim: Claim, counts: Counts) -> tuple[FinalOutcome, str]:
    """Return the outcome of a claim by the counts alone, and the evidence.

    The claim is contradicted if one of its pairs is, and confirmed if all of them are. Otherwise it
    depends on runs and is inconclusive.
    """
    if not counts.keys() >= claim.networks:
        return "inconclusive", ""
    pairs = [_of_pair(pair, counts) for part in claim.parts for pair in alternatives(part)]
    found = {result for result, _ in pairs}
    whole: FinalOutcome = "contradicted" if "contradicted" in found else "inconclusive"
    whole = "confirmed" if found == {"confirmed"} else whole
    return whole, "; ".join(evidence for result, evidence in pairs if result == whole)


def _of_pair(pair: Sequence[Assertion], counts: Counts) -> tuple[FinalOutcome, str]:
    known = [(one, verdict) for one in pair if (verdict := _count(one, counts))]
    held = [both for both in known if outcome(both[0].statement, both[1]) == "confirmed"]
    contradicted = len(known) == len(pair) and not held
    whole: FinalOutcome = (
        "confirmed" if held else "contradicted" if contradicted else "inconclusive"
    )
    return whole, "; ".join(words.evidence(*both) for both in held[:1] or known)


def _count(one: Assertion, counts: Counts) -> Verdict | None:
    """Return the verdict on two counts; None if the figure is not a count or is not known."""
    if one.statement.figure not in COUNTS or not isinstance(one.second, str):
        return None
    measure = named(one.statement.figure)
    a, b = (counts[name][measure.name] for name in (one.first, one.second))
    if a is None or b is None:
        return None
    return with_counts(Verdict(one.first, one.second, measure.quantity, "unclear"), a, b, 1)
