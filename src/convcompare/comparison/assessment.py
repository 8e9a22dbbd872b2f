"""What a comparison comes to: verdicts on accuracy and time, and marks on runs that mislead."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from convcompare.core.errors import UsageError
from convcompare.store.run import Run
from convcompare.store.run_store import RunStore

from . import beginnings, collapse, confounding, run_flags
from .claims.examined import Key, questions, sides
from .collapse import Collapse
from .comparison import Comparison
from .contrasts import contrasts
from .cost_contrasts import cost_contrasts
from .doubts import ABOUT, WORDS, Doubts, doubts, kinds
from .figures import asked, figure_words
from .figures.catalogue import named
from .figures.judge import Question, family_of
from .overtaking import overtaking_words
from .pair_tests import PairTests
from .pairs import Pair, pairs
from .quantity import TRAIN_SECONDS
from .run_flags import ChanceLevel, QualityFlag
from .stats.sequential import Look
from .study import Study, study_of
from .summary import notes, summary
from .unplanned_looks import looks_words, picked_words
from .verdict import Verdict
from .verdict_json import contrast_json, cost_json


@dataclass(frozen=True)
class Assessment:
    """A comparison judged by its stored runs; everything is worked out when it is asked for.

    ``all_pairs`` compares every two networks, not only each with the baseline.
    """

    comparison: Comparison
    store: RunStore
    all_pairs: bool = False

    @cached_property
    def chance(self) -> ChanceLevel:
        """That of the test images: by their labels if a run has recorded them."""
        conditions = self.comparison.conditions
        share = 1 / max(2, len(conditions.classes))
        for run in self.comparison.finished:
            with suppress(UsageError):  # recorded without labels
                share = run_flags.majority_share(self.store.given_classes(run).labels)
                break
        return ChanceLevel(share, conditions.test_images)

    @cached_property
    def contrasts(self) -> tuple[Verdict, ...]:
        """Each network against the baseline, in test accuracy; not runs at chance level.

        Under a plan each look is judged again, at its own level: what was clear at a look stays as
        it was then, and so does what got no more seeds.
        """
        if self.study is not None and not self.comparison.verdict_on:
            return self.verdicts
        plan = self.comparison.plan
        if plan is None:
            return contrasts(self._asked_pairs(self._learnt), self._tests)
        found: dict[tuple[str, str], Verdict] = {}
        for number, seeds in enumerate(plan.looks[: plan.done]):
            then = {pair.labels: pair for pair in self._asked_pairs(self._first(seeds))}
            settled = {
                names: verdict
                for names, verdict in found.items()
                if verdict.settled or names not in then or then[names].seeds <= verdict.n
            }
            look = Look(plan.looks, number)
            told = contrasts([*then.values()], self._tests, look, plan.margin, settled)
            found |= {(one.model, one.baseline): one for one in told}
        return tuple(found.values())

    @cached_property
    def verdicts(self) -> tuple[Verdict, ...]:
        """Each network against the baseline in the figures that were asked for, as one family.

        Those in accuracy where none were. Those of a study are part of its family.
        """
        if self.study is not None:
            return self.family[: len(self._asked)]
        if all(question.measure.test == "accuracy" for question in self._asked):
            return self.contrasts
        return family_of(self._asked, self.store, self._tests)

    @cached_property
    def family(self) -> tuple[Verdict, ...]:
        """All verdicts that are adjusted together: `verdicts`, and those that the claims of a study
        ask for.
        """
        if self.study is None:
            return self.verdicts
        there = {_key(question) for question in self._asked}
        claimed = questions(
            self.study,
            self.comparison,
            sides(self._learnt, pairs(self._learnt, self._baseline, True)),
            sides(self.comparison, pairs(self.comparison, self._baseline, True)),
        )
        others = [question for key, question in claimed.items() if key not in there]
        return family_of([*self._asked, *others], self.store, self._tests)

    @cached_property
    def study(self) -> Study | None:
        """The study that was run on its own data, whose claims belong to the family."""
        return None if self.comparison.plan else study_of(self.comparison)

    @cached_property
    def _asked(self) -> list[Question]:
        """What was asked of each network against the baseline."""
        names = self.comparison.verdict_on or ("accuracy",)
        family = self._asked_pairs(self._learnt)
        return [Question(named(name), pair) for name in names for pair in family]

    def _first(self, seeds: int) -> Comparison:
        """The comparison with the first so many seeds of each network."""
        order = list(dict.fromkeys(run.trial.seed for run in self.comparison.runs))
        kept = set(order[:seeds])
        groups = (
            replace(group, runs=tuple(run for run in group.runs if run.trial.seed in kept))
            for group in self._learnt.groups
        )
        return replace(self._learnt, groups=tuple(groups))

    @cached_property
    def costs(self) -> tuple[Verdict, ...]:
        """Each network against the baseline, in time to train.

        What is claimed of times is a verdict of the study's family.
        """
        found = cost_contrasts(self._asked_pairs(self._learnt))
        claimed = {
            (one.model, one.baseline): one
            for one in self.family[len(self.verdicts) :]
            if one.quantity == TRAIN_SECONDS and one.joint and one.joint.low is not None
        }
        return tuple(claimed.get((one.model, one.baseline), one) for one in found)

    @cached_property
    def marks(self) -> list[tuple[str, Run, QualityFlag]]:
        """Runs whose figures do not mean what they seem to, with the label of their network."""
        train_images = self.comparison.conditions.train_images
        return [
            (group.label, run, mark)
            for group in self.comparison.groups
            for learns in [self.chance.is_exceeded(group.finished)]
            for run in group.finished
            for mark in run_flags.marks(run, self.chance, train_images, learns)
        ]

    @cached_property
    def doubts(self) -> Doubts:
        """Which of the runs have figures that these marks make not comparable."""
        return doubts((run, mark.name) for _, run, mark in self.marks)

    @cached_property
    def collapses(self) -> tuple[Collapse, ...]:
        """The networks of which some run of several diverged or ended at chance level."""
        return collapse.collapses(self.comparison, self._marked("chance"))

    @property
    def sentences(self) -> list[str]:
        """The verdicts for running text, a sentence each, and by which marks they are in doubt.

        None for a single network.
        """
        concerned = ABOUT
        if self.comparison.verdict_on:
            found = [f"{one.model} {figure_words.sentence(one)}" for one in self.verdicts]
            concerned = kinds(one.quantity for one in self.verdicts)
        else:
            found = summary(self._learnt, self.contrasts, self.costs)
        doubted = self.doubts.words(self.comparison.groups, *concerned) if found else ""
        return [*found, f"in doubt: {doubted}"] if doubted else found

    @property
    def notes(self) -> list[str]:
        """What a reader of the verdicts must know."""
        found = notes(self.contrasts)
        if self.comparison.verdict_on:
            found = asked.notes(self.comparison, self.verdicts)
        elif self.study is not None:
            found += asked.adjusted(self.family, "these verdicts and of the conclusions")
        if self.comparison.conditions.sizes:
            found += overtaking_words(self.comparison)
        if rates := collapse.words(self.collapses):
            found.append(rates)
        if self.contrasts and self.comparison.looked:
            found.append(looks_words(self.comparison.looked))
        if self.contrasts and self.comparison.picked:
            found.append(picked_words(self.comparison.picked))
        return [*found, *self._so_far()]

    def _so_far(self) -> list[str]:
        """That runs are not there or have not ended, and how many of them a process works on."""
        waiting = (*self.comparison.unfinished, *self.comparison.missing)
        if not waiting:
            return []
        ended = len(self.comparison.runs)
        running = sum(self.store.held(run_id) for _, run_id in waiting)
        now = f"{running} of the others running" if running else "the others are not running"
        return [f"so far: {ended} of {ended + len(waiting)} runs, {now}"]

    def warnings(self, each: bool = False, timed: bool = True) -> list[tuple[str, str]]:
        """What a reader of the table must know, each with what to do about it.

        Marks that many networks have are one warning, unless `each` network is to have its own.
        Those of times alone are left out unless `timed`.
        """
        networks = len(self.comparison.groups)
        found = self.comparison.warnings()
        found += run_flags.warnings(self.marks, networks, each, timed)
        found += confounding.warnings(self.comparison)
        found += beginnings.mixed(self.comparison.groups)
        if self.comparison.verdict_on:
            found += asked.not_recorded(self.comparison, self.verdicts)
        return found

    def ranked(self) -> Comparison:
        """The comparison with the networks that have learnt nothing called so, which unranks them.

        Those with other marks know which of their figures are in doubt.
        """
        remarks = {
            label: WORDS[mark.name]
            for label, _, mark in self.marks
            if mark.name in run_flags.NOT_LEARNT
        }
        groups = (
            replace(
                group,
                remark=remarks.get(group.label, group.remark),
                doubted={one: marks for one in ABOUT if (marks := self.doubts.of(group, one))},
            )
            for group in self.comparison.groups
        )
        return replace(self.comparison, groups=tuple(groups))

    def to_json(self) -> dict[str, Any]:
        """The public JSON object: it only grows."""
        figures = self.comparison.verdict_on
        return {
            **self.comparison.to_json(),
            **({"verdict_on": list(figures)} if figures else {}),
            "contrasts": [contrast_json(one, scaled=bool(figures)) for one in self.verdicts],
            "cost_contrasts": [cost_json(one) for one in self.costs],
            "collapses": [one.to_json() for one in self.collapses],
            "marks": [
                {"model": label, "id": run.id, "seed": run.trial.seed, **vars(mark)}
                for label, run, mark in self.marks
            ],
            "warnings": [{"warning": text, "hint": hint} for text, hint in self.warnings()],
        }

    @property
    def _baseline(self) -> str | None:
        sizes = self.comparison.conditions.sizes
        labels = {*self.comparison.by_label, *(one.network for one in sizes)}
        return self.comparison.baseline if self.comparison.baseline in labels else None

    @cached_property
    def _learnt(self) -> Comparison:
        return run_flags.learnt(self.comparison, self._marked(*run_flags.NOT_LEARNT))

    def _marked(self, *names: str) -> set[str]:
        """The ids of the runs that have one of these marks."""
        return {run.id for _, run, mark in self.marks if mark.name in names}

    def _asked_pairs(self, part: Comparison) -> list[Pair]:
        return pairs(part, self._baseline, self.all_pairs)

    @cached_property
    def _tests(self) -> PairTests:
        return PairTests(lambda run: self.store.given_classes(run).hits)


def _key(question: Question) -> Key:
    assert isinstance(question.about, Pair)
    return question.measure.quantity.name, frozenset(question.about.labels)
