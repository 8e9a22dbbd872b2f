"""Comparisons: runs grouped by network under the same conditions, and warnings with hints."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from typing import Any

from convcompare.core import failures
from convcompare.core.errors import UsageError
from convcompare.core.formatting import count
from convcompare.store.json_fields import OMITTED, from_record, to_record
from convcompare.store.run import Run
from convcompare.store.run_store import RunStore

from .model_runs import ModelRuns
from .unplanned_looks import Picked


@dataclass(frozen=True)
class SizedNetwork:
    """Label in tables of a network that is trained on a number of images."""

    label: str
    network: str
    images: int


@dataclass(frozen=True)
class Conditions:
    """Conditions that all runs of a comparison share, as text and numbers for tables."""

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
    """Time to load the data set into memory, once for all runs."""
    classes: tuple[str, ...] = ()
    val_images: int = 0
    """Held-out images, which are not among `train_images`."""
    selected: str = "the last epoch"
    """The epoch whose test figures are shown, in words."""
    notes: tuple[str, ...] = ()
    """Changes to the networks before training, such as matched widths, as notes of the table."""
    data_warnings: tuple[tuple[str, str], ...] = ()
    """Problems of the images, each with a hint."""
    tuned: tuple[str, ...] = ()
    """Settings that were chosen for each network separately, on held-out images."""
    score: str = field(default="last", metadata=OMITTED)
    """The score that verdicts use (`Score`), as chosen before the first run."""
    sizes: tuple[SizedNetwork, ...] = field(default=(), metadata=OMITTED)
    """Label of each network on each number of training images, if there are several numbers."""
    budget: str = field(default="", metadata=OMITTED)
    """Budget of the training of each network, in words; empty if epochs were requested."""
    cut: str = field(default="", metadata=OMITTED)
    """How `train_images` were drawn, and from what, in words; empty for the whole split."""

    @property
    def trained_on(self) -> str:
        """Number of training images, in words."""
        return f"{count(self.train_images)} {self.cut or 'images'}"


def seed_by_seed(runs: Sequence[Run]) -> list[Run]:
    """Return runs in the order of their seeds; seeds are in the order of first appearance."""
    order = list(dict.fromkeys(run.trial.seed for run in runs))
    return sorted(runs, key=lambda run: order.index(run.trial.seed))


@dataclass(frozen=True)
class InterimSchedule:
    """Planned looks by number of seeds, of which the first `done` were taken.

    ``margin`` is the equivalence margin in accuracy, a fraction.
    """

    looks: tuple[int, ...]
    done: int
    margin: float


@dataclass(frozen=True)
class TriedRate:
    """A learning rate of a grid at which a network was trained.

    ``runs`` are the ids of its runs, by seed. ``chosen`` is True for the rate that is compared, and
    ``edge`` if that rate is the lowest or highest of the grid.
    """

    model: str
    lr: float
    runs: tuple[str, ...]
    chosen: bool = False
    edge: bool = False


@dataclass(frozen=True)
class Comparison:
    """Runs of several networks under the same conditions."""

    conditions: Conditions
    groups: tuple[ModelRuns, ...]
    created: str = ""
    command: tuple[str, ...] = ()
    study: str | None = None
    """Name of the study that was run, if any."""
    baseline: str = ""
    """Label of the baseline."""
    plan: InterimSchedule | None = None
    """Interim schedule of ``--until-clear``; None for a fixed number of seeds."""
    unfinished: tuple[tuple[str, str], ...] = ()
    """Runs that have not ended: the label of the network, the id of the run."""
    missing: tuple[tuple[str, str], ...] = ()
    """Runs that are not in the store, removed or not yet started: label and id."""
    looked: tuple[int, ...] = ()
    """Numbers of seeds at unplanned looks, before more were added."""
    picked: Picked | None = None
    """Number of seeds that had ended when fewer were requested; None if all were."""
    whole: tuple[str, ...] = ()
    """If this is part of a comparison, the labels of all its networks, which fix the colours."""
    verdict_on: tuple[str, ...] = ()
    """Names of the figures that verdicts are about; empty for test accuracy alone."""
    name: str = ""
    """Name given by the user; empty if there is none."""
    namesakes: tuple[str, ...] = ()
    """Start times of other comparisons of this name that have other runs."""
    rates: tuple[TriedRate, ...] = ()
    """Learning rates of a grid; each network is compared at its chosen rate."""
    joined: tuple[tuple[str, ...], ...] = ()
    """Commands of earlier comparisons of the study that trained networks which `command` skips."""

    @property
    def by_label(self) -> dict[str, ModelRuns]:
        """Networks with an ended run, by label."""
        return {group.label: group for group in self.groups}

    @property
    def labels(self) -> list[str]:
        """Labels of all networks, including those without an ended run."""
        others = (label for label, _ in (*self.unfinished, *self.missing))
        return list(dict.fromkeys([*self.by_label, *others]))

    @property
    def seeds(self) -> int:
        """Maximum number of ended runs of a network."""
        return self.trained_seeds[1]

    @property
    def trained_seeds(self) -> tuple[int, int]:
        """Minimum and maximum number of ended runs per network, failed and diverged included."""
        counts = [len(group.runs) for group in self.groups]
        return min(counts, default=0), max(counts, default=0)

    @property
    def counted_seeds(self) -> tuple[int, int]:
        """Minimum and maximum number of finished runs of the networks that have any."""
        counts = [len(group.finished) for group in self.groups if group.finished]
        return min(counts, default=self.seeds), max(counts, default=self.seeds)

    @property
    def runs(self) -> list[Run]:
        """All ended runs by network, failed and diverged included."""
        return [run for group in self.groups for run in group.runs]

    @property
    def finished(self) -> list[Run]:
        """All finished runs by network."""
        return [run for group in self.groups for run in group.finished]

    def only(self, kept: Callable[[Run], bool]) -> Comparison:
        """Return the comparison with the runs for which `kept` is true, of the same networks."""
        groups = (
            replace(group, runs=tuple(run for run in group.runs if kept(run)))
            for group in self.groups
        )
        return replace(self, groups=tuple(groups))

    def require_finished(self) -> list[ModelRuns]:
        """Return the networks that have finished runs. Raises UsageError if there are none."""
        found = [group for group in self.groups if group.finished]
        if not found:
            raise UsageError(
                "none of these runs has finished",
                "another comparison by its name: `convcompare runs comparisons` lists them",
            )
        return found

    @property
    def failed(self) -> list[tuple[str, Run]]:
        """Runs that failed or diverged, with the label of their network."""
        return [(g.label, run) for g in self.groups for run in g.runs if run.status != "finished"]

    def record(self) -> dict[str, Any]:
        """Return the record for the store, which has the ids of the runs and not their figures."""
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
        """Return the ids of all runs of a network; those that have not ended are last."""
        ended = [run.id for group in self.groups if group.label == label for run in group.runs]
        others = (*self.unfinished, *self.missing)
        return [*ended, *(run_id for name, run_id in others if name == label)]

    @classmethod
    def load(cls, store: RunStore, record: Mapping[str, Any]) -> Comparison:
        """Return the comparison of a stored record, with its runs from the store.

        Damaged runs are left out and added to ``store.damage``.

        Raises:
            StoreError: if all runs are damaged.
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
            joined=tuple(
                dict.fromkeys(
                    tuple(model["command"]) for model in record["models"] if "command" in model
                )
            ),
        )

    @classmethod
    def latest(cls, store: RunStore) -> Comparison:
        """Return the newest readable comparison of a store.

        Raises:
            UsageError: if there is no comparison.
            StoreError: if all comparisons are damaged.
        """
        for name in reversed(store.comparisons()):
            with store.skipping_damage():
                return cls.load(store, store.comparison(name))
        if store.damage:
            raise store.damage[0]
        raise UsageError(
            f"there is no comparison in {store.place}", "`convcompare compare` creates one"
        )

    @property
    def name_warnings(self) -> list[tuple[str, str]]:
        """Warnings about other comparisons of this name, each with a hint."""
        if not self.namesakes:
            return []
        text = f"{len(self.namesakes) + 1} comparisons are called {self.name}: this is the newest"
        begun = ", ".join(f"`{begun}`" for begun in self.namesakes[-3:])
        return [(text, f"name another by the time of its start: {begun}")]

    def warnings(self) -> list[tuple[str, str]]:
        """Return warnings about the runs and the design of the comparison, each with a hint."""
        found = [*self.conditions.data_warnings, *self.name_warnings]
        for label, run in self.failed:
            seed = f"{label} (seed {run.trial.seed})"
            if run.status == "diverged":
                hint = failures.lower_rate(run.trial.config.lr)
                found.append((f"{seed} diverged and is not ranked: {run.message}", hint))
            else:
                hint = failures.hint_of(run.message, run.trial.config.precision)
                found.append((f"{seed} failed: {run.message}", hint))
        same = "the same command" + (" without `--fresh`" if "--fresh" in self.command else "")
        for label, run_id in self.unfinished:
            found.append((f"run {run_id} of {label} has not ended", f"{same} resumes it"))
        for label, run_id in self.missing:
            text = f"run {run_id} of {label} is not in the store: removed, or not started yet"
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
