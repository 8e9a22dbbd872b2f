"""What the marks of runs make not comparable: accuracies, or times."""

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
"""Marks in few words; the others are called by their names."""
ONLY_TIME = frozenset(["shared", "stopped"])
"""Marks that make a time not comparable, and no accuracy."""
ONLY_COST = frozenset(["varying cost"])
"""Marks that make MACs not comparable, and neither an accuracy nor a time."""
OF_TIME = ONLY_TIME | {"chance"}
"""Marks that make a time not comparable."""
MOST_NAMED = 3
"""Networks with a mark that are named; more are counted."""


@dataclass(frozen=True)
class Doubts:
    """The names of the marks of each run that has some, by its id."""

    marks: Mapping[str, frozenset[str]]

    def of_run(self, run: Run, about: About) -> frozenset[str]:
        """The marks that make a figure of a run not comparable."""
        found = self.marks.get(run.id, frozenset())
        return found & OF_TIME if about == "time" else found - ONLY_TIME - ONLY_COST

    def of(self, group: ModelRuns, *about: About) -> frozenset[str]:
        """The same of a network: those of its runs, and how some ended if not all finished."""
        ended = {run.status for run in group.runs if run.status != "finished"}
        marked = [self.of_run(run, one) for run in group.finished for one in about]
        return frozenset(ended).union(*marked)

    def words(self, groups: Sequence[ModelRuns], *about: About) -> str:
        """Which networks have which marks, as `mark_words` says it."""
        return mark_words([(group.label, self.of(group, *about)) for group in groups])


def mark_words(marked: Sequence[tuple[str, frozenset[str]]]) -> str:
    """Which networks have which marks: ``at chance level: a, b; not converged: 4 of 12 networks``.

    `marked` has the label of each network, and the names of its marks.
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
    """Which marks put a verdict on this figure in doubt."""
    return "time" if quantity.timed else "accuracy"


def kinds(quantities: Iterable[Quantity]) -> tuple[About, ...]:
    """Which marks put verdicts on these figures in doubt: counts have none."""
    return tuple(dict.fromkeys(about(one) for one in quantities if one.scale != "exact"))


def doubts(marked: Iterable[tuple[Run, str]]) -> Doubts:
    """From each run and the name of each of its marks."""
    found: dict[str, set[str]] = {}
    for run, name in marked:
        found.setdefault(run.id, set()).add(name)
    return Doubts({run: frozenset(names) for run, names in found.items()})
