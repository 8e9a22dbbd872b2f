"""A comparison: runs grouped by model, estimates over their seeds, and warnings with hints."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import out_of_memory, stats
from .cost import known_fields
from .errors import UsageError, quote
from .run import SCHEMA_VERSION, Epoch, Run
from .stats import Estimate
from .store import RunStore

_TEXTS = ("classes", "notes", "tuned")


@dataclass(frozen=True)
class Conditions:
    """What all runs of a comparison have in common, in the words a table needs."""

    dataset: str
    train_images: int
    test_images: int
    shape: str
    test_split: str
    recipe: str
    epochs: int
    precision: str
    device: str
    loading_seconds: float = 0.0
    """Reading the data set and putting it in memory, once for all runs."""
    classes: tuple[str, ...] = ()
    val_images: int = 0
    """Training images that are held out, to select by; they are not among `train_images`."""
    selected: str = "the last epoch"
    """The epoch whose test figures are shown, in words."""
    notes: tuple[str, ...] = ()
    """What was done to the networks before they were trained, for under the table."""
    tuned: tuple[str, ...] = ()
    """Settings that were chosen for each network by itself, on images held out."""

    def to_json(self) -> dict[str, Any]:
        texts = {name: list(getattr(self, name)) for name in _TEXTS}
        return {**vars(self), **texts}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Conditions:
        known = known_fields(cls, record)
        texts = {name: tuple(known.get(name, ())) for name in _TEXTS}
        return cls(**{**known, **texts})


@dataclass(frozen=True)
class Plan:
    """Looks at so many seeds each, of which the first `done` were taken.

    ``margin`` is the difference in accuracy, a fraction, below which two networks are called alike.
    """

    looks: tuple[int, ...]
    done: int
    margin: float

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "looks": list(self.looks)}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Plan:
        return cls(tuple(record["looks"]), record["done"], record["margin"])


@dataclass(frozen=True)
class Group:
    """The runs of one model: `label` is the spec as it was typed."""

    label: str
    runs: tuple[Run, ...]
    reused: int = 0
    remark: str = ""
    """Why the figures do not count although the runs finished, in words; empty where they do."""

    @property
    def finished(self) -> tuple[Run, ...]:
        """The runs whose figures count: those that ended well."""
        return tuple(run for run in self.runs if run.status == "finished" and run.history)

    @property
    def status(self) -> str:
        """``finished``, or what went wrong with how many of the runs."""
        bad = [run.status for run in self.runs if run.status != "finished"]
        if not bad:
            return self.remark or "finished"
        return bad[0] if len(self.runs) == 1 else f"{len(bad)} of {len(self.runs)} {bad[0]}"

    @property
    def parameters(self) -> int:
        return self.runs[0].cost.parameters

    @property
    def macs(self) -> int:
        return self.runs[0].cost.macs

    def mean(self, figure: Callable[[Run], float | None]) -> Estimate | None:
        """The mean of a figure over the finished runs; None where one of them has none."""
        values = [value for run in self.finished if (value := figure(run)) is not None]
        return stats.mean(values) if values and len(values) == len(self.finished) else None

    def shown(self, figure: str) -> Estimate | None:
        """The mean of a figure of the epoch that counts, by its name in `Epoch`."""
        return self.mean(lambda run: float(getattr(run.shown, figure)))

    def test_accuracy(self, test_images: int) -> Estimate | None:
        """Over the seeds, or over the test images where there is one run."""
        return self._share(self.shown("test_accuracy"), test_images)

    def tta_accuracy(self, test_images: int) -> Estimate | None:
        """The same with test-time augmentation; None unless every run that counts measured it."""
        found = [run.tta_accuracy for run in self.finished]
        measured = [accuracy for accuracy in found if accuracy is not None]
        if not measured or len(measured) != len(found):
            return None
        return self._share(stats.mean(measured), test_images)

    def _share(self, mean: Estimate | None, test_images: int) -> Estimate | None:
        if len(self.finished) != 1 or mean is None:
            return mean
        return stats.share(round(mean.value * test_images), test_images)


@dataclass(frozen=True)
class Comparison:
    """Groups of runs under the same conditions."""

    conditions: Conditions
    groups: tuple[Group, ...]
    created: str = ""
    command: tuple[str, ...] = field(default=())
    study: str | None = None
    """The study that was run; None for a comparison of one's own."""
    baseline: str = ""
    """The label of the network that the others are held against."""
    plan: Plan | None = None
    """How seeds were added until it was clear; None for a fixed number of seeds."""
    unfinished: tuple[tuple[str, str], ...] = ()
    """Runs that belong to it and have not ended: the label of the model, the id of the run."""
    missing: tuple[tuple[str, str], ...] = ()
    """Runs that belong to it and are not in the store: removed, or not yet begun."""
    whole: tuple[str, ...] = ()
    """The models of the comparison that this is a part of, which keep their colours in it."""

    @property
    def labels(self) -> list[str]:
        """The models, those without an ended run included."""
        known = [group.label for group in self.groups]
        others = [label for label, _ in (*self.unfinished, *self.missing)]
        return list(dict.fromkeys([*known, *others]))

    @property
    def seeds(self) -> int:
        return max((len(group.runs) for group in self.groups), default=0)

    @property
    def failed(self) -> list[tuple[str, Run]]:
        """Runs that failed or diverged, with the label of their model."""
        return [(g.label, run) for g in self.groups for run in g.runs if run.status != "finished"]

    def record(self) -> dict[str, Any]:
        """What the store keeps: the names of the runs, not their figures."""
        return {
            "created": self.created,
            "command": list(self.command),
            "study": self.study,
            "baseline": self.baseline,
            "plan": self.plan.to_json() if self.plan else None,
            "conditions": self.conditions.to_json(),
            "models": [{"model": label, "trials": self._trials(label)} for label in self.labels],
        }

    def _trials(self, label: str) -> list[str]:
        """The ids of all runs of a model, those that have not ended last."""
        ended = [run.id for group in self.groups if group.label == label for run in group.runs]
        others = (*self.unfinished, *self.missing)
        return [*ended, *(run_id for name, run_id in others if name == label)]

    @classmethod
    def load(cls, store: RunStore, record: Mapping[str, Any]) -> Comparison:
        """The comparison of a stored record, its figures read from the runs.

        Damaged runs are left out and noted in the store.
        """
        groups, unfinished, missing = [], [], []
        for model in record["models"]:
            outcomes: dict[str, Run | None] = {}
            for run_id in model["trials"]:
                with store.noting():
                    outcomes[run_id] = store.sound_outcome(run_id)
            groups.append(Group(model["model"], tuple(run for run in outcomes.values() if run)))
            without = [(model["model"], run_id) for run_id, run in outcomes.items() if not run]
            unfinished += [one for one in without if store.begun(one[1])]
            missing += [one for one in without if not store.begun(one[1])]
        groups = [group for group in groups if group.runs]
        if store.damage and not groups and not unfinished and not missing:
            raise store.damage[0]
        return cls(
            Conditions.from_json(record["conditions"]),
            tuple(groups),
            record["created"],
            tuple(record["command"]),
            record.get("study"),
            record.get("baseline", ""),
            Plan.from_json(record["plan"]) if record.get("plan") else None,
            tuple(unfinished),
            tuple(missing),
        )

    @classmethod
    def latest(cls, store: RunStore) -> Comparison:
        """The newest comparison of a store that can be read; UsageError where there is none."""
        for name in reversed(store.comparisons()):
            with store.noting():
                return cls.load(store, store.comparison(name))
        if store.damage:
            raise store.damage[0]
        raise UsageError(
            f"there is no comparison in {quote(store.root)}", "`convcompare compare` makes one"
        )

    def warnings(self) -> list[tuple[str, str]]:
        """What a reader of the table must know, each with what to do about it."""
        found = []
        for label, run in self.failed:
            seed = f"{label} (seed {run.trial.seed})"
            if run.status == "diverged":
                hint = f"a lower learning rate: `--lr {run.trial.config.lr / 10:g}`"
                found.append((f"{seed} diverged and is not ranked: {run.message}", hint))
            else:
                short = run.message.startswith(out_of_memory.WORDS)
                hint = out_of_memory.HINT if short else "the same command tries it again"
                found.append((f"{seed} failed: {run.message}", hint))
        for label, run_id in self.unfinished:
            found.append((f"run {run_id} of {label} has not ended", "the same command goes on"))
        for label, run_id in self.missing:
            text = f"run {run_id} of {label} is not in the store: removed, or not yet begun"
            found.append((text, "the same command trains it"))
        if self.seeds == 1 and len(self.groups) > 1:
            found.append(
                (
                    "one seed a model: the ± is over the test images, another seed may differ more",
                    "`--seeds 5` trains each model five times",
                )
            )
        return found

    def to_json(self) -> dict[str, Any]:
        """The public JSON object: it only grows."""
        return {
            "schema_version": SCHEMA_VERSION,
            "dataset": self.conditions.dataset,
            "study": self.study,
            "conditions": self.conditions.to_json(),
            "models": [self._model_json(group) for group in self.groups],
            "contrasts": [],
            "warnings": [{"warning": text, "hint": hint} for text, hint in self.warnings()],
        }

    def _model_json(self, group: Group) -> dict[str, Any]:
        figures = ("test_loss", "train_loss", "train_accuracy")
        return {
            "model": group.label,
            "spec": group.runs[0].trial.model,
            "parameters": group.parameters,
            "macs": group.macs,
            "status": group.status,
            "test_accuracy": _estimate(group.test_accuracy(self.conditions.test_images)),
            **{figure: _estimate(group.shown(figure)) for figure in figures},
            "train_seconds": _estimate(group.mean(lambda run: run.train_seconds)),
            "peak_memory": group.runs[0].cost.peak_memory,
            "runs": [_run_json(run) for run in group.runs],
        }


