"""Which runs may be compared with which: the same seed, the same data, the same configuration."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

from convcompare.core.errors import UsageError, did_you_mean, quote
from convcompare.store.run import Run, Settings

from .comparison import Comparison
from .model_runs import ModelRuns
from .run_flags import disturbed, was_stopped
from .score import LAST_EPOCH, Score
from .verdict import Differing, LeftOut, Refusal


@dataclass(frozen=True)
class Pair:
    """Two models and those of their finished runs that have the same seed, by seed."""

    model: ModelRuns
    baseline: ModelRuns
    runs: tuple[tuple[Run, Run], ...]
    tuned: tuple[str, ...] = ()
    """Settings that were chosen for each network by itself, and may differ."""
    score: Score = LAST_EPOCH
    """What of a run the verdict is about."""

    @property
    def labels(self) -> tuple[str, str]:
        """What tables call the two."""
        return self.model.label, self.baseline.label

    @property
    def seeds(self) -> int:
        """The seeds that both networks have in common."""
        return len(self.runs)

    @cached_property
    def differences(self) -> list[float]:
        """Score of the model minus that of the baseline, a fraction for each seed."""
        return [self.score.of(a) - self.score.of(b) for a, b in self.runs]

    def left_out(self) -> tuple[LeftOut, ...]:
        """The seeds that only one of the two finished."""
        paired = {run.trial.seed for run, _ in self.runs}
        found = []
        for group, other in ((self.model, self.baseline), (self.baseline, self.model)):
            missing = sorted({run.trial.seed for run in other.finished} - paired)
            if missing:
                found.append(LeftOut(group.label, tuple(missing)))
        return tuple(found)

    @cached_property
    def refusal(self) -> Refusal | None:
        """Why the accuracies of the two cannot be compared; None where they can."""
        if not self.runs:
            return self._nothing_in_common()
        differing = self._differing(lambda run: run.trial.settings)
        for name in self.tuned:
            differing.pop(name, None)
        if not differing:
            return None
        if "data" in differing and "dataset" in differing:
            del differing["data"]
        return Refusal("settings", differing=tuple(differing.values()))

    def cost_refusal(self) -> Refusal | None:
        """Why the times of the two cannot be compared; None where they can."""
        if self.refusal:
            return self.refusal
        differing = self._differing(_place)
        shared, stopped = self._with_a_run(disturbed), self._with_a_run(was_stopped)
        if not differing and not shared and not stopped:
            return None
        return Refusal("machine", shared, tuple(differing.values()), stopped)

    def _with_a_run(self, has: Callable[[Run], bool]) -> tuple[str, ...]:
        """Which of the two networks have a run of this kind."""
        sides = zip((self.model, self.baseline), zip(*self.runs, strict=True), strict=True)
        return tuple(group.label for group, runs in sides if any(map(has, runs)))

    def _nothing_in_common(self) -> Refusal:
        for group in (self.model, self.baseline):
            if not group.finished:
                return Refusal("no run", (group.label,))
        return Refusal("no common seed")

    def _differing(self, settings: Callable[[Run], Settings]) -> dict[str, Differing]:
        """The settings that are not the same in all runs, by name."""
        distinct = [dict.fromkeys(map(settings, side)) for side in zip(*self.runs, strict=True)]
        sides = [list(map(dict, side)) for side in distinct]
        found = {}
        for name in sides[0][0]:
            model, baseline = (tuple(dict.fromkeys(one[name] for one in side)) for side in sides)
            if len({*model, *baseline}) > 1:
                found[name] = Differing(name, model, baseline)
        return found


def pairs(comparison: Comparison, baseline: str | None, all_pairs: bool = False) -> list[Pair]:
    """Every model with the baseline (the first one where it is None), in the order of the table.

    ``all_pairs`` adds those of the other models among themselves, the later one first.
    UsageError where there is no such model.
    """
    if comparison.conditions.sizes:
        return _pairs_of_sizes(comparison, baseline, all_pairs)
    groups = comparison.by_label
    if baseline is not None and baseline not in groups:
        hint = did_you_mean(baseline, groups) or f"models here: {', '.join(groups)}"
        raise UsageError(f"the baseline {quote(baseline)} is not among the models", hint)
    if len(groups) < 2:
        return []
    base = groups.pop(baseline if baseline is not None else next(iter(groups)))
    found = [pair(group, base) for group in groups.values()]
    if all_pairs:
        found += [pair(b, a) for a, b in itertools.combinations(groups.values(), 2)]
    conditions = comparison.conditions
    score = Score.parse(conditions.score)
    return [replace(one, tuned=conditions.tuned, score=score) for one in found]


def _pairs_of_sizes(comparison: Comparison, baseline: str | None, all_pairs: bool) -> list[Pair]:
    """The pairs among the networks of each number of training images."""
    sizes = comparison.conditions.sizes
    network_of = {one.label: one.network for one in sizes}
    base = network_of.get(baseline or "", baseline)
    alone = replace(comparison.conditions, sizes=())
    found = []
    for images in dict.fromkeys(one.images for one in sizes):
        of_size = {one.network: one.label for one in sizes if one.images == images}
        groups = tuple(g for g in comparison.groups if g.label in of_size.values())
        part = replace(comparison, conditions=alone, groups=groups)
        here = of_size.get(base or "")
        there = here if any(group.label == here for group in groups) else None
        found += pairs(part, there, all_pairs)
    return found


def pair(model: ModelRuns, baseline: ModelRuns) -> Pair:
    """The finished runs of two models by seed."""
    by_seed = {run.trial.seed: run for run in baseline.finished}
    runs = [(run, by_seed[run.trial.seed]) for run in model.finished if run.trial.seed in by_seed]
    return Pair(model, baseline, tuple(sorted(runs, key=lambda both: both[0].trial.seed)))


def _place(run: Run) -> Settings:
    """Where its times were measured."""
    place = run.timed_in
    return (
        ("processor", place.processor),
        ("device", place.device),
        ("threads", str(place.most_threads)),
        ("devices", str(place.devices)),
    )
