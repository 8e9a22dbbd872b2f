"""Which claims of a study its runs can be asked about, and the questions that they ask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..comparison import Comparison
from ..figures.catalogue import named
from ..figures.judge import Question
from ..figures.one_sample import Alone, shown_number
from ..model_runs import ModelRuns
from ..pairs import Pair
from ..score import Score
from ..study import Claim, ClaimPart, Statement, Study

Key = tuple[str, frozenset[str]]
"""A figure, by the name of its quantity, of two networks, or of a network and a number."""


@dataclass(frozen=True)
class Asked:
    """A statement of one network and the network, or the number, that it is compared with."""

    first: str
    statement: Statement
    second: str | float


def lacking_runs(claim: Claim, comparison: Comparison) -> set[str]:
    """The networks of a claim that have no finished run: it is examined if there are none."""
    return claim.networks - {group.label for group in comparison.groups if group.finished}


def examined(study: Study, comparison: Comparison) -> list[Claim]:
    """The claims whose networks have all run."""
    return [one for one in study.claims if not lacking_runs(one, comparison)]


def alternatives(part: ClaimPart) -> Iterator[list[Asked]]:
    """For each pair of a part the statements of which one is enough."""
    for first, second in part.pairs:
        yield [
            Asked(first, one, one.than if one.than is not None else second) for one in part.any_of
        ]


@dataclass(frozen=True)
class Sides:
    """The runs that questions are about, by the labels of the networks."""

    groups: Mapping[str, ModelRuns]
    pairs: Mapping[frozenset[str], Pair]
    score: Score

    def of(self, asked: Asked) -> Pair | Alone:
        """The runs that a statement is about."""
        if isinstance(asked.second, str):
            return self.pairs[frozenset((asked.first, asked.second))]
        return Alone(self.groups[asked.first], asked.second, self.score)


def sides(comparison: Comparison, pairs: Sequence[Pair]) -> Sides:
    """The runs of a comparison; `pairs` are all that it has."""
    return Sides(
        comparison.by_label,
        {frozenset(one.labels): one for one in pairs},
        Score.parse(comparison.conditions.score),
    )


def questions(
    study: Study, comparison: Comparison, learnt: Sides, whole: Sides
) -> dict[Key, Question]:
    """What its claims ask, once each: of the runs that have learnt, of counts of all runs."""
    found: dict[Key, Question] = {}
    for claim in examined(study, comparison):
        for part in claim.parts:
            for one in (one for pair in alternatives(part) for one in pair):
                measure = named(one.statement.figure)
                sides = whole if measure.test == "counted" else learnt
                found.setdefault(key_of(one), Question(measure, sides.of(one)))
    return found


def key_of(asked: Asked) -> Key:
    """The key of the verdict that a statement asks for."""
    quantity, second = named(asked.statement.figure).quantity, asked.second
    other = second if isinstance(second, str) else shown_number(second, quantity)
    return quantity.name, frozenset((asked.first, other))
