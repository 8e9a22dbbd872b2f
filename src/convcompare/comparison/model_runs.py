"""The runs of one network, and the means of their figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from convcompare.store.json_fields import to_record
from convcompare.store.run import Run

from .stats import estimates
from .stats.estimates import Estimate, estimate_json, finite


@dataclass(frozen=True)
class ModelRuns:
    """The runs of one network; ``label`` is the spec as it was typed."""

    label: str
    runs: tuple[Run, ...]
    reused: int = 0
    remark: str = ""
    """Why the network is not ranked although its runs finished; empty if it is."""
    doubted: Mapping[str, frozenset[str]] = field(default_factory=dict, hash=False)
    """Marks that make figures not comparable, by kind of figure: ``accuracy``, ``time``."""

    @cached_property
    def finished(self) -> tuple[Run, ...]:
        """The runs that finished, without failed and diverged ones."""
        return tuple(run for run in self.runs if run.status == "finished" and run.history)

    @property
    def status(self) -> str:
        """``finished``, the remark, or the status and number of the runs that did not finish."""
        bad = [run.status for run in self.runs if run.status != "finished"]
        if not bad:
            return self.remark or "finished"
        return bad[0] if len(self.runs) == 1 else f"{len(bad)} of {len(self.runs)} {bad[0]}"

    @property
    def parameters(self) -> int:
        """Number of trainable parameters."""
        return self.runs[0].cost.parameters

    @property
    def frozen_parameters(self) -> int:
        """Number of frozen parameters."""
        return self.runs[0].frozen.parameters if self.runs[0].frozen else 0

    @property
    def size(self) -> int:
        """Number of all parameters, frozen ones included."""
        return self.parameters + self.frozen_parameters

    @property
    def macs(self) -> int | None:
        """Multiply-accumulates of a forward pass of one image; None if some were not counted."""
        return self.runs[0].cost.macs

    @property
    def uncounted(self) -> tuple[str, ...]:
        """Operators whose multiply-accumulates were not counted."""
        return self.runs[0].cost.uncounted

    def mean(self, figure: Callable[[Run], float | None]) -> Estimate | None:
        """Return the mean of a figure over the finished runs; None if one of them has none."""
        found = self.mean_of_measured(figure)
        return found if found and found.n == len(self.finished) else None

    def mean_of_measured(self, figure: Callable[[Run], float | None]) -> Estimate | None:
        """Return the mean of a figure over the finished runs that have it; None if none has."""
        values = [value for run in self.finished if (value := figure(run)) is not None]
        return estimates.over_seeds(values) if values else None

    def shown(self, figure: str) -> Estimate | None:
        """Return the mean of a figure of the selected epoch, by its name in `Epoch`.

        None if one of the runs has none.
        """
        return self.mean(lambda run: run.figure(figure))

    def test_accuracy(self, test_images: int) -> Estimate | None:
        """Return the mean test accuracy, with an interval over the seeds.

        If there is one run, the interval is over the test images.
        """
        return self._share(self.shown("test_accuracy"), test_images)

    def tta_accuracy(self, test_images: int) -> Estimate | None:
        """Return `test_accuracy` with test-time augmentation; None unless every run has it."""
        return self._share(self.mean(lambda run: run.tta_accuracy), test_images)

    def _share(self, mean: Estimate | None, test_images: int) -> Estimate | None:
        if len(self.finished) != 1 or mean is None:
            return mean
        return estimates.share(round(mean.value * test_images), test_images)

    def to_json(self, test_images: int) -> dict[str, Any]:
        """Return the entry in the JSON object of a comparison."""
        weights = self.runs[0].initial_weights
        figures = ("test_loss", "train_loss", "train_accuracy")
        return {
            "model": self.label,
            "spec": self.runs[0].trial.model,
            "parameters": self.parameters,
            "frozen_parameters": self.frozen_parameters,
            "initial_weights": to_record(weights) if weights else None,
            "macs": self.macs,
            "uncounted": list(self.uncounted),
            "status": self.status,
            "test_accuracy": estimate_json(self.test_accuracy(test_images)),
            **{figure: estimate_json(self.shown(figure)) for figure in figures},
            "train_seconds": estimate_json(self.mean(lambda run: run.train_seconds)),
            "peak_memory": self.runs[0].cost.peak_memory,
            "runs": [run_json(run) for run in self.runs],
        }


def beside_training(runs: Sequence[Run]) -> dict[str, float]:
    """Return the seconds that runs spent outside training, by activity."""
    costs = [run.cost for run in runs]
    return {
        "evaluation": sum(cost.evaluation_seconds for cost in costs),
        "analyses": sum(cost.analysis_seconds for cost in costs),
        "saving": sum(cost.saving_seconds for cost in costs),
        "setting up": sum(cost.setup_seconds for cost in costs),
    }


def group_runs(
    labels: Sequence[str], runs: Sequence[Run], reused: Sequence[bool]
) -> list[ModelRuns]:
    """Group runs by label, in the order in which the labels first appear."""
    order = list(dict.fromkeys(labels))
    rows = list(zip(labels, runs, reused, strict=True))
    return [
        ModelRuns(
            label,
            tuple(run for name, run, _ in rows if name == label),
            sum(again for name, _, again in rows if name == label),
        )
        for label in order
    ]


def run_json(run: Run) -> dict[str, Any]:
    """Return the entry of a run in the JSON object of a comparison."""
    return {
        "id": run.id,
        "seed": run.trial.seed,
        "status": run.status,
        "epochs": round(run.passes, 4),
        "train_loss": finite(run.figure("train_loss")),
        "test_loss": finite(run.figure("test_loss")),
        "train_accuracy": finite(run.figure("train_accuracy")),
        "test_accuracy": finite(run.figure("test_accuracy")),
        "tta_accuracy": run.tta_accuracy,
        "train_seconds": run.train_seconds,
        "evaluation_seconds": run.cost.evaluation_seconds,
        "analysis_seconds": run.cost.analysis_seconds,
        "epoch_seconds": [epoch.train_seconds for epoch in run.history if epoch.jobs == 1],
        "inference": [dict(vars(latency)) for latency in run.inference],
        "jobs": run.jobs,
        "timing": to_record(run.timing) if run.timing else None,
        "message": run.message,
    }
