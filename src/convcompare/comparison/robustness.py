"""Accuracy and consistency on damaged images: of a run, and of the networks of a comparison."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import Any

import numpy as np
import numpy.typing as npt

from convcompare.core.corruptions import Corruption, corruptions
from convcompare.core.errors import UsageError
from convcompare.core.formatting import count
from convcompare.store.reader import RunReader
from convcompare.store.robustness_record import ROBUSTNESS, RobustnessRecord, Shares
from convcompare.store.run import Run

from .comparison import Comparison
from .model_runs import ModelRuns
from .stats.estimates import Estimate, estimate_json, over_seeds

Reader = Callable[[Run, RunReader], float | None]
"""A figure of a run; None if it was not measured."""


def record_of(run: Run, store: RunReader) -> RobustnessRecord | None:
    """What was measured of a run on damaged images; None if nothing was."""
    arrays = store.addition(run.id, ROBUSTNESS)
    return None if arrays is None else RobustnessRecord.from_arrays(arrays)


def measured(record: RobustnessRecord | None, kind: Corruption) -> bool:
    """Whether a record has a kind of damage as it is defined today."""
    found = record.damaged.get(kind.name) if record else None
    return found is not None and found.definition == kind.definition


def is_measured(comparison: Comparison, store: RunReader) -> bool:
    """Whether any finished run of a comparison was measured on damaged images."""
    return any(store.addition(run.id, ROBUSTNESS) for run in comparison.finished)


def accuracy(name: str | None = None) -> Reader:
    """The accuracy under a kind of damage, a mean over its severities; without `name` the mean over
    all kinds.
    """
    return lambda run, store: _mean(record_of(run, store), name, RobustnessRecord.accuracy)


def consistency(name: str | None = None) -> Reader:
    """The share of predictions that are those for the undamaged image, in the same way."""
    return lambda run, store: _mean(record_of(run, store), name, RobustnessRecord.consistency)


def pair_consistency(run: Run, store: RunReader) -> float | None:
    """The share of images whose predictions under two shifts agree (arXiv:1904.11486)."""
    record = record_of(run, store)
    return None if record is None else record.pair_consistency


def _mean(
    record: RobustnessRecord | None,
    name: str | None,
    figure: Callable[[RobustnessRecord, str], Shares],
) -> float | None:
    kinds = [kind for kind in corruptions() if name in (None, kind.name)]
    if record is None or not kinds or not all(measured(record, kind) for kind in kinds):
        return None
    return fmean(float(figure(record, kind.name).mean()) for kind in kinds)


@dataclass(frozen=True)
class MeasuredModel:
    """The records of a model's finished runs, in their order."""

    group: ModelRuns
    records: tuple[RobustnessRecord, ...]

    @property
    def label(self) -> str:
        """What the model is called."""
        return self.group.label

    def accuracies(self, name: str) -> Shares:
        """The accuracy under a kind of damage, by run and severity."""
        return np.stack([record.accuracy(name) for record in self.records])

    def consistencies(self, name: str) -> Shares:
        """The consistency under a kind of damage, by run and severity."""
        return np.stack([record.consistency(name) for record in self.records])

    @property
    def undamaged(self) -> npt.NDArray[np.float64]:
        """The accuracy on the same images as they are, by run."""
        return np.array([record.accuracy_undamaged for record in self.records])

    @property
    def pairs(self) -> npt.NDArray[np.float64]:
        """The consistency between two shifts, by run."""
        return np.array([record.pair_consistency for record in self.records])


