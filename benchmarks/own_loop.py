"""convcompare's trainer with the best settings on this machine."""

from __future__ import annotations

from pathlib import Path

from turns import BATCH_SIZE, Turns

from convcompare.core.config import TrainConfig
from convcompare.data.dataset import Dataset
from convcompare.experiment.shapes import shape_of
from convcompare.experiment.trial_grid import Candidate
from convcompare.experiment.trial_runner import TrialRunner
from convcompare.models.build import resolve
from convcompare.store.run import Trial
from convcompare.store.run_store import RunStore
from convcompare.training.hardware import choose_precision, choose_runtime
from convcompare.training.trainer import Trainer


def prepared(
    spec: str, dataset: Dataset, store: Path = Path("unused"), epochs: int = 10**6
) -> tuple[TrialRunner, Trial]:
    """Return a runner on this machine and a trial of `spec`."""
    runtime = choose_runtime("auto", None)
    precision, _ = choose_precision("auto", runtime.device)
    config = TrainConfig(epochs=epochs, batch_size=BATCH_SIZE, precision=precision)
    trial = Candidate(spec, resolve(spec, shape_of(dataset)), config).trial(dataset, 0)
    return TrialRunner(RunStore(store), runtime, dataset), trial


def trainer(spec: str, dataset: Dataset, epochs: int = 10**6) -> Trainer:
    """Return a trainer of `epochs` epochs."""
    runner, trial = prepared(spec, dataset, epochs=epochs)
    return runner.trainer(trial)


def take_turns(spec: str, dataset: Dataset, turns: Turns) -> None:
    """Train one epoch per turn: data, training, metrics, and the evaluation of one image."""
    epochs = iter(trainer(spec, dataset))
    while True:
        turns.begin()
        next(epochs)
        turns.end()


def test_accuracy(spec: str, dataset: Dataset, epochs: int) -> float:
    return [epoch.test_accuracy for epoch in trainer(spec, dataset, epochs)][-1]
