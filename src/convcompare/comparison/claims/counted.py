"""The conclusions that the counts of networks decide before anything is run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..figures.catalogue import named
from ..figures.figure_tests import with_counts
from ..study import Claim, Study
from ..verdict import Verdict
from . import words
from .examined import Asked, alternatives
from .outcomes import FinalOutcome, outcome

COUNTS = ("parameters", "macs")
Counts = Mapping[str, Mapping[str, int | None]]
"""``parameters`` and ``macs`` of each network by its name in the study; None if not counted."""


def counted(study: Study, counts: Counts) -> list[str]:
    """A sentence for each conclusion that the counts of its networks decide, without a run."""
    told = []
    for claim in study.claims:
        said, evidence = by_counts(claim, counts)
        if said in ("confirmed", "refuted"):
            says = "confirm it" if said == "confirmed" else "say otherwise"
            told.append(f"{claim.number} “{claim.sentence}”: the counts {says}, {evidence}")
    return told


def by_counts(claim: Claim, counts: Counts) -> tuple[FinalOutcome, str]:
    """What the counts say of a claim, with their figures; undecided if that depends on runs.

    One pair that is refuted is enough; to be confirmed all of them must be.
    """
    if not counts.keys() >= claim.networks:
        return "undecided", ""
    pairs = [_of_pair(pair, counts) for part in claim.parts for pair in alternatives(part)]
    found = {said for said, _ in pairs}
    whole: FinalOutcome = "refuted" if "refuted" in found else "undecided"
    whole = "confirmed" if found == {"confirmed"} else whole
    return whole, "; ".join(evidence for said, evidence in pairs if said == whole)


def _of_pair(pair: Sequence[Asked], counts: Counts) -> tuple[FinalOutcome, str]:
    known = [(one, verdict) for one in pair if (verdict := _count(one, counts))]
    held = [both for both in known if outcome(both[0].statement, both[1]) == "confirmed"]
    refuted = len(known) == len(pair) and not held
    whole: FinalOutcome = "confirmed" if held else "refuted" if refuted else "undecided"
    return whole, "; ".join(words.evidence(*both) for both in held[:1] or known)


def _count(one: Asked, counts: Counts) -> Verdict | None:
    """The verdict on two counts; None for what is no count, or is not known."""
    if one.statement.figure not in COUNTS or not isinstance(one.second, str):
        return None
    measure = named(one.statement.figure)
    a, b = (counts[name][measure.name] for name in (one.first, one.second))
    if a is None or b is None:
        return None
    return with_counts(Verdict(one.first, one.second, measure.quantity, "unclear"), a, b, 1)
