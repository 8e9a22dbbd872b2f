"""Pairs of networks whose runs have the same seeds, and reasons why they are not comparable."""

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
    """Two networks, and their finished runs paired by seed, in ascending order."""

    model: ModelRuns
    baseline: ModelRuns
    runs: tuple[tuple[Run, Run], ...]
    tuned: tuple[str, ...] = ()
    """Settings that were chosen for each network separately, and may differ."""
    score: Score = LAST_EPOCH
    """Score that the verdict uses."""

    @property
    def labels(self) -> tuple[str, str]:
        """Labels of the two networks."""
        return self.model.label, self.baseline.label

    @property
    def seeds(self) -> int:
        """Number of seeds that both networks have in common."""
        return len(self.runs)

    @cached_property
    def differences(self) -> list[float]:
        """Score of the model minus that of the baseline, as a fraction, for each seed."""
        return [self.score.of(a) - self.score.of(b) for a, b in self.runs]

    def left_out(self) -> tuple[LeftOut, ...]:
        """Return the seeds that only one of the two networks finished."""
        paired = {run.trial.seed for run, _ in self.runs}
        found = []
        for group, other in ((self.model, self.baseline), (self.baseline, self.model)):
            missing = sorted({run.trial.seed for run in other.finished} - paired)
            if missing:
                found.append(LeftOut(group.label, tuple(missing)))
        return tuple(found)

    @cached_property
    def refusal(self) -> Refusal | None:
        """Why the accuracies of the two networks cannot be compared; None if they can."""
        if not self.runs:
            without = tuple(one.label for one in (self.model, self.baseline) if not one.finished)
            return Refusal("no run", without) if without else Refusal("no common seed")
        differing = self._differing(lambda run: run.trial.settings)
        for name in self.tuned:
            differing.pop(name, None)
        if not differing:
            return None
        if "data" in differing and "dataset" in differing:
            del differing["data"]
        return Refusal("settings", differing=tuple(differing.values()))

    def cost_refusal(self) -> Refusal | None:
        """Return why the times of the two networks cannot be compared; None if they can."""
        if self.refusal:
            return self.refusal
        differing = self._differing(_place)
        shared, stopped = self._with_a_run(disturbed), self._with_a_run(was_stopped)
        if not differing and not shared and not stopped:
            return None
        return Refusal("machine", shared, tuple(differing.values()), stopped)

    def _with_a_run(self, has: Callable[[Run], bool]) -> tuple[str, ...]:
        """Return the labels of the networks that have a run for which `has` is true."""
        sides = zip((self.model, self.baseline), zip(*self.runs, strict=True), strict=True)
        return tuple(group.label for group, runs in sides if any(map(has, runs)))

    def _differing(self, settings: Callable[[Run], Settings]) -> dict[str, Differing]:
        """Return the settings that are not the same in all runs, by name."""
        distinct = [dict.fromkeys(map(settings, side)) for side in zip(*self.runs, strict=True)]
        sides = [list(map(dict, side)) for side in distinct]
        found = {}
        for name in sides[0][0]:
            model, baseline = (tuple(dict.fromkeys(one[name] for one in side)) for side in sides)
            if len({*model, *baseline}) > 1:
                found[name] = Differing(name, model, baseline)
        return found


def pairs(comparison: Comparison, baseline: str | None, all_pairs: bool = False) -> list[Pair]:
    """Return the pairs of networks to compare, in the order of the table.

    With several numbers of training images, pairs are made within each of them.

    Args:
        comparison: Runs by network.
        baseline: Label of the baseline; None for the first network.
        all_pairs: Whether to add all pairs of the other networks, the later one first.

    Raises:
        UsageError: if the baseline is not in the comparison.
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
    """Return the pairs of networks within each number of training images."""
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
    """Pair the finished runs of two networks by seed."""
    by_seed = {run.trial.seed: run for run in baseline.finished}
    runs = [(run, by_seed[run.trial.seed]) for run in model.finished if run.trial.seed in by_seed]
    return Pair(model, baseline, tuple(sorted(runs, key=lambda both: both[0].trial.seed)))


def _place(run: Run) -> Settings:
    """Return the properties of the machine that must be equal for times to be comparable."""
    place = run.timed_in
    return (
        ("processor", place.processor),
        ("device", place.device),
        ("threads", str(place.most_threads)),
        ("devices", str(place.devices)),
    )
