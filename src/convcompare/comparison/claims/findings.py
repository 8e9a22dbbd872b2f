"""The conclusions of a report held against runs: confirmed, refuted, or not to be told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from convcompare.core.errors import listed
from convcompare.store.run import Run

from ..assessment import Assessment
from ..figures.asked import recording_command
from ..figures.catalogue import named
from ..study import Claim, ClaimPart, Study
from ..verdict import Verdict, turned
from ..verdict_json import contrast_json
from . import words
from .examined import Asked, alternatives, examined, key_of, lacking_runs
from .outcomes import FinalOutcome, outcome

Outcome = FinalOutcome | Literal["so far yes", "so far no"]
"""Of a figure that goes on changing with the epochs, fewer of them only say what is so far."""
OUTCOME_WORDS: dict[Outcome, str] = {
    "confirmed": "confirmed",
    "refuted": "contradicted",
    "undecided": "inconclusive",
    "not recorded": "not recorded",
    "so far yes": "supported so far",
    "so far no": "contradicted so far",
}
EARLY: dict[Outcome, Outcome] = {"confirmed": "so far yes", "refuted": "so far no"}
PRECEDENCE: Sequence[FinalOutcome] = ("refuted", "undecided", "not recorded")
"""What a claim comes to is the first of these that one of its pairs does; else it is confirmed."""


@dataclass(frozen=True)
class Judged:
    """One statement with the verdict on it, whose model is the first network of the statement.

    ``early`` is whether the runs have fewer epochs than the report's in a figure of the training.
    """

    asked: Asked
    verdict: Verdict
    said: FinalOutcome
    early: bool

    @property
    def outcome(self) -> Outcome:
        """What is said of it, in view of the epochs."""
        return EARLY.get(self.said, self.said) if self.early else self.said


@dataclass(frozen=True)
class Finding:
    """A claim, what the runs say of it, and the verdicts on its pairs that say so.

    ``epochs`` are those that the runs had and those of the report, where that makes a difference;
    ``looked`` the numbers of seeds after which more were added unplanned; ``recorded_by`` the
    commands that record what is lacking; ``runs`` those that it was examined on, by network.
    ``open`` are the pairs that are not decided for good, each with the statements it rests on.
    """

    claim: Claim
    outcome: Outcome
    judged: tuple[Judged, ...]
    epochs: tuple[int, int] | None = None
    looked: tuple[int, ...] = ()
    recorded_by: tuple[str, ...] = ()
    runs: tuple[tuple[str, tuple[Run, ...]], ...] = ()
    open: tuple[tuple[Judged, ...], ...] = ()

    @property
    def told(self) -> str:
        """What it comes to, in words."""
        return OUTCOME_WORDS[self.outcome]

    @property
    def evidence(self) -> str:
        """The figures that decide it, in words."""
        recorded = [one for one in self.judged if one.said != "not recorded"]
        parts = [words.evidence(one.asked, one.verdict) for one in recorded]
        lacking = [one.verdict for one in self.judged if one.said == "not recorded"]
        said = "; ".join(dict.fromkeys([*parts, *words.lacking(lacking), *self.recorded_by]))
        if self.epochs:
            said += " (after {} of {} epochs)".format(*self.epochs)
        if self.looked:
            looks = " and at ".join(map(str, self.looked))
            said += f" (seeds were added after a look at {looks})"
        return said

    @property
    def sentence(self) -> str:
        """The conclusion with what the runs say of it, in one sentence."""
        return f"{self.claim.number} “{self.claim.sentence}”: {self.told}, {self.evidence}"

    def to_json(self) -> dict[str, Any]:
        """What the JSON object of a study has of it, under ``conclusions``. It only grows."""
        return {
            "number": self.claim.number,
            "conclusion": self.claim.sentence,
            "outcome": self.outcome,
            "told": self.told,
            "evidence": self.evidence,
            "epochs": list(self.epochs) if self.epochs else None,
            "verdicts": [contrast_json(one.verdict) for one in self.judged],
            "runs": {label: [run.id for run in runs] for label, runs in self.runs},
        }


def with_conclusions(assessment: Assessment) -> dict[str, Any]:
    """The JSON object of a comparison, with the conclusions of a study."""
    found = [one.to_json() for one in findings(assessment)]
    return {**assessment.to_json(), **({"conclusions": found} if found else {})}


def findings(assessment: Assessment) -> list[Finding]:
    """Every claim of the study whose networks have all run; none for other comparisons.

    All that they ask and the verdicts against the baseline are adjusted together.
    """
    study = assessment.study
    if study is None:
        return []
    found = {(v.quantity.name, frozenset((v.model, v.baseline))): v for v in assessment.family}
    claims = examined(study, assessment.comparison)
    return [_Examination(one, study, assessment, found).finding() for one in claims]


def without_runs(assessment: Assessment) -> str:
    """Which claims of the study are not examined, as networks of theirs have no finished run.

    Empty where there are none: ``not examined, without a finished run of residual: 24, 30``.
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
    """One claim with the verdicts of its study, by figure and networks."""

    claim: Claim
    study: Study
    assessment: Assessment
    verdicts: dict[tuple[str, frozenset[str]], Verdict]

    def finding(self) -> Finding:
        pairs = [one for part in self.claim.parts for one in self._pairs(part)]
        there = {said for said, _ in pairs}
        said: FinalOutcome = next((one for one in PRECEDENCE if one in there), "confirmed")
        shown = ("undecided", "not recorded") if said == "undecided" else (said,)
        deciding = [one for of, judged in pairs if of in shown for one in judged]
        comparison = self.assessment.comparison
        counted = all(one.verdict.quantity.scale == "exact" for one in deciding)
        early = any(one.early for one in deciding)
        final: Outcome = said
        if said == "refuted":  # one pair that does not wait for more epochs is enough
            sure = any(of == said and not any(j.early for j in judged) for of, judged in pairs)
            final = said if sure else EARLY[said]
        elif early:
            final = EARLY.get(said, said)
        groups = [group for group in comparison.groups if group.label in self.claim.networks]
        return Finding(
            self.claim,
            final,
            tuple(deciding),
            self._epochs if early else None,
            () if counted or said == "not recorded" else comparison.looked,
            tuple(self._commands(deciding)),
            tuple((group.label, group.finished) for group in groups),
            tuple(tuple(judged) for of, judged in pairs if _open(of, judged)),
        )

    def _pairs(self, part: ClaimPart) -> Iterator[tuple[FinalOutcome, list[Judged]]]:
        """What is said of each pair, and the statements that it rests on."""
        for pair in alternatives(part):
            judged = [self._judge(one, self._verdict(one)) for one in pair]
            said = [one.said for one in judged]
            if "confirmed" in said:
                holds = [one for one in judged if one.said == "confirmed"]
                yield "confirmed", [next((one for one in holds if not one.early), holds[0])]
            elif all(one == "refuted" for one in said):
                yield "refuted", judged
            else:
                still = [one for one in judged if one.said != "refuted"]
                told: FinalOutcome = "undecided" if "undecided" in said else "not recorded"
                yield told, still

    def _verdict(self, asked: Asked) -> Verdict:
        found = self.verdicts[key_of(asked)]
        return found if found.model == asked.first else turned(found)

    def _judge(self, asked: Asked, verdict: Verdict) -> Judged:
        picked = self.assessment.comparison.picked is not None
        early = self._epochs[0] < self._epochs[1] and named(asked.statement.figure).grows
        return Judged(asked, verdict, outcome(asked.statement, verdict, picked), early)

    @property
    def _epochs(self) -> tuple[int, int]:
        """The epochs of the runs, and those of the report."""
        names = self.claim.networks
        groups = [group for group in self.assessment.comparison.groups if group.label in names]
        epochs = max(run.trial.config.epochs for group in groups for run in group.finished)
        return epochs, min(row.epochs for row in self.study.rows if row.name in names)

    def _commands(self, judged: Sequence[Judged]) -> Iterator[str]:
        for one in judged:
            if one.said == "not recorded":
                measure = named(one.asked.statement.figure)
                yield recording_command(self.assessment.comparison, measure)


def _open(said: FinalOutcome, judged: Sequence[Judged]) -> bool:
    """Whether more seeds, more epochs or what was not recorded may change what a pair comes to."""
    if said == "confirmed":
        return all(one.early for one in judged)
    return said != "refuted" or any(one.early for one in judged)
