"""Which runs may be compared with which: the same seed, the same data, the same configuration."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from convcompare.core.errors import UsageError, did_you_mean, quote
from convcompare.store.run import Run

from .comparison import Comparison
from .model_runs import ModelRuns
from .run_flags import disturbed


@dataclass(frozen=True)
class Pair:
    """Two models and those of their finished runs that have the same seed, by seed."""

    model: ModelRuns
    baseline: ModelRuns
    runs: tuple[tuple[Run, Run], ...]
    tuned: tuple[str, ...] = ()
    """Settings that were chosen for each network by itself, and may differ."""

    @property
    def seeds(self) -> int:
        return len(self.runs)

    def left_out(self) -> str:
        """The seeds that only one of the two finished, in words; empty where there are none."""
        paired = {run.trial.seed for run, _ in self.runs}
        found = []
        for group, other in ((self.model, self.baseline), (self.baseline, self.model)):
            missing = sorted({run.trial.seed for run in other.finished} - paired)
            if missing:
                seeds = ", ".join(map(str, missing))
                found.append(f"without seed {seeds}: no run of {group.label} that counts")
        return "; ".join(found)

    def refusal(self) -> str | None:
        """Why the accuracies of the two cannot be compared, in words; None where they can."""
        if not self.runs:
            return self._nothing_in_common()
        differing = self._differing(_settings)
        for name in self.tuned:
            differing.pop(name, None)
        if not differing:
            return None
        if "data" in differing and "dataset" in differing:
            del differing["data"]
        return ", ".join(_words(name, *values) for name, values in differing.items())

    def cost_refusal(self) -> str | None:
        """Why the times of the two cannot be compared, in words; None where they can."""
        differing = self._differing(
            lambda run: {
                "processor": run.timed_in.processor,
                "device": run.timed_in.device,
                "threads": run.timed_in.most_threads,
                "devices": run.timed_in.devices,
            }
        )
        words = [f"{name} {one} against {other}" for name, (one, other) in differing.items()]
        sides = ((self.model, 0), (self.baseline, 1))
        words += [
            f"{group.label} shared the machine"
            for group, side in sides
            if any(disturbed(both[side]) for both in self.runs)
        ]
        return self.refusal() or ", ".join(words) or None

    def _nothing_in_common(self) -> str:
        for group in (self.model, self.baseline):
            if not group.finished:
                return f"no run of {group.label} counts"
        return "they have no seed in common"

    def _differing(self, settings: Callable[[Run], dict[str, Any]]) -> dict[str, tuple[str, str]]:
        """The settings that are not the same in all runs, with the values on either side."""
        sides = [[settings(run) for run in side] for side in zip(*self.runs, strict=True)]
        found = {}
        for name in sides[0][0] if sides else ():
            values = [list(dict.fromkeys(str(one[name]) for one in side)) for side in sides]
            if len({*values[0], *values[1]}) > 1:
                found[name] = (" and ".join(values[0]), " and ".join(values[1]))
        return found


def pairs(comparison: Comparison, baseline: str | None, all_pairs: bool = False) -> list[Pair]:
    """Every model with the baseline (the first one where it is None), in the order of the table.

    ``all_pairs`` adds those of the other models among themselves, the later one first.
    UsageError where there is no such model.
    """
    groups = {group.label: group for group in comparison.groups}
    if baseline is not None and baseline not in groups:
        hint = did_you_mean(baseline, groups) or f"models here: {', '.join(groups)}"
        raise UsageError(f"the baseline {quote(baseline)} is not among the models", hint)
    if len(groups) < 2:
        return []
    base = groups.pop(baseline if baseline is not None else next(iter(groups)))
    found = [pair(group, base) for group in groups.values()]
    if all_pairs:
        found += [pair(b, a) for a, b in itertools.combinations(groups.values(), 2)]
    return [replace(one, tuned=comparison.conditions.tuned) for one in found]


def pair(model: ModelRuns, baseline: ModelRuns) -> Pair:
    """The finished runs of two models by seed."""
    by_seed = {run.trial.seed: run for run in baseline.finished}
    runs = [(run, by_seed[run.trial.seed]) for run in model.finished if run.trial.seed in by_seed]
    return Pair(model, baseline, tuple(sorted(runs, key=lambda both: both[0].trial.seed)))


def _settings(run: Run) -> dict[str, Any]:
    trial = run.trial
    return {"dataset": trial.dataset, "data": trial.data, **trial.config.to_json()}


def _words(name: str, one: str, other: str) -> str:
    if name == "epochs":
        return f"trained {one} epochs against {other}"
    if name == "data":
        return "other images under the same name of the data set"
    return f"{name.replace('_', ' ')} {one} against {other}"
