"""Accuracy and consistency on damaged images, of a run and of the networks of a comparison."""

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
"""Function that returns a figure of a run, None if it was not measured."""


def record_of(run: Run, store: RunReader) -> RobustnessRecord | None:
    """Return the predictions of a run for damaged images; None if they were not recorded."""
    arrays = store.addition(run.id, ROBUSTNESS)
    return None if arrays is None else RobustnessRecord.from_arrays(arrays)


def measured(record: RobustnessRecord | None, kind: Corruption) -> bool:
    """Return whether a record has a kind of damage in its present definition."""
    found = record.damaged.get(kind.name) if record else None
    return found is not None and found.definition == kind.definition


def is_measured(comparison: Comparison, store: RunReader) -> bool:
    """Return whether any finished run of a comparison was measured on damaged images."""
    return any(store.addition(run.id, ROBUSTNESS) for run in comparison.finished)


def accuracy(name: str | None = None) -> Reader:
    """Return a reader of the accuracy under a kind of damage, averaged over its severities.

    Without `name`, the accuracy is averaged over all kinds.
    """
    return lambda run, store: _mean(record_of(run, store), name, RobustnessRecord.accuracy)


def consistency(name: str | None = None) -> Reader:
    """Return a reader of the share of predictions that are the same as for the undamaged image.

    The average is as for `accuracy`.
    """
    return lambda run, store: _mean(record_of(run, store), name, RobustnessRecord.consistency)


def pair_consistency(run: Run, store: RunReader) -> float | None:
    """Return the share of images whose predictions under two shifts agree (arXiv:1904.11486)."""
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
    """A network, and the records of its finished runs in the same order."""

    group: ModelRuns
    records: tuple[RobustnessRecord, ...]

    @property
    def label(self) -> str:
        """Label of the network."""
        return self.group.label

    def accuracies(self, name: str) -> Shares:
        """Return the accuracy under a kind of damage, (runs, severities)."""
        return np.stack([record.accuracy(name) for record in self.records])

    def consistencies(self, name: str) -> Shares:
        """Return the consistency under a kind of damage, (runs, severities)."""
        return np.stack([record.consistency(name) for record in self.records])

    @property
    def undamaged(self) -> npt.NDArray[np.float64]:
        """Accuracy on the same images undamaged, (runs,)."""
        return np.array([record.accuracy_undamaged for record in self.records])

    @property
    def pairs(self) -> npt.NDArray[np.float64]:
        """Consistency between two shifts, (runs,)."""
        return np.array([record.pair_consistency for record in self.records])


@dataclass(frozen=True)
class Robustness:
    """Networks of a comparison with complete measurements on the same damaged images.

    Properties raise UsageError if no network has them, or if the images differ between runs.
    """

    comparison: Comparison
    store: RunReader

    @cached_property
    def kinds(self) -> list[Corruption]:
        """All kinds of damage, sorted by name."""
        return corruptions()

    @cached_property
    def models(self) -> list[MeasuredModel]:
        """Networks whose finished runs were all measured under all kinds of damage.

        Raises:
            UsageError: if there are none, or if the images differ between runs.
        """
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
        """Labels of the networks with finished runs that lack a measurement."""
        there = {model.label for model in self.models}
        groups = self.comparison.groups
        return [one.label for one in groups if one.finished and one.label not in there]

    @property
    def images(self) -> int:
        """Number of test images used."""
        return len(self.models[0].records[0].rows)

    @property
    def images_words(self) -> str:
        """Number of test images used, in words; a part of them is balanced over the classes."""
        whole = self.comparison.conditions.test_images
        if self.images >= whole:
            return f"{count(self.images)} test images"
        return f"{count(self.images)} of {count(whole)} test images, as many of each class"

    @property
    def baseline(self) -> MeasuredModel:
        """Network whose errors count as 100 %: the baseline, or the first that was measured."""
        by_label = {model.label: model for model in self.models}
        return by_label.get(self.comparison.baseline, self.models[0])

    def error_ratios(self, model: MeasuredModel, name: str) -> npt.NDArray[np.float64] | None:
        """Return the corruption error of each run, (runs,), under a kind of damage.

        It is the sum of the error rates over the severities, divided by that of the baseline,
        averaged over the baseline's seeds (arXiv:1903.12261). None if the baseline makes no error.
        """
        errors = (1 - model.accuracies(name)).sum(1)
        reference = float((1 - self.baseline.accuracies(name)).sum(1).mean())
        return errors / reference if reference else None

    def mean_error(self, model: MeasuredModel) -> Estimate | None:
        """Return the mean corruption error: the mean of `error_ratios` over all kinds of damage.

        None if one of the kinds has none.
        """
        ratios = [self.error_ratios(model, kind.name) for kind in self.kinds]
        known = [one for one in ratios if one is not None]
        if len(known) < len(ratios):
            return None
        return over_seeds(np.mean(known, axis=0).tolist())

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield a row per run, kind of damage and severity; severity 0 has the undamaged images."""
        for model in self.models:
            for run, record in zip(model.group.finished, model.records, strict=True):
                about = {"id": run.id, "model": model.label, "seed": run.trial.seed}
                yield from ({**about, **row} for row in self._of_run(record))

    def _of_run(self, record: RobustnessRecord) -> Iterator[dict[str, Any]]:
        nothing = {"corruption": "none", "severity": 0, "level": None, "unit": ""}
        yield {**nothing, "accuracy": record.accuracy_undamaged, "consistency": 1.0}
        for kind in self.kinds:
            right, same = record.accuracy(kind.name), record.consistency(kind.name)
            for severity, level in zip(kind.severities, kind.levels, strict=True):
                yield {
                    "corruption": kind.name,
                    "severity": severity,
                    "level": level,
                    "unit": kind.unit,
                    "accuracy": float(right[severity - 1]),
                    "consistency": float(same[severity - 1]),
                }

    def to_json(self) -> dict[str, Any]:
        """Return the entry in the JSON object of ``convcompare robustness``."""
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
    """Return the mean of each run, (runs,), over kinds of damage and their severities.

    ``shares`` has, per kind of damage, an array (runs, severities).
    """
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
