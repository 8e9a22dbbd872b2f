"""Measures the predictions of trained networks on damaged test images.

The networks are rebuilt from the stored weights and evaluated as after training. The results are
stored with the runs and reused.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from convcompare.comparison.comparison import Comparison, seed_by_seed
from convcompare.comparison.robustness import measured, record_of
from convcompare.core.corruptions import Corruption, corruptions
from convcompare.core.errors import ModelError, UsageError, quote
from convcompare.core.failures import reason
from convcompare.data.damaged import chosen_rows, damaged, digest, shifted_pair
from convcompare.data.dataset import Dataset, Images, Labels, Sources, Split
from convcompare.store.predictions import PredictedClasses, Predictions
from convcompare.store.robustness_record import (
    ROBUSTNESS,
    DamagedPredictions,
    Predictions1D,
    RobustnessRecord,
)
from convcompare.training.batches import Batches

from .workers.context import WorkerContext, with_runner

if TYPE_CHECKING:
    from convcompare.store.run import Run, Trial
    from convcompare.store.run_store import RunStore
    from convcompare.training.trainer import Trainer

    from .reporter import Reporter
    from .trial_runner import TrialRunner

AGREEING = 0.98
"""Minimum share of the undamaged images on which a rebuilt network must predict what its run did;
other devices and versions round differently."""
KEPT = 1 << 29
"""Maximum bytes of damaged images that are cached for the next network."""


def lacking(comparison: Comparison, store: RunStore) -> list[Run]:
    """Return the finished runs that lack a measurement, the first seed of each network first."""
    kinds, runs = corruptions(), seed_by_seed(comparison.finished)
    records = ((run, record_of(run, store)) for run in runs)
    return [run for run, record in records if not all(measured(record, kind) for kind in kinds)]


def measure(
    runs: Sequence[Run], runner: TrialRunner, reporter: Reporter, fresh: bool = False
) -> None:
    """Measure finished runs and store the results.

    A run whose network cannot be rebuilt is reported and skipped. With `fresh`, stored results are
    measured again.
    """
    if runs:
        reporter.measuring_robustness(len(runs))
    for run in runs:
        try:
            arrays = with_runner(run.trial, runner, WorkerContext.of, _measured, fresh)
        except Exception as error:  # perhaps raised by the user's network
            where = f"{quote(run.trial.name)} (seed {run.trial.seed})"
            hint = error.hint if isinstance(error, UsageError) else None
            reporter.warn(f"no robustness of {where}: {reason(error)}", hint)
            continue
        with runner.store.lock(run.id):
            runner.store.save_addition(run.id, ROBUSTNESS, arrays)


def measure_stored(
    comparison: Comparison,
    store: RunStore,
    sources: Sources,
    machine: tuple[str, int | None],
    reporter: Reporter,
    fresh: bool,
) -> None:
    """Measure what the finished runs of a comparison lack.

    Args:
        comparison: Runs on one data set.
        store: Store of the runs.
        sources: Where the data set may be read and downloaded from.
        machine: Device as for ``--device``, and number of threads; None chooses it.
        reporter: Shows what is measured and what cannot be.
        fresh: Whether stored results are measured again.

    Raises:
        DataError: if the images are not those that the networks were trained and tested with.
    """
    runs = comparison.finished if fresh else lacking(comparison, store)
    if not runs:
        return
    store.require_folder()
    from convcompare.data.load import load_recorded
    from convcompare.training.hardware import choose_runtime

    from .trial_runner import TrialRunner

    dataset = load_recorded(runs[0].trial.dataset, runs[0].trial.data, sources)
    runner = TrialRunner(store, choose_runtime(*machine), dataset, sources)
    measure(runs, runner, reporter, fresh)


def _measured(runner: TrialRunner, trial: Trial, fresh: bool) -> dict[str, npt.NDArray[Any]]:
    """Return the record of a run as arrays, after measuring what it lacks."""
    run, kinds = runner.store.run(trial.id), corruptions()
    known = None if fresh else record_of(run, runner.store)
    images = _damaged_images(runner.dataset)
    predicted = partial(_predicted, runner.trainer_of(run), runner.dataset, images.labels)
    undamaged = predicted(images.undamaged)
    _check(run, runner.store, images, undamaged)
    if known is None:
        pair = np.stack([*map(predicted, shifted_pair(images.undamaged))])
        known = RobustnessRecord(images.rows, images.labels, undamaged, pair, {})
    kept = dict(known.damaged)
    for kind in (kind for kind in kinds if not measured(known, kind)):
        found = [images.of(kind, severity) for severity in kind.severities]
        kept[kind.name] = DamagedPredictions(
            kind.definition,
            tuple(map(digest, found)),
            np.stack([*map(predicted, found)]),
        )
    rows, labels = known.rows, known.labels
    return RobustnessRecord(rows, labels, known.undamaged, known.pair, kept).to_arrays()


class DamagedTestImages:
    """Test images for measuring robustness, damaged on request.

    Up to `KEPT` bytes of damaged images are cached for the next network.
    """

    def __init__(self, dataset: Dataset) -> None:
        self.rows = chosen_rows(dataset.test.labels)
        self.labels = dataset.test.labels[self.rows]
        self.undamaged = dataset.test.images[self.rows]
        self.data = dataset.sha256
        self._kept: dict[tuple[str, int], Images] = {}

    def of(self, kind: Corruption, severity: int) -> Images:
        """Return the images with a kind of damage at a severity."""
        key = (kind.definition + kind.name, severity)
        if key in self._kept:
            return self._kept[key]
        found = damaged(self.undamaged, kind, severity)
        if (len(self._kept) + 1) * found.nbytes <= KEPT:
            self._kept[key] = found
        return found


def _predicted(trainer: Trainer, dataset: Dataset, labels: Labels, images: Images) -> Predictions1D:
    """Return the class of each image, computed as in the evaluation of a trained network.

    It is `NO_CLASS` if the logits are not finite.
    """
    batches = Batches(Split(images, labels), dataset, trainer.device)
    logits = trainer.evaluate(batches.resized(trainer.config.image_size)).numpy()
    return PredictedClasses.of(Predictions(logits, labels)).predicted.astype(np.int32)


def _check(run: Run, store: RunStore, images: DamagedTestImages, found: Predictions1D) -> None:
    """Raise ModelError if the rebuilt network does not predict as the trained one did."""
    then = store.predicted_classes(run).predicted[images.rows]
    agreeing = float(np.mean(then == found))
    if agreeing < AGREEING:
        raise ModelError(
            f"with the stored weights of run {run.id}, {1 - agreeing:.0%} of the predictions on "
            "undamaged images differ from those of the run",
            "the network has state outside its weights; `--fresh` trains it again",
        )


def _damaged_images(dataset: Dataset) -> DamagedTestImages:
    global _last
    if _last is None or _last.data != dataset.sha256:
        _last = DamagedTestImages(dataset)
    return _last


_last: DamagedTestImages | None = None
"""The images of the most recent data set, for the next network on it."""