@dataclass(frozen=True)
class Robustness:
    """The models of a comparison of which everything was measured, on the same images.

    ``lacking`` are those of which something was not. Raises UsageError if nothing is there, or if
    the runs saw different images.
    """

    comparison: Comparison
    store: RunReader

    @cached_property
    def kinds(self) -> list[Corruption]:
        """All kinds of damage, by name."""
        return corruptions()

    @cached_property
    def models(self) -> list[MeasuredModel]:
        """Those of which every finished run was measured."""
        found = []
        for group in self.comparison.groups:
            records = [record_of(run, self.store) for run in group.finished]
            if records and all(measured(one, kind) for one in records for kind in self.kinds):
                found.append(MeasuredModel(group, tuple(one for one in records if one)))
        if not found:
            raise UsageError(
                "these runs were not measured on damaged images",
                "`convcompare robustness` measures those that keep their weights, without training",
            )
        _check_same_images(found, self.kinds)
        return found

    @property
    def lacking(self) -> list[str]:
        """The models that have finished runs of which not all were measured."""
        there = {model.label for model in self.models}
        groups = self.comparison.groups
        return [one.label for one in groups if one.finished and one.label not in there]

    @property
    def images(self) -> int:
        """The number of test images that were looked at."""
        return len(self.models[0].records[0].rows)

    @property
    def images_words(self) -> str:
        """The test images that were looked at: a part has as many of each class as there are."""
        whole = self.comparison.conditions.test_images
        if self.images >= whole:
            return f"{count(self.images)} test images"
        return f"{count(self.images)} of {count(whole)} test images, as many of each class"

    @property
    def baseline(self) -> MeasuredModel:
        """The model whose errors count as 100 %: that of the comparison, or the first measured."""
        by_label = {model.label: model for model in self.models}
        return by_label.get(self.comparison.baseline, self.models[0])

    def error_ratios(self, model: MeasuredModel, name: str) -> npt.NDArray[np.float64] | None:
        """The corruption error of each run: its errors under a kind of damage, summed over the
        severities, over those of the baseline (arXiv:1903.12261), whose seeds are averaged.

        None if the baseline makes no error.
        """
        errors = (1 - model.accuracies(name)).sum(1)
        reference = float((1 - self.baseline.accuracies(name)).sum(1).mean())
        return errors / reference if reference else None

    def mean_error(self, model: MeasuredModel) -> Estimate | None:
        """The mean corruption error: the mean of `error_ratios` over the kinds of damage."""
        ratios = [self.error_ratios(model, kind.name) for kind in self.kinds]
        known = [one for one in ratios if one is not None]
        if len(known) < len(ratios):
            return None
        return over_seeds(np.mean(known, axis=0).tolist())

    def rows(self) -> Iterator[dict[str, Any]]:
        """A row for each run, kind of damage and severity; severity 0 is the undamaged images."""
        for model in self.models:
            for run, record in zip(model.group.finished, model.records, strict=True):
                about = {"id": run.id, "model": model.label, "seed": run.trial.seed}
                nothing = {"corruption": "none", "severity": 0, "level": None, "unit": ""}
                whole = {"accuracy": record.accuracy_undamaged, "consistency": 1.0}
                yield {**about, **nothing, **whole}
                for kind in self.kinds:
                    right, same = record.accuracy(kind.name), record.consistency(kind.name)
                    for severity, level in zip(kind.severities, kind.levels, strict=True):
                        yield {
                            **about,
                            "corruption": kind.name,
                            "severity": severity,
                            "level": level,
                            "unit": kind.unit,
                            "accuracy": float(right[severity - 1]),
                            "consistency": float(same[severity - 1]),
                        }

    def to_json(self) -> dict[str, Any]:
        """What the JSON object of ``convcompare robustness`` has of it."""
        return {
            "images": self.images,
            "baseline": self.baseline.label,
            "corruptions": [
                {"name": k.name, "what": k.summary, "levels": list(k.levels), "unit": k.unit}
                for k in self.kinds
            ],
            "models": [self._model_json(model) for model in self.models],
            "not_measured": self.lacking,
        }

    def _model_json(self, model: MeasuredModel) -> dict[str, Any]:
        ratios = {kind.name: self.error_ratios(model, kind.name) for kind in self.kinds}
        return {
            "model": model.label,
            "undamaged": _json(model.undamaged),
            "accuracy": self._by_kind(model.accuracies),
            "consistency": self._by_kind(model.consistencies),
            "shift_consistency": _json(model.pairs),
            "corruption_error": {n: None if r is None else _json(r) for n, r in ratios.items()},
            "mean_corruption_error": estimate_json(self.mean_error(model)),
            "runs": [run.id for run in model.group.finished],
        }

    def _by_kind(self, figure: Callable[[str], Shares]) -> dict[str, Any]:
        found = {kind.name: figure(kind.name) for kind in self.kinds}
        return {
            "mean": _json(over_kinds(found)),
            **{
                name: {
                    "mean": _json(shares.mean(1)),
                    "severities": [_json(column) for column in shares.T],
                }
                for name, shares in found.items()
            },
        }


def over_kinds(shares: Mapping[str, Shares]) -> npt.NDArray[np.float64]:
    """The mean of each run over the kinds of damage, each a mean over its severities."""
    found: npt.NDArray[np.float64] = np.mean([one.mean(1) for one in shares.values()], axis=0)
    return found


def _check_same_images(models: Sequence[MeasuredModel], kinds: Sequence[Corruption]) -> None:
    records = [record for model in models for record in model.records]
    for kind in kinds:
        seen = {record.damaged[kind.name].images for record in records}
        if len(seen) > 1:
            raise UsageError(
                f"these runs were measured on different images under {kind.name}, as other "
                "versions of numpy and Pillow make them",
                "`convcompare robustness --fresh` measures them again",
            )


def _json(values: npt.NDArray[np.float64]) -> dict[str, Any]:
    found = estimate_json(over_seeds(values.tolist()))
    assert found is not None
    return found
