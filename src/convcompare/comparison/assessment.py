"""Assessment of a comparison: verdicts on accuracy and time, marks of runs, and warnings."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

from convcompare.store.json_fields import to_record
from convcompare.store.run import SCHEMA_VERSION, Run
from convcompare.store.run_store import RunStore

from . import collapse, confounding, fine_tuning_words, run_flags
from .claims.examined import Key, questions, sides
from .collapse import Collapse
from .comparison import Comparison
from .contrasts import contrasts
from .cost_contrasts import cost_contrasts
from .doubts import ABOUT, WORDS, Doubts, doubts, kinds, mark_words
from .figures import figure_notes, figure_words
from .figures.catalogue import named
from .figures.judge import Question, family_of
from .overtaking import crossings, sized_pairs
from .pair_tests import PairTests
from .pairs import Pair, pairs
from .quantity import TRAIN_SECONDS
from .run_flags import ChanceLevel, QualityFlag
from .score import Score
from .stats.estimates import estimate_json
from .stats.sequential import Look
from .study import Study, study_of
from .summary import notes, summary
from .unplanned_looks import looks_words, picked_words
from .verdict import Verdict
from .verdict_json import contrast_json, cost_json


@dataclass(frozen=True)
class Assessment:
    """Verdicts, marks and warnings of a comparison, computed from its stored runs on first access.

    ``all_pairs`` compares every pair of networks, not only each network with the baseline.
    """

    comparison: Comparison
    store: RunStore
    all_pairs: bool = False

    @cached_property
    def chance(self) -> ChanceLevel:
        """Chance level on the test images, from their labels if a run has finished."""
        conditions = self.comparison.conditions
        share = 1 / max(2, len(conditions.classes))
        for run in self.comparison.finished[:1]:
            share = run_flags.majority_share(self.store.predicted_classes(run).labels)
        return ChanceLevel(share, conditions.test_images)

    @cached_property
    def contrasts(self) -> tuple[Verdict, ...]:
        """Verdicts on test accuracy, each network against the baseline.

        Runs at chance level are left out. Under an interim schedule, every look is tested again at
        its own level. A verdict that was settled at a look, or whose pair got no more seeds, stays
        as it was.
        """
        if self.study is not None and not self.comparison.verdict_on:
            return self.verdicts
        plan = self.comparison.plan
        if plan is None:
            return contrasts(self._requested_pairs(self._learnt), self._tests)
        found: dict[tuple[str, str], Verdict] = {}
        for number, seeds in enumerate(plan.looks[: plan.done]):
            then = {pair.labels: pair for pair in self._requested_pairs(self._first(seeds))}
            settled = {
                names: verdict
                for names, verdict in found.items()
                if verdict.settled or names not in then or then[names].seeds <= verdict.n
            }
            look = Look(plan.looks, number)
            tested = contrasts([*then.values()], self._tests, look, plan.margin, settled)
            found |= {one.labels: one for one in tested}
        return tuple(found.values())

    @cached_property
    def verdicts(self) -> tuple[Verdict, ...]:
        """Verdicts on the requested figures, each network against the baseline, as one family.

        Without requested figures they are on accuracy. In a study they are part of its family.
        """
        if self.study is not None:
            return self.family[: len(self._requested)]
        if all(question.measure.test == "accuracy" for question in self._requested):
            return self.contrasts
        return family_of(self._requested, self.store, self._tests)

    @cached_property
    def family(self) -> tuple[Verdict, ...]:
        """All verdicts that are adjusted together: `verdicts`, and those of a study's claims."""
        if self.study is None:
            return self.verdicts
        there = {_key(question) for question in self._requested}
        claimed = questions(
            self.study,
            self.comparison,
            sides(self._learnt, pairs(self._learnt, self._baseline, True)),
            sides(self.comparison, pairs(self.comparison, self._baseline, True)),
        )
        others = [question for key, question in claimed.items() if key not in there]
        return family_of([*self._requested, *others], self.store, self._tests)

    @cached_property
    def study(self) -> Study | None:
        """The study whose networks and data set were run, so that its claims join the family."""
        return None if self.comparison.plan else study_of(self.comparison)

    @cached_property
    def _requested(self) -> list[Question]:
        """The requested figures, each for every network against the baseline."""
        names = self.comparison.verdict_on or ("accuracy",)
        family = self._requested_pairs(self._learnt)
        return [Question(named(name), pair) for name in names for pair in family]

    def _first(self, seeds: int) -> Comparison:
        """Return the comparison with the first `seeds` seeds of each network."""
        order = list(dict.fromkeys(run.trial.seed for run in self.comparison.runs))
        return self._learnt.only(lambda run: run.trial.seed in order[:seeds])

    @cached_property
    def costs(self) -> tuple[Verdict, ...]:
        """Verdicts on training time, each network against the baseline.

        If a claim of a study is about that time, the verdict of its family is used.
        """
        found = cost_contrasts(self._requested_pairs(self._learnt))
        claimed = {
            one.labels: one
            for one in self.family[len(self.verdicts) :]
            if one.quantity == TRAIN_SECONDS and one.joint and one.joint.low is not None
        }
        return tuple(claimed.get(one.labels, one) for one in found)

    @cached_property
    def marks(self) -> list[tuple[str, Run, QualityFlag]]:
        """Marks of the runs, with the label of their network: why their figures may mislead."""
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
        """Runs whose figures are not comparable because of their marks."""
        return doubts((run, mark.name) for _, run, mark in self.marks)

    @cached_property
    def collapses(self) -> tuple[Collapse, ...]:
        """Networks with several runs of which at least one diverged or ended at chance level."""
        return collapse.collapses(self.comparison, self._marked("chance"))

    @property
    def sentences(self) -> list[str]:
        """`verdict_sentences`, and those about the marks that put the verdicts in doubt."""
        found = self.verdict_sentences
        return [*found, *self._doubt_sentences()] if found else []

    @property
    def verdict_sentences(self) -> list[str]:
        """Verdicts as sentences; empty for a single network."""
        if self.comparison.verdict_on:
            return [f"{one.model} {figure_words.sentence(one)}" for one in self.verdicts]
        return summary(self._learnt, self.contrasts, self.costs)

    def _doubt_sentences(self) -> list[str]:
        """Return a sentence per kind of figure that marks concern, each mark once."""
        groups, concerned = self.comparison.groups, ABOUT
        if self.comparison.verdict_on:
            concerned = kinds(one.quantity for one in self.verdicts)
        named: dict[str, frozenset[str]] = {}
        found = []
        for about, text in (("accuracy", "in doubt"), ("time", "times not compared")):
            if about in concerned:
                marks = {group.label: self.doubts.of(group, about) for group in groups}
                new = {label: one - named.get(label, frozenset()) for label, one in marks.items()}
                found += [f"{text}: {words}"] if (words := mark_words([*new.items()])) else []
                named = marks
        return found

    @property
    def notes(self) -> list[str]:
        """Notes under the verdicts: how they were tested, and what limits them."""
        found = notes(self.contrasts)
        if self.comparison.verdict_on:
            found = figure_notes.notes(self.comparison, self.verdicts)
        elif self.study is not None:
            found += figure_notes.adjusted(self.family, "these verdicts and of the conclusions")
        if self.comparison.conditions.sizes:
            found += [one.words for pair in sized_pairs(self.comparison) for one in crossings(pair)]
        if rates := collapse.words(self.collapses):
            found.append(rates)
        if self.contrasts and self.comparison.looked:
            found.append(looks_words(self.comparison.looked))
        if self.contrasts and self.comparison.picked:
            found.append(picked_words(self.comparison.picked))
        return [*found, *self._so_far()]

    def _so_far(self) -> list[str]:
        """Return a note on the numbers of ended and running runs; empty if all have ended."""
        waiting = (*self.comparison.unfinished, *self.comparison.missing)
        if not waiting:
            return []
        ended = len(self.comparison.runs)
        running = sum(self.store.held(run_id) for _, run_id in waiting)
        now = f"{running} of the others running" if running else "the others are not running"
        return [f"so far: {ended} of {ended + len(waiting)} runs, {now}"]

    def warnings(self, each: bool = False, timed: bool = True) -> list[tuple[str, str]]:
        """Return all warnings of the table, each with a hint.

        Args:
            each: Whether each network with a mark has its own warning; otherwise a mark of many
                networks is one warning.
            timed: Whether to include marks that concern times alone.
        """
        networks = len(self.comparison.groups)
        found = self.comparison.warnings()
        found += run_flags.warnings(self.marks, networks, each, timed)
        found += confounding.warnings(self.comparison)
        found += fine_tuning_words.mixed(self.comparison.groups)
        if self.comparison.verdict_on:
            found += figure_notes.not_recorded(self.comparison, self.verdicts)
        return found

    def ranked(self) -> Comparison:
        """Return the comparison with a remark on networks that have learnt nothing.

        The remark keeps them out of the ranking. Other networks get the marks that put their
        figures in doubt.
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
        """Return the public JSON object. Keys are only added, never removed."""
        comparison, conditions = self.comparison, self.comparison.conditions
        figures, score = comparison.verdict_on, Score.parse(conditions.score)
        return {
            "schema_version": SCHEMA_VERSION,
            "dataset": conditions.dataset,
            "study": comparison.study,
            "conditions": to_record(conditions),
            "models": [
                {
                    **group.to_json(conditions.test_images),
                    "score": estimate_json(group.mean(score.of)),
                }
                for group in comparison.groups
            ],
            "looks": list(comparison.looked),
            "picked": asdict(comparison.picked) if comparison.picked else None,
            "contrasts": [contrast_json(one, scaled=bool(figures)) for one in self.verdicts],
            "warnings": [{"warning": text, "hint": hint} for text, hint in self.warnings()],
            **({"verdict_on": list(figures)} if figures else {}),
            "cost_contrasts": [cost_json(one) for one in self.costs],
            "collapses": [asdict(one) for one in self.collapses],
            "marks": [
                {"model": label, "id": run.id, "seed": run.trial.seed, **vars(mark)}
                for label, run, mark in self.marks
            ],
        }

    @property
    def _baseline(self) -> str | None:
        sizes = self.comparison.conditions.sizes
        labels = {*self.comparison.by_label, *(one.network for one in sizes)}
        return self.comparison.baseline if self.comparison.baseline in labels else None

    @cached_property
    def _learnt(self) -> Comparison:
        dead = self._marked(*run_flags.NOT_LEARNT)
        return self.comparison.only(lambda run: run.id not in dead)

    def _marked(self, *names: str) -> set[str]:
        """Return the ids of the runs that have one of these marks."""
        return {run.id for _, run, mark in self.marks if mark.name in names}

    def _requested_pairs(self, part: Comparison) -> list[Pair]:
        return pairs(part, self._baseline, self.all_pairs)

    @cached_property
    def _tests(self) -> PairTests:
        return PairTests(lambda run: self.store.predicted_classes(run).hits)


def _key(question: Question) -> Key:
    assert isinstance(question.about, Pair)
    return question.measure.quantity.name, frozenset(question.about.labels)
