"""The conclusions of a report held against runs: confirmed, refuted, or not to be told."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from convcompare.core import formatting
from convcompare.core.registry import register
from convcompare.store.run_store import RunStore

from . import verdicts
from .assessment import Assessment
from .contrasts import Contrast
from .pairs import Pair, pair
from .run_figures import gradient_of_run
from .stats import paired
from .study import Claim, Study

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
TRAINED = ("test_accuracy", "gradient_end")
"""The figures that go on changing with the epochs."""
MOMENTS = {"gradient_start": 0, "gradient_end": -1}
COUNTS = {"parameters": (formatting.count, "parameters"), "macs": (formatting.large, "MACs")}
"""What decides without a run: how each is written, and its name."""
EARLY: dict[Outcome, Outcome] = {"confirmed": "so far yes", "refuted": "so far no"}


@dataclass(frozen=True)
class Finding:
    """A claim, what the runs say of it, and the figure that says so, in words."""

    claim: Claim
    outcome: Outcome
    evidence: str

    @property
    def told(self) -> str:
        return TOLD[self.outcome]

    @property
    def sentence(self) -> str:
        return f"“{self.claim.sentence}”: {self.told}, {self.evidence}"


def study_of(assessment: Assessment) -> Study | None:
    """The study that was run, where the runs are on its own data set."""
    comparison = assessment.comparison
    if comparison.study is None or comparison.study not in register.study:
        return None
    found: Study = register.study[comparison.study].function()
    return found if comparison.conditions.dataset == found.dataset else None


def findings(assessment: Assessment) -> list[Finding]:
    """Every claim of the study whose networks have all run; none for other comparisons.

    Differences in accuracy are those of the pairs that the claims are about, adjusted together.
    """
    study = study_of(assessment)
    if study is None:
        return []
    run = {group.label for group in assessment.comparison.groups if group.finished}
    claims = [one for one in study.claims if run.issuperset(itertools.chain(*one.pairs))]
    about = [one.pairs for one in claims if one.figure == "test_accuracy"]
    among = frozenset(frozenset(names) for names in itertools.chain(*about))
    every = replace(assessment, all_pairs=True, among=among)
    return [_finding(one, study, every) for one in claims]


def _finding(claim: Claim, study: Study, every: Assessment) -> Finding:
    """A claim about several pairs is refuted by one of them, and confirmed by all."""
    told = [_of_pair(claim, names, every) for names in claim.pairs]
    found = [outcome for outcome, _ in told]
    outcome: Outcome = next((o for o in ("refuted", "undecided") if o in found), "confirmed")
    evidence = "; ".join(words for said, words in told if said == outcome)
    names = set(itertools.chain(*claim.pairs))
    groups = [group for group in every.comparison.groups if group.label in names]
    epochs = max(run.trial.config.epochs for group in groups for run in group.finished)
    asked = min(row.epochs for row in study.rows if row.name in names)
    if epochs < asked and claim.figure in TRAINED:
        outcome = EARLY.get(outcome, outcome)
        evidence += f" (after {epochs} of {asked} epochs)"
    looked = every.comparison.looked
    if looked and claim.figure not in COUNTS:
        evidence += f" (seeds were added after a look at {' and at '.join(map(str, looked))})"
    return Finding(claim, outcome, evidence)


def _of_pair(claim: Claim, names: tuple[str, str], every: Assessment) -> tuple[Outcome, str]:
    """What the runs say of two networks, the first one first, and the figure that says so."""
    if claim.figure == "test_accuracy":
        return _by_accuracy(claim, names, every)
    groups = {group.label: group for group in every.comparison.groups}
    first, second = (groups[name] for name in names)
    if claim.figure in MOMENTS:
        return _by_gradient(claim, pair(first, second), every.store)
    return _by_counts(claim, *(getattr(group, claim.figure) for group in (first, second)))


def _by_accuracy(claim: Claim, names: tuple[str, str], every: Assessment) -> tuple[Outcome, str]:
    contrast = next(c for c in every.contrasts if {c.model, c.baseline} == set(names))
    evidence = f"{contrast.model} {contrast.sentence}"
    if claim.relation == "=" and _within(contrast):
        return "confirmed", f"{evidence}, within {100 * SAME:g}"
    direction = _direction(contrast, names[0])
    if direction is None:
        return "undecided", evidence
    return ("confirmed" if direction == claim.relation else "refuted"), evidence


def _within(contrast: Contrast) -> bool:
    """Whether the whole interval is so small: not finding a difference does not show it."""
    low, high = contrast.low, contrast.high
    return low is not None and high is not None and low > -SAME and high < SAME


def _direction(contrast: Contrast, first: str) -> Literal[">", "<"] | None:
    """How the first network of a claim stands to the second; None where it cannot be told."""
    if contrast.decided not in ("better", "worse"):
        return None
    ahead = (contrast.decided == "better") == (contrast.model == first)
    return ">" if ahead else "<"


def _by_gradient(claim: Claim, both: Pair, store: RunStore) -> tuple[Outcome, str]:
    """By the ratio of the first layers' mean absolute gradients, paired by seed.

    The interval is of this figure alone, as that of a time is; of one seed there is none.
    """
    moment = MOMENTS[claim.figure]
    found = [[gradient_of_run(run, store, moment) for run in runs] for runs in both.runs]
    measured = [(a, b) for a, b in found if a and b]
    if not measured:
        return "undecided", "no gradients were recorded"
    firsts, seconds = zip(*measured, strict=True)
    ratio = paired.ratio(firsts, seconds)
    means = f"{statistics.fmean(firsts):.1e} against {statistics.fmean(seconds):.1e}"
    evidence = f"a mean absolute gradient in the first layer of {means}"
    if ratio.low is None or ratio.high is None:
        return "undecided", f"{evidence}, one seed"
    evidence += f", {verdicts.times_words(ratio, 'larger', 'smaller')}"
    if ratio.low <= 1 <= ratio.high:
        return "undecided", evidence
    direction = ">" if ratio.low > 1 else "<"
    return ("confirmed" if direction == claim.relation else "refuted"), evidence


def _by_counts(claim: Claim, a: int, b: int) -> tuple[Outcome, str]:
    write, name = COUNTS[claim.figure]
    direction = ">" if a > b else "<" if a < b else "="
    evidence = f"{write(a)} {name} against {write(b)}"
    return ("confirmed" if direction == claim.relation else "refuted"), evidence


def counted(study: Study, counts: Mapping[str, Mapping[str, int]]) -> list[str]:
    """A sentence for each conclusion that the counts of its networks decide, without a run.

    ``counts`` has ``parameters`` and ``macs`` of each network by its name in the study.
    """
    told = []
    for claim in study.claims:
        for names in claim.pairs:
            if claim.figure in COUNTS and counts.keys() >= set(names):
                figures = (counts[name][claim.figure] for name in names)
                outcome, evidence = _by_counts(claim, *figures)
                says = "confirm it" if outcome == "confirmed" else "say otherwise"
                told.append(f"“{claim.sentence}”: the counts {says}, {evidence}")
    return told
