"""Outcomes of the claims of a report by its runs: confirmed, contradicted or inconclusive."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from convcompare.core.errors import listed
from convcompare.store.run import Run

from ..assessment import Assessment
from ..figures.catalogue import named
from ..figures.figure_notes import lacking
from ..figures.recorded_command import recording_command
from ..study import Claim, ClaimPart, Study
from ..verdict import Verdict, turned
from ..verdict_json import contrast_json
from . import words
from .examined import Assertion, alternatives, examined, key_of, lacking_runs
from .outcomes import FinalOutcome, outcome

Outcome = FinalOutcome | Literal["supported so far", "contradicted so far"]
"""Outcome of a claim. "so far": the figure still changes with the epochs, and the runs have fewer
than the report."""
EARLY: dict[Outcome, Outcome] = {
    "confirmed": "supported so far",
    "contradicted": "contradicted so far",
}
PRECEDENCE: Sequence[FinalOutcome] = ("contradicted", "inconclusive", "not recorded")
"""The outcome of a claim is the first of these that one of its pairs has; otherwise confirmed."""


@dataclass(frozen=True)
class Judged:
    """A statement and the verdict on it, whose model is the first network of the statement.

    ``early`` is True if the figure changes with the epochs and the runs have fewer than the report.
    """

    assertion: Assertion
    verdict: Verdict
    final_outcome: FinalOutcome
    early: bool

    @property
    def outcome(self) -> Outcome:
        """Outcome of the statement, qualified by "so far" if it is early."""
        return (
            EARLY.get(self.final_outcome, self.final_outcome) if self.early else self.final_outcome
        )


@dataclass(frozen=True)
class Finding:
    """A claim, its outcome, and the verdicts that decide it.

    ``epochs`` are those of the runs and those of the report, if the difference matters. ``looked``
    are the numbers of seeds at unplanned looks after which these figures got more,
    ``recorded_by`` the commands that record missing figures, ``runs`` the runs of each network.
    ``open`` are the pairs that further runs can still decide, each with the statements on which it
    depends.
    """

    claim: Claim
    outcome: Outcome
    judged: tuple[Judged, ...]
    epochs: tuple[int, int] | None
    looked: tuple[int, ...]
    recorded_by: tuple[str, ...]
    runs: tuple[tuple[str, tuple[Run, ...]], ...]
    open: tuple[tuple[Judged, ...], ...]

    @property
    def evidence(self) -> str:
        """Figures that decide the claim, in words."""
        recorded = [one for one in self.judged if one.final_outcome != "not recorded"]
        parts = [words.evidence(one.assertion, one.verdict) for one in recorded]
        parts += [
            f"{named(name).quantity.noun} not recorded of {', '.join(models)}"
            for name, models in lacking(one.verdict for one in self.judged).items()
        ]
        text = "; ".join(dict.fromkeys([*parts, *self.recorded_by]))
        if self.epochs:
            text += " (after {} of {} epochs)".format(*self.epochs)
        if self.looked:
            looks = " and at ".join(map(str, self.looked))
            text += f" (seeds were added after a look at {looks})"
        return text

    @property
    def seeds(self) -> tuple[int, int] | None:
        """Minimum and maximum number of seeds of these figures; None for counts."""
        numbers = [
            one.verdict.n
            for one in self.judged
            if one.verdict.quantity.scale != "exact" and one.final_outcome != "not recorded"
        ]
        return (min(numbers), max(numbers)) if numbers else None

    @property
    def sentence(self) -> str:
        """The conclusion, its outcome and the evidence in one sentence."""
        return f"{self.claim.number} “{self.claim.sentence}”: {self.outcome}, {self.evidence}"

    def to_json(self) -> dict[str, Any]:
        """Return the entry under ``conclusions`` in the JSON object of a study.

        Keys are only added, never removed.
        """
        return {
            "number": self.claim.number,
            "conclusion": self.claim.sentence,
            "outcome": self.outcome,
            "evidence": self.evidence,
            "epochs": list(self.epochs) if self.epochs else None,
            "verdicts": [contrast_json(one.verdict) for one in self.judged],
            "runs": {label: [run.id for run in runs] for label, runs in self.runs},
        }


def with_conclusions(assessment: Assessment) -> dict[str, Any]:
    """Return the JSON object of a comparison, with the conclusions of a study."""
    found = [one.to_json() for one in findings(assessment)]
    return {**assessment.to_json(), **({"conclusions": found} if found else {})}


def findings(assessment: Assessment) -> list[Finding]:
    """Return the outcome of every examined claim of a study; empty for other comparisons.

    The verdicts of the claims and those against the baseline are adjusted together.
    """
    study = assessment.study
    if study is None:
        return []
    found = {(v.quantity.name, frozenset(v.labels)): v for v in assessment.family}
    claims = examined(study, assessment.comparison)
    return [_Examination(one, study, assessment, found).finding() for one in claims]


def without_runs(assessment: Assessment) -> str:
    """Return a note on the claims that are not examined, as a network has no finished run.

    ``not examined, without a finished run of residual: 24, 30``; empty if there are none.
    """
    study = assessment.study
    if study is None:
        return ""
    lacking = {one: lacking_runs(one, assessment.comparison) for one in study.claims}
    missing = [row.name for row in study.rows if any(row.name in of for of in lacking.values())]
    if not missing:
        return ""
    numbers = ", ".join(dict.fromkeys(str(claim.number) for claim, of in lacking.items() if of))
    return f"not examined, without a finished run of {listed(missing)}: {numbers}"


@dataclass(frozen=True)
class _Examination:
    """A claim and the verdicts of its study, by figure and networks."""

    claim: Claim
    study: Study
    assessment: Assessment
    verdicts: dict[tuple[str, frozenset[str]], Verdict]

    def finding(self) -> Finding:
        pairs = [one for part in self.claim.parts for one in self._pairs(part)]
        there = {result for result, _ in pairs}
        result: FinalOutcome = next((one for one in PRECEDENCE if one in there), "confirmed")
        shown = ("inconclusive", "not recorded") if result == "inconclusive" else (result,)
        deciding = [one for of, judged in pairs if of in shown for one in judged]
        comparison = self.assessment.comparison
        early = any(one.early for one in deciding)
        final: Outcome = result
        if result == "contradicted":  # final if one such pair does not depend on more epochs
            sure = any(of == result and not any(j.early for j in judged) for of, judged in pairs)
            final = result if sure else EARLY[result]
        elif early:
            final = EARLY.get(result, result)
        groups = [group for group in comparison.groups if group.label in self.claim.networks]
        return Finding(
            self.claim,
            final,
            tuple(deciding),
            self._epochs if early else None,
            () if result == "not recorded" else self._looks(deciding),
            tuple(self._commands(deciding)),
            tuple((group.label, group.finished) for group in groups),
            tuple(tuple(judged) for of, judged in pairs if _open(of, judged)),
        )

    def _pairs(self, part: ClaimPart) -> Iterator[tuple[FinalOutcome, list[Judged]]]:
        """Yield the outcome of each pair, and the statements on which it depends."""
        for pair in alternatives(part):
            judged = [self._judge(one, self._verdict(one)) for one in pair]
            outcomes = [one.final_outcome for one in judged]
            if "confirmed" in outcomes:
                holds = [one for one in judged if one.final_outcome == "confirmed"]
                yield "confirmed", [next((one for one in holds if not one.early), holds[0])]
            elif all(one == "contradicted" for one in outcomes):
                yield "contradicted", judged
            else:
                still = [one for one in judged if one.final_outcome != "contradicted"]
                result: FinalOutcome = (
                    "inconclusive" if "inconclusive" in outcomes else "not recorded"
                )
                yield result, still

    def _verdict(self, assertion: Assertion) -> Verdict:
        found = self.verdicts[key_of(assertion)]
        return found if found.model == assertion.first else turned(found)

    def _judge(self, assertion: Assertion, verdict: Verdict) -> Judged:
        chosen = self.assessment.comparison.picked
        picked = chosen is not None and not chosen.unseen
        early = self._epochs[0] < self._epochs[1] and named(assertion.statement.figure).grows
        return Judged(assertion, verdict, outcome(assertion.statement, verdict, picked), early)

    @property
    def _epochs(self) -> tuple[int, int]:
        """Numbers of epochs of the runs and of the report."""
        names = self.claim.networks
        groups = [group for group in self.assessment.comparison.groups if group.label in names]
        epochs = max(run.trial.config.epochs for group in groups for run in group.finished)
        return epochs, min(self.study.epochs_of(names))

    def _looks(self, judged: Sequence[Judged]) -> tuple[int, ...]:
        """Return the numbers of seeds at unplanned looks that are lower than those of a figure."""
        comparison = self.assessment.comparison
        runs = {group.label: len(group.runs) for group in comparison.groups}
        verdicts = [one.verdict for one in judged if one.verdict.quantity.scale != "exact"]
        pairs = [[runs[one] for one in v.labels if one in runs] for v in verdicts]
        seeds = max(map(min, pairs), default=0)
        return tuple(number for number in comparison.looked if number < seeds)

    def _commands(self, judged: Sequence[Judged]) -> Iterator[str]:
        for one in judged:
            if one.final_outcome == "not recorded":
                measure = named(one.assertion.statement.figure)
                yield recording_command(self.assessment.comparison, measure)


def _open(result: FinalOutcome, judged: Sequence[Judged]) -> bool:
    """Return whether more seeds, epochs or recorded figures may change the outcome of a pair."""
    if result == "confirmed":
        return all(one.early for one in judged)
    return result != "contradicted" or any(one.early for one in judged)
