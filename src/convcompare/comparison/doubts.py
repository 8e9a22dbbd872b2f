"""Marks of runs that make accuracies or times not comparable."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from convcompare.store.run import Run

from .model_runs import ModelRuns
from .quantity import Quantity

About = Literal["accuracy", "time"]
ABOUT: tuple[About, ...] = ("accuracy", "time")
WORDS: Mapping[str, str] = {
    "chance": "at chance level",
    "few images": "too few test images",
    "shared": "shared the machine",
    "stopped": "was stopped",
    "constant": "constant output",
    "batch": "depends on other images",
}
"""Short descriptions of marks; other marks are shown by their names."""
ONLY_TIME = frozenset(["shared", "stopped"])
"""Marks that make times not comparable, but not accuracies."""
ONLY_COST = frozenset(["varying cost"])
"""Marks that make MACs not comparable, but neither accuracies nor times."""
OF_TIME = ONLY_TIME | {"chance"}
"""Marks that make times not comparable."""
MOST_NAMED = 3
"""Maximum number of networks with a mark that are named; more are counted."""


@dataclass(frozen=True)
class Doubts:
    """Names of the marks of each run that has any, by its id."""

    marks: Mapping[str, frozenset[str]]

    def of_run(self, run: Run, about: About) -> frozenset[str]:
        """Return the marks that make the accuracy or the time of a run not comparable."""
        found = self.marks.get(run.id, frozenset())
        return found & OF_TIME if about == "time" else found - ONLY_TIME - ONLY_COST

    def of(self, group: ModelRuns, *about: About) -> frozenset[str]:
        """Return these marks of all runs of a network, and the status of runs not finished."""
        ended = {run.status for run in group.runs if run.status != "finished"}
        marked = [self.of_run(run, one) for run in group.finished for one in about]
        return frozenset(ended).union(*marked)

    def words(self, groups: Sequence[ModelRuns], *about: About) -> str:
        """Return a message about the networks with these marks, as `mark_words`."""
        return mark_words([(group.label, self.of(group, *about)) for group in groups])


def mark_words(marked: Sequence[tuple[str, frozenset[str]]]) -> str:
    """Return a message like ``at chance level: a, b; not converged: 4 of 12 networks``.

    `marked` has the label of each network and the names of its marks.
    """
    by_mark: dict[str, list[str]] = {}
    for label, names in marked:
        for name in sorted(names):
            by_mark.setdefault(WORDS.get(name, name), []).append(label)
    return "; ".join(f"{mark}: {_named(labels, len(marked))}" for mark, labels in by_mark.items())


def _named(labels: Sequence[str], networks: int) -> str:
    if len(labels) > MOST_NAMED:
        return f"{len(labels)} of {networks} networks"
    return ", ".join(labels)


def about(quantity: Quantity) -> About:
    """Return the kind of marks that put a verdict on this figure in doubt."""
    return "time" if quantity.timed else "accuracy"


def kinds(quantities: Iterable[Quantity]) -> tuple[About, ...]:
    """Return the kinds of marks that put verdicts on these figures in doubt; none for counts."""
    return tuple(dict.fromkeys(about(one) for one in quantities if one.scale != "exact"))


def doubts(marked: Iterable[tuple[Run, str]]) -> Doubts:
    """Group pairs of a run and the name of one of its marks by run."""
    found: dict[str, set[str]] = {}
    for run, name in marked:
        found.setdefault(run.id, set()).add(name)
    return Doubts({run: frozenset(names) for run, names in found.items()})
