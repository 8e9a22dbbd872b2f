"""Figures of conclusions, each by hand or from a network with a known answer."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from convcompare.analysis.activations import features
from convcompare.comparison.figures.catalogue import named
from convcompare.core.errors import UsageError
from convcompare.store.feature_record import FeatureRecord
from convcompare.store.gradient_record import GRADIENTS, GradientRecord
from convcompare.store.layout import FEATURES
from convcompare.store.receptive_field_record import FIELDS, FieldRecord
from convcompare.store.run import Epoch, Run
from convcompare.store.run_store import Predictions, RunStore
from tests.support.runs import run as made

NORMS = np.array([[4.0, 2.0], [0.3, 0.1], [0.05, 0.15], [0.5, 0.7]])
"""Two layers at initialisation and after each of three epochs."""
Recorded = Callable[..., tuple[Run, RunStore]]


@pytest.fixture
def recorded(tmp_path: Path) -> Recorded:
    """A run of three epochs with these analyses, in a store."""

    def record(**analyses: dict[str, np.ndarray]) -> tuple[Run, RunStore]:
        store, base = RunStore(tmp_path / "runs"), made("fcn", 0)
        history = tuple(dataclasses.replace(base.history[0], epoch=i) for i in (1, 2, 3))
        one = dataclasses.replace(base, history=history)
        with store.lock(one.id):
            store.begin(one.trial, one.environment)
            for name, arrays in analyses.items():
                store.save_analysis(one.id, name.replace("_", "-"), arrays)
            logits = np.zeros((10, 10), np.float32)
            return store.finish(one, None, Predictions(logits, np.arange(10))), store

    return record


def gradients(norms: np.ndarray) -> dict[str, np.ndarray]:
    return GradientRecord(("first", "last"), norms, norms / 10).to_arrays()


def field(size: tuple[int, int] | None) -> dict[str, np.ndarray]:
    """One layer with a field of this size; None for one that sees the whole image."""
    seen = np.array([(math.nan, math.nan) if size is None else size])
    empty = np.zeros((0, 0)), np.zeros((2, 2), np.int64)
    return FieldRecord(("conv",), seen, seen, seen, 0, (28, 28), *empty, 0.0).to_arrays()


@pytest.mark.parametrize(
    ("figure", "value"),
    [
        ("gradient-norm=1", 0.2),
        ("gradient-norm=3", 0.6),
        ("gradient-norm=4", None),
        ("gradient-rise=1", 3.0),
        ("gradient-rise=2", 6.0),
        ("gradient-rise=3", None),
        ("gradient-fall", 8.0),
        ("gradient-ratio", 1.4),
    ],
)
def test_gradients_by_epoch(recorded: Recorded, figure: str, value: float | None) -> None:
    read = named(figure).of_run
    assert read(*recorded(**{GRADIENTS: gradients(NORMS)})) == pytest.approx(value)
    bare = made("fcn", 1), RunStore(Path("nowhere"))
    assert read(*bare) is None, "not recorded"


def test_zero_gradient_has_no_ratio_and_is_recorded(recorded: Recorded) -> None:
    found = recorded(**{GRADIENTS: gradients(NORMS * np.array([[1], [0], [1], [0]]))})
    assert named("gradient-fall").of_run(*found) == math.inf
    assert named("gradient-rise=1").of_run(*found) == math.inf
    assert math.isnan(named("gradient-ratio").of_run(*found) or 0)


@pytest.mark.parametrize("name", ["gradient-norm=0", "gradient-norm=x", "gradient-rise=1.5"])
def test_epoch_must_be_an_integer(name: str) -> None:
    with pytest.raises(UsageError, match="invalid value"):
        named(name)


def test_channel_unevenness_is_that_of_their_means(recorded: Recorded) -> None:
    """A convolution that multiplies by 1, 2 and 6: means in the same proportion."""
    network = nn.Sequential(nn.Conv2d(1, 3, 1, bias=False), nn.ReLU(), nn.Flatten())
    with torch.no_grad():
        network[0].weight.copy_(torch.tensor([1.0, 2.0, 6.0]).reshape(3, 1, 1, 1))
    images = torch.rand(4, 1, 5, 5, generator=torch.Generator().manual_seed(0))
    record = features(network, images, np.arange(4), 2)
    assert record.channel_means == pytest.approx(images.mean().item() * np.array([1, 2, 6]))
    again = FeatureRecord.from_arrays(record.to_arrays())
    assert again.channel_means == pytest.approx(record.channel_means)
    spread = named("activation-spread").of_run(*recorded(**{FEATURES: record.to_arrays()}))
    assert spread == pytest.approx(math.sqrt(7) / 3)  # of 1, 2, 6: variance 14/2, mean 3


def test_older_records_have_no_channel_means(recorded: Recorded) -> None:
    """The sixteen most active channels of the pictures are no substitute for all channels."""
    network = nn.Sequential(nn.Conv2d(1, 3, 1), nn.ReLU())
    arrays = features(network, torch.rand(2, 1, 4, 4), np.arange(2), 2).to_arrays()
    del arrays["channel_means"]
    assert named("activation-spread").of_run(*recorded(**{FEATURES: arrays})) is None


def test_convergence_is_within_a_point_of_the_best_epoch(recorded: Recorded) -> None:
    one, store = recorded()
    history = tuple(
        dataclasses.replace(one.history[0], epoch=i, test_accuracy=accuracy)
        for i, accuracy in enumerate((0.5, 0.78, 0.79, 0.80, 0.795), 1)
    )
    lasting = dataclasses.replace(one, history=history)
    assert named("convergence").of_run(lasting, store) == 3
    only: tuple[Epoch, ...] = history[:1]
    assert named("convergence").of_run(dataclasses.replace(one, history=only), store) == 1


@pytest.mark.parametrize(("size", "width"), [((22, 22), 22.0), ((9, 16), 12.0), (None, math.inf)])
def test_field_width_is_the_side_of_a_square_of_equal_area(
    recorded: Recorded, size: tuple[int, int] | None, width: float
) -> None:
    found = recorded(**{FIELDS.replace("-", "_"): field(size)})
    assert named("receptive-field-width").of_run(*found) == width
