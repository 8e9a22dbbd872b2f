"""Untrained comparisons with the data that their figures are drawn from."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from convcompare.comparison.comparison import Comparison
from convcompare.comparison.model_runs import group_runs
from convcompare.core.registry import register
from convcompare.data.dataset import Sources
from convcompare.output.plots.figure import Drawing, styled
from convcompare.output.plots.source import Source, draw
from convcompare.store.cost import Latency
from convcompare.store.feature_record import FeatureRecord
from convcompare.store.gradient_record import GRADIENTS, GradientRecord
from convcompare.store.layout import FEATURES
from convcompare.store.receptive_field_record import FIELDS, FieldRecord
from convcompare.store.run import Epoch, Run
from convcompare.store.run_store import Predictions, RunStore
from convcompare.store.similarity_record import SIMILARITY, SimilarityRecord

from .data import make_tiny
from .runs import CONDITIONS, trained

LAYERS = ("conv1", "conv2", "head")


class MadeRuns(RunStore):
    """A store in memory: records of runs by run id."""

    def __init__(self) -> None:
        super().__init__(Path("none"))
        self.recorded: dict[str, Mapping[str, Any]] = {}
        self.logits: dict[str, Predictions] = {}

    def analysis(self, run: Run, name: str) -> Any:
        return self.recorded.get(run.id, {}).get(name)

    def predictions(self, run: Run) -> Predictions:
        return self.logits[run.id]


@dataclass(frozen=True)
class Made:
    """A network: test accuracy by seed, losses by epoch, and any irregularity."""

    label: str
    accuracies: Sequence[float] = (0.9, 0.91, 0.905)
    losses: Sequence[float] = (1.2, 0.6, 0.4, 0.35)
    seconds: float = 10.0
    waited: float = 0.0
    found: tuple[str, ...] = ()
    diverged: int = 0
    gradient: float = 1.0
    activation: float = 1.0
    dead: float = 1.0
    gated: bool = False
    parameters: int = 10_000


def source(
    networks: Sequence[Made], classes: Sequence[str] = ("a", "b", "c", "d"), images: int = 400
) -> Source:
    """Return the data from which figures of these networks are drawn."""
    store, runs = MadeRuns(), []
    for place, network in enumerate(networks):
        for seed, accuracy in enumerate(network.accuracies):
            run = _run(network, seed, accuracy, place)
            runs.append(run)
            store.recorded[run.id] = _records(network, place)
            store.logits[run.id] = _predictions(accuracy, len(classes), images)
    groups = group_runs([run.trial.label for run in runs], runs, [False] * len(runs))
    conditions = dataclasses.replace(
        CONDITIONS, dataset="tiny", classes=tuple(classes), test_images=images
    )
    found = Source(Comparison(conditions, tuple(groups)), store, Sources(Path("none")))
    found.__dict__["_dataset"] = make_tiny()
    return found


def drawn(source: Source, kind: str) -> list[Drawing]:
    """Return the figures of a kind, laid out."""
    with styled():
        drawings = draw(register.plot[kind], source)
        for drawing in drawings:
            drawing.figure.draw_without_rendering()
    return drawings


def _run(network: Made, seed: int, accuracy: float, place: int) -> Run:
    run = trained(network.label, seed, accuracy, network.seconds)
    config = dataclasses.replace(run.trial.config, schedule="constant", lr=0.01)
    trial = dataclasses.replace(run.trial, config=config)
    n, history = len(network.losses), []
    for i, loss in enumerate(network.losses):
        reached = accuracy - 0.2 * (n - 1 - i) / n
        seconds = network.seconds * (1 + 0.02 * seed) / n
        history.append(
            Epoch(i + 1, 0.9 * loss, max(0.0, reached), loss * (1 + 0.02 * seed),
                  max(0.0, reached), 0.01, seconds, 0.1,
                  waited_seconds=network.waited * seconds * run.environment.threads)
        )  # fmt: skip
    cost = dataclasses.replace(
        run.cost,
        parameters=network.parameters,
        macs=100 * network.parameters,
        train_seconds=network.seconds * (1 + 0.02 * seed),
        inference=(Latency(1, *3 * (network.seconds / 1e4,), 100),),
    )
    status = "diverged" if seed < network.diverged else "finished"
    return dataclasses.replace(
        run,
        trial=trial,
        history=tuple(history),
        cost=cost,
        status=status,
        found=network.found,
        sha256={f"analyses/{name}.npz": "" for name in (GRADIENTS, FEATURES, FIELDS, SIMILARITY)},
    )


def _records(network: Made, place: int) -> Mapping[str, Any]:
    rng = np.random.default_rng(place)
    n = len(network.losses) + 1
    norm = network.gradient * np.exp(rng.standard_normal((n, len(LAYERS))))
    first = np.minimum(network.activation * rng.random((2, 8, 6, 6)), 6e4)
    features = FeatureRecord(
        np.array([0, 1]), "relu1", first.astype(np.float16), np.arange(8),
        {"conv1": first[:, 0].astype(np.float16)},
        rng.standard_normal((16, 1, 3, 3)).astype(np.float32), LAYERS,
        network.activation * rng.random(3), network.activation * rng.random(3),
        network.dead * rng.random(3),
    )  # fmt: skip
    side = np.array([[3.0, 3.0], [np.nan if network.gated else 7.0] * 2, [8.0, 8.0]])
    look = rng.random((8, 8))
    fields = FieldRecord(
        LAYERS, side, np.ones((3, 2)), np.zeros((3, 2)), 1, (8, 8), look / look.sum(),
        np.array([[1, 7], [1, 7]]), 4.0,
    )  # fmt: skip
    seen = rng.random((len(LAYERS), 12, 5))
    alike = SimilarityRecord(np.arange(12), LAYERS, seen @ seen.swapaxes(1, 2))
    return {
        SIMILARITY: alike.to_arrays(),
        GRADIENTS: GradientRecord(LAYERS, norm, norm / 10).to_arrays(),
        FEATURES: features.to_arrays(),
        FIELDS: fields.to_arrays(),
    }


def _predictions(accuracy: float, classes: int, images: int) -> Predictions:
    """Return predictions with this accuracy; errors are assigned to the next class."""
    labels = np.arange(images) % classes
    given = np.where(np.arange(images) < round(accuracy * images), labels, (labels + 1) % classes)
    return Predictions(np.eye(classes, dtype=np.float32)[given], labels)
