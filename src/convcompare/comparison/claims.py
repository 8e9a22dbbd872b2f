"""The conclusions of a report held against runs: confirmed, refuted, or not to be told."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from convcompare.core.registry import register
from convcompare.store.run_store import RunStore

from . import verdicts
from .assessment import Assessment
from .comparison import Comparison
from .pairs import Pair, pair
from .quantity import ACCURACY, GRADIENT_END, GRADIENT_START, MACS, PARAMETERS
from .run_figures import gradient_of_run
from .stats import paired
from .study import Claim, Sign, Study
from .verdict import Refusal, Relation, Verdict

SAME = 0.005
"""A difference in accuracy of which the reports would say that there is none."""
Outcome = Literal["confirmed", "refuted", "undecided", "so far yes", "so far no"]
"""Of an accuracy or a gradient, runs of fewer epochs than the report's only say what is so far."""
TOLD: dict[Outcome, str] = {
    "confirmed": "the runs confirm it",
    "refuted": "the runs say otherwise",
    "undecided": "the runs do not tell",
    "so far yes": "so far yes",
    "so far no": "so far no",
}
TRAINED = (ACCURACY.name, GRADIENT_END.name)
"""The figures that go on changing with the epochs."""
GRADIENTS = {GRADIENT_START.name: (GRADIENT_START, 0), GRADIENT_END.name: (GRADIENT_END, -1)}
"""Each with the moment that it is of."""
COUNTS = {one.name: one for one in (PARAMETERS, MACS)}
"""What decides without a run."""
EARLY: dict[Outcome, Outcome] = {"confirmed": "so far yes", "refuted": "so far no"}


SIGNS: Mapping[Relation, Sign] = {"higher": ">", "lower": "<", "equal": "="}
TURNED: Mapping[Sign, Sign] = {">": "<", "<": ">", "=": "="}


@dataclass(frozen=True)
class Finding:
    """A claim, what the runs say of it, and the verdicts on its pairs that say so.

    ``epochs`` are those that the runs had and those of the report, where that makes a difference;
    ``looked`` the numbers of seeds after which more were added unplanned.
    """

    claim: Claim
    outcome: Outcome
    verdicts: tuple[Verdict, ...]
    epochs: tuple[int, int] | None = None
    looked: tuple[int, ...] = ()

    @property
    def told(self) -> str:
        """What it comes to, in words."""
        return TOLD[self.outcome]

    @property
    def evidence(self) -> str:
        """The figures that decide it, in words."""
        said = "; ".join(_words(self.claim, one) for one in self.verdicts)
        if self.epochs:
            said += " (after {} of {} epochs)".format(*self.epochs)
        if self.looked:
            looks = " and at ".join(map(str, self.looked))
            said += f" (seeds were added after a look at {looks})"
        return said

    @property
    def sentence(self) -> str:
        """The conclusion with what the runs say of it, in one sentence."""
        return f"“{self.claim.sentence}”: {self.told}, {self.evidence}"


def study_of(comparison: Comparison) -> Study | None:
    """The study that was run, where the runs are on its own data set."""
    if comparison.study is None or comparison.study not in register.study:
        return None
    found: Study = register.study[comparison.study].function()
    return found if comparison.conditions.dataset == found.dataset else None


def findings(assessment: Assessment) -> list[Finding]:
    """Every claim of the study whose networks have all run; none for other comparisons.

    Differences in accuracy are those of the pairs that the claims are about, adjusted together.
    """
    study = study_of(assessment.comparison)
    if study is None:
        return []
    run = {group.label for group in assessment.comparison.groups if group.finished}
    claims = [one for one in study.claims if run.issuperset(itertools.chain(*one.pairs))]
    about = [names for one in claims if one.figure == ACCURACY.name for names in one.pairs]
    contrasts = assessment.contrasts_among(about)
    return [_finding(one, study, assessment, contrasts) for one in claims]


def _finding(
    claim: Claim, study: Study, assessment: Assessment, contrasts: Sequence[Verdict]
) -> Finding:
    """A claim about several pairs is refuted by one of them, and confirmed by all."""
    judged = [(names, _of_pair(claim, names, assessment, contrasts)) for names in claim.pairs]
    told = [(_outcome(claim, names[0], verdict), verdict) for names, verdict in judged]
    found = [outcome for outcome, _ in told]
    outcome: Outcome = next((o for o in ("refuted", "undecided") if o in found), "confirmed")
    if assessment.comparison.picked and claim.figure not in COUNTS:
        outcome, told = "undecided", [("undecided", verdict) for _, verdict in told]
    deciding = tuple(verdict for said, verdict in told if said == outcome)
    names = set(itertools.chain(*claim.pairs))
    groups = [group for group in assessment.comparison.groups if group.label in names]
    epochs = max(run.trial.config.epochs for group in groups for run in group.finished)
    asked = min(row.epochs for row in study.rows if row.name in names)
    early = epochs < asked and claim.figure in TRAINED
    return Finding(
        claim,
        EARLY.get(outcome, outcome) if early else outcome,
        deciding,
        (epochs, asked) if early else None,
        () if claim.figure in COUNTS else assessment.comparison.looked,
    )


