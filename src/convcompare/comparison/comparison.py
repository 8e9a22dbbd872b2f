"""A comparison: runs grouped by model under the same conditions, and warnings with hints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, field
from typing import Any

from convcompare.core import failures
from convcompare.core.errors import UsageError
from convcompare.core.formatting import count
from convcompare.store.json_fields import OMITTED, from_record, to_record
from convcompare.store.run import SCHEMA_VERSION, Run
from convcompare.store.run_store import RunStore

from .model_runs import ModelRuns
from .score import Score
from .stats.estimates import estimate_json
from .unplanned_looks import Picked


@dataclass(frozen=True)
class SizedNetwork:
    """What tables call a network that is trained on so many images."""

    label: str
    network: str
    images: int


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
    data_warnings: tuple[tuple[str, str], ...] = ()
    """What is wrong with the images, each with what to do about it."""
    tuned: tuple[str, ...] = ()
    """Settings that were chosen for each network by itself, on images held out."""
    score: str = field(default="last", metadata=OMITTED)
    """The figure that verdicts are about (`Score`), as it was chosen before the first run."""
    sizes: tuple[SizedNetwork, ...] = field(default=(), metadata=OMITTED)
    """The label of each network on each number of images, where there are several numbers."""
    budget: str = field(default="", metadata=OMITTED)
    """What the training of each network may cost, in words; empty if epochs were asked for."""
    cut: str = field(default="", metadata=OMITTED)
    """What `train_images` are drawn from, and how, in words; empty if they are the whole split."""

    @property
    def trained_on(self) -> str:
        """How many images the networks were trained on, in words."""
        return f"{count(self.train_images)} {self.cut or 'images'}"


def seed_by_seed(runs: Sequence[Run]) -> list[Run]:
    """The runs of several networks, those with the first seed before those with the second."""
    order = list(dict.fromkeys(run.trial.seed for run in runs))
    return sorted(runs, key=lambda run: order.index(run.trial.seed))


@dataclass(frozen=True)
class InterimSchedule:
    """Looks at so many seeds each, of which the first `done` were taken.

    ``margin`` is the difference in accuracy, a fraction, below which two networks are called alike.
    """

    looks: tuple[int, ...]
    done: int
    margin: float


@dataclass(frozen=True)
class TriedRate:
    """A learning rate of a grid at which a network was trained.

    ``runs`` are the ids of its runs, by seed; ``chosen`` says whether it is the one compared, and
    ``edge`` whether that one is the lowest or the highest of the grid.
    """

    model: str
    lr: float
    runs: tuple[str, ...]
    chosen: bool = False
    edge: bool = False


@dataclass(frozen=True)
class Comparison:
    """Groups of runs under the same conditions."""

    conditions: Conditions
    groups: tuple[ModelRuns, ...]
    created: str = ""
    command: tuple[str, ...] = field(default=())
    study: str | None = None
    """The study that was run; None for a comparison of one's own."""
    baseline: str = ""
    """The label of the network that the others are held against."""
    plan: InterimSchedule | None = None
    """How seeds were added until it was clear; None for a fixed number of seeds."""
    unfinished: tuple[tuple[str, str], ...] = ()
    """Runs that belong to it and have not ended: the label of the model, the id of the run."""
    missing: tuple[tuple[str, str], ...] = ()
    """Runs that belong to it and are not in the store: removed, or not yet begun."""
    looked: tuple[int, ...] = ()
    """Numbers of seeds whose results could be seen before more were added, unplanned."""
    picked: Picked | None = None
    """How many seeds of these networks had ended when fewer were asked for; None if all were."""
    whole: tuple[str, ...] = ()
    """The models of the comparison that this is a part of, which keep their colours in it."""
    verdict_on: tuple[str, ...] = ()
    """The figures that verdicts are about, by name; none for test accuracy alone."""
    name: str = ""
    """What its user calls it; empty if it has no name."""
    rates: tuple[TriedRate, ...] = ()
    """The learning rates of a grid, of which each network is compared at the one chosen for it."""

    @property
    def by_label(self) -> dict[str, ModelRuns]:
        """The models with an ended run."""
        return {group.label: group for group in self.groups}

    @property
    def labels(self) -> list[str]:
        """The models, those without an ended run included."""
        others = (label for label, _ in (*self.unfinished, *self.missing))
        return list(dict.fromkeys([*self.by_label, *others]))

    @property
    def seeds(self) -> int:
        """The most runs of a network."""
        return self.trained_seeds[1]

    @property
    def trained_seeds(self) -> tuple[int, int]:
        """The fewest and the most runs of a network that have ended, well or not."""
        counts = [len(group.runs) for group in self.groups]
        return min(counts, default=0), max(counts, default=0)

    @property
    def counted_seeds(self) -> tuple[int, int]:
        """The fewest and the most runs whose figures count of a network that has some."""
        counts = [len(group.finished) for group in self.groups if group.finished]
        return min(counts, default=self.seeds), max(counts, default=self.seeds)

    @property
    def runs(self) -> list[Run]:
        """The runs that have ended, well or not, network by network."""
        return [run for group in self.groups for run in group.runs]

    @property
    def finished(self) -> list[Run]:
        """The runs whose figures count, network by network."""
        return [run for group in self.groups for run in group.finished]

    def require_finished(self) -> list[ModelRuns]:
        """The networks that have finished runs; UsageError if there are none."""
        found = [group for group in self.groups if group.finished]
        if not found:
            raise UsageError(
                "none of these runs has finished",
                "another comparison by its name: `convcompare runs comparisons` lists them",
            )
        return found

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
            "plan": to_record(self.plan) if self.plan else None,
            "looked": list(self.looked),
            **({"picked": list(astuple(self.picked))} if self.picked else {}),
            **({"verdict_on": list(self.verdict_on)} if self.verdict_on else {}),
            **({"name": self.name} if self.name else {}),
            **({"rates": [to_record(one) for one in self.rates]} if self.rates else {}),
            "conditions": to_record(self.conditions),
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
            outcomes = store.sound_outcomes(model["trials"])
            groups.append(ModelRuns(model["model"], tuple(run for run in outcomes.values() if run)))
            without = [(model["model"], run_id) for run_id, run in outcomes.items() if not run]
            unfinished += [one for one in without if store.started(one[1])]
            missing += [one for one in without if not store.started(one[1])]
        groups = [group for group in groups if group.runs]
        if store.damage and not groups and not unfinished and not missing:
            raise store.damage[0]
        return cls(
            from_record(Conditions, record["conditions"]),
            tuple(groups),
            record["created"],
            tuple(record["command"]),
            record.get("study"),
            record.get("baseline", ""),
            from_record(InterimSchedule, record["plan"]) if record.get("plan") else None,
            tuple(unfinished),
            tuple(missing),
            tuple(record.get("looked", ())),
            Picked(*record["picked"]) if record.get("picked") else None,
            verdict_on=tuple(record.get("verdict_on", ())),
            name=str(record.get("name", "")),
            rates=tuple(from_record(TriedRate, one) for one in record.get("rates", ())),
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
            f"there is no comparison in {store.place}", "`convcompare compare` creates one"
        )

    def warnings(self) -> list[tuple[str, str]]:
        """What a reader of the table must know, each with what to do about it."""
        found = list(self.conditions.data_warnings)
        for label, run in self.failed:
            seed = f"{label} (seed {run.trial.seed})"
            if run.status == "diverged":
                hint = failures.lower_rate(run.trial.config.lr)
                found.append((f"{seed} diverged and is not ranked: {run.message}", hint))
            else:
                short = run.message.startswith(failures.WORDS)
                hint = failures.HINT if short else "the same command tries again"
                found.append((f"{seed} failed: {run.message}", hint))
        for label, run_id in self.unfinished:
            found.append((f"run {run_id} of {label} has not ended", "the same command resumes it"))
        for label, run_id in self.missing:
            text = f"run {run_id} of {label} is not in the store: removed, or not yet begun"
            found.append((text, "the same command trains it"))
        for rate in self.rates:
            if rate.edge:
                text = f"the best rate of {rate.model}, {rate.lr:g}, is at the edge of the grid"
                found.append((text, "a wider `--lr-grid`: a better one may lie beyond it"))
        if self.seeds == 1 and len(self.groups) > 1:
            found.append(
                (
                    "one seed per model: the ± covers the test images, not the seeds",
                    "`--seeds 5` trains each model five times",
                )
            )
        return found

    def _model_json(self, group: ModelRuns) -> dict[str, Any]:
        score = Score.parse(self.conditions.score)
        return {
            **group.to_json(self.conditions.test_images),
            "score": estimate_json(group.mean(score.of)),
        }

    def to_json(self) -> dict[str, Any]:
        """The public JSON object: it only grows."""
        return {
            "schema_version": SCHEMA_VERSION,
            "dataset": self.conditions.dataset,
            "study": self.study,
            "conditions": to_record(self.conditions),
            "models": [self._model_json(group) for group in self.groups],
            "looked": list(self.looked),
            "picked": asdict(self.picked) if self.picked else None,
            "contrasts": [],
            "warnings": [{"warning": text, "hint": hint} for text, hint in self.warnings()],
        }