def group_runs(labels: Sequence[str], runs: Sequence[Run], reused: Sequence[bool]) -> list[Group]:
    """Runs by label, in the order in which the labels first appear."""
    order = list(dict.fromkeys(labels))
    rows = list(zip(labels, runs, reused, strict=True))
    return [
        Group(
            label,
            tuple(run for name, run, _ in rows if name == label),
            sum(again for name, _, again in rows if name == label),
        )
        for label in order
    ]


def _estimate(estimate: Estimate | None) -> dict[str, Any] | None:
    return None if estimate is None else dict(vars(estimate))


def _run_json(run: Run) -> dict[str, Any]:
    last = run.shown
    return {
        "id": run.id,
        "seed": run.trial.seed,
        "status": run.status,
        "epochs": len(run.history),
        "train_loss": _figure(last, "train_loss"),
        "test_loss": _figure(last, "test_loss"),
        "train_accuracy": _figure(last, "train_accuracy"),
        "test_accuracy": _figure(last, "test_accuracy"),
        "tta_accuracy": run.tta_accuracy,
        "train_seconds": run.train_seconds,
        "evaluation_seconds": run.cost.evaluation_seconds,
        "analysis_seconds": run.cost.analysis_seconds,
        "epoch_seconds": [epoch.train_seconds for epoch in run.history if epoch.jobs == 1],
        "inference": [dict(vars(latency)) for latency in run.inference],
        "jobs": run.jobs,
        "timing": run.timing.to_json() if run.timing else None,
        "message": run.message,
    }


def _figure(epoch: Epoch | None, name: str) -> float | None:
    value = getattr(epoch, name) if epoch else None
    return value if value is not None and math.isfinite(value) else None
