"""Claims of a study that its runs can decide, and the questions that they raise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..comparison import Comparison
from ..figures.catalogue import named
from ..figures.judge import Question
from ..figures.one_sample import OneSample, shown_number
from ..model_runs import ModelRuns
from ..pairs import Pair
from ..score import Score
from ..study import Claim, ClaimPart, Statement, Study

Key = tuple[str, frozenset[str]]
"""Key of a verdict: name of its quantity, and the two networks or a network and a number."""


@dataclass(frozen=True)
class Assertion:
    """A statement about a network and the network or number with which it is compared."""

    first: str
    statement: Statement
    second: str | float


def lacking_runs(claim: Claim, comparison: Comparison) -> set[str]:
    """Return the networks of a claim without a finished run; it is examined if there are none."""
    return claim.networks - {group.label for group in comparison.groups if group.finished}


def examined(study: Study, comparison: Comparison) -> list[Claim]:
    """Return the claims whose networks all have a finished run."""
    return [one for one in study.claims if not lacking_runs(one, comparison)]


def alternatives(part: ClaimPart) -> Iterator[list[Assertion]]:
    """Yield, for each pair of a part, the statements of which at least one must hold."""
    for first, second in part.pairs:
        yield [
            Assertion(first, one, one.than if one.than is not None else second)
            for one in part.any_of
        ]


@dataclass(frozen=True)
class Sides:
    """Runs that questions are about, by the labels of the networks."""

    groups: Mapping[str, ModelRuns]
    pairs: Mapping[frozenset[str], Pair]
    score: Score

    def of(self, assertion: Assertion) -> Pair | OneSample:
        """Return the runs that a statement is about."""
        if isinstance(assertion.second, str):
            return self.pairs[frozenset((assertion.first, assertion.second))]
        return OneSample(self.groups[assertion.first], assertion.second, self.score)


def sides(comparison: Comparison, pairs: Sequence[Pair]) -> Sides:
    """Return the runs of a comparison; `pairs` are all its pairs of networks."""
    return Sides(
        comparison.by_label,
        {frozenset(one.labels): one for one in pairs},
        Score.parse(comparison.conditions.score),
    )


def questions(
    study: Study, comparison: Comparison, learnt: Sides, whole: Sides
) -> dict[Key, Question]:
    """Return the questions of all examined claims of a study, each once.

    Args:
        study: The study.
        comparison: Its comparison.
        learnt: The runs that have learnt, for all figures except counts.
        whole: All runs, for counts.
    """
    found: dict[Key, Question] = {}
    for claim in examined(study, comparison):
        for part in claim.parts:
            for one in (one for pair in alternatives(part) for one in pair):
                measure = named(one.statement.figure)
                sides = whole if measure.test == "counted" else learnt
                found.setdefault(key_of(one), Question(measure, sides.of(one)))
    return found


def key_of(assertion: Assertion) -> Key:
    """Return the key of the verdict that decides a statement."""
    quantity, second = named(assertion.statement.figure).quantity, assertion.second
    other = second if isinstance(second, str) else shown_number(second, quantity)
    return quantity.name, frozenset((assertion.first, other))