def _of_pair(
    claim: Claim, names: tuple[str, str], assessment: Assessment, contrasts: Sequence[Verdict]
) -> Verdict:
    """The verdict on two networks in the figure of the claim."""
    if claim.figure == ACCURACY.name:
        return next(c for c in contrasts if {c.model, c.baseline} == set(names))
    groups = {group.label: group for group in assessment.comparison.groups}
    first, second = (groups[name] for name in names)
    if claim.figure in GRADIENTS:
        return _gradient(claim, pair(first, second), assessment.store)
    a, b = (getattr(group, claim.figure) for group in (first, second))
    if a is None or b is None:
        refusal = Refusal("not recorded")
        return Verdict(*names, COUNTS[claim.figure], "refused", refusal=refusal)
    return _count(claim, names, a, b)


def _outcome(
    claim: Claim, first: str, verdict: Verdict
) -> Literal["confirmed", "refuted", "undecided"]:
    """What a verdict says of a claim about its two networks, of which `first` is named first."""
    if verdict.n == 1 and verdict.quantity == ACCURACY:
        return "undecided"  # one seed is about two trained networks
    if claim.relation == "=" and _within(verdict):
        return "confirmed"
    sign = SIGNS.get(verdict.relation)
    if sign is None:
        return "undecided"
    if verdict.model != first:
        sign = TURNED[sign]
    return "confirmed" if sign == claim.relation else "refuted"


def _within(verdict: Verdict) -> bool:
    """Whether the whole interval is so small: not finding a difference does not show it."""
    if verdict.quantity != ACCURACY or verdict.estimate is None:
        return False
    low, high = verdict.estimate.low, verdict.estimate.high
    return low is not None and high is not None and low > -SAME and high < SAME


def _words(claim: Claim, verdict: Verdict) -> str:
    within = claim.relation == "=" and _within(verdict)
    return verdicts.evidence(verdict) + (f", within {100 * SAME:g}" if within else "")


def _gradient(claim: Claim, both: Pair, store: RunStore) -> Verdict:
    """By the ratio of the first layers' mean absolute gradients, paired by seed.

    The interval is of this figure alone, as that of a time is; of one seed there is none.
    """
    quantity, moment = GRADIENTS[claim.figure]
    names = (both.model.label, both.baseline.label, quantity)
    found = [[gradient_of_run(run, store, moment) for run in runs] for runs in both.runs]
    measured = [(a, b) for a, b in found if a and b]
    if not measured:
        return Verdict(*names, "refused", refusal=Refusal("not recorded"))
    firsts, seconds = zip(*measured, strict=True)
    ratio = paired.ratio(firsts, seconds)
    relation: Relation = "unclear"
    if ratio.low is None or ratio.high is None:
        relation = "too few"
    elif ratio.low > 1 or ratio.high < 1:
        relation = "higher" if ratio.low > 1 else "lower"
    values = (statistics.fmean(firsts), statistics.fmean(seconds))
    return Verdict(*names, relation, ratio.n, ratio, values=values)


def _count(claim: Claim, names: tuple[str, str], a: int, b: int) -> Verdict:
    relation: Relation = "higher" if a > b else "lower" if a < b else "equal"
    return Verdict(*names, COUNTS[claim.figure], relation, values=(a, b))


def counted(study: Study, counts: Mapping[str, Mapping[str, int]]) -> list[str]:
    """A sentence for each conclusion that the counts of its networks decide, without a run.

    ``counts`` has ``parameters`` and ``macs`` of each network by its name in the study.
    """
    told = []
    for claim in study.claims:
        for names in claim.pairs:
            if claim.figure in COUNTS and counts.keys() >= set(names):
                found = _count(claim, names, *(counts[name][claim.figure] for name in names))
                confirmed = _outcome(claim, names[0], found) == "confirmed"
                says = "confirm it" if confirmed else "say otherwise"
                said = verdicts.evidence(found)
                told.append(f"“{claim.sentence}”: the counts {says}, {said}")
    return told
