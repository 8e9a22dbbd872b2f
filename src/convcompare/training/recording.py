"""What is recorded of every run beside its history: gradients moment by moment, fields at last."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from convcompare.analysis.gradient_flow import fixed_batch, gradient_flow
from convcompare.analysis.receptive_field.axis import Axis
from convcompare.analysis.receptive_field.effective import (
    EffectiveField,
    effective_field,
    pick_layer,
)
from convcompare.analysis.receptive_field.of_network import field_of_network
from convcompare.analysis.receptive_field.traced import ReceptiveField
from convcompare.core.errors import UsageError
from convcompare.models.build import Builder, resolve
from convcompare.models.shape import Shape
from convcompare.store.gradient_record import GradientRecord
from convcompare.store.receptive_field_record import FieldRecord

from .batches import Batches
from .memory_format import channels_last


class GradientRecorder:
    """Measures a network at its initialisation and after each epoch, always on the same images."""

    def __init__(self, train: Batches) -> None:
        self.images, self.labels = fixed_images(train)
        self.layers: tuple[str, ...] = ()
        self.norm: list[npt.NDArray[np.float64]] = []
        self.mean_abs: list[npt.NDArray[np.float64]] = []

    def measure(self, model: nn.Module) -> None:
        """Add a moment."""
        flow = gradient_flow(model, self.images, self.labels)
        self.layers = flow.layers
        self.norm.append(flow.norm)
        self.mean_abs.append(flow.mean_abs)

    def resume(self, record: GradientRecord | None, moments: int) -> None:
        """Go on after so many moments; those that the record does not have become NaN."""
        if record is None:
            return
        self.layers = record.layers
        for kept, found in ((self.norm, record.norm), (self.mean_abs, record.mean_abs)):
            missing = [np.full(len(self.layers), np.nan)] * (moments - len(found))
            kept[:] = [*found[:moments], *missing]

    @property
    def record(self) -> GradientRecord:
        """All moments so far."""
        return GradientRecord(self.layers, np.stack(self.norm), np.stack(self.mean_abs))


def fixed_images(train: Batches) -> tuple[Tensor, Tensor]:
    """The images (n, c, h, w) and labels (n,) that the gradients of every network are taken on."""
    return train.take(torch.from_numpy(fixed_batch(len(train))).to(train.device))


def initial_gradients(
    spec: str, shape: Shape, seed: int, images: Tensor, labels: Tensor
) -> GradientRecord:
    """The gradients of a network as it is built: one moment, on the device of the images.

    Args:
        spec: the network, as `models.build.resolve` takes it with `shape`.
        seed: that of the trial whose initial weights it gets.
        images: (n, c, h, w), normalised.
        labels: (n,), classes.
    """
    model = channels_last(resolve(spec, shape).build(seed), images.device)
    flow = gradient_flow(model, images, labels)
    return GradientRecord(flow.layers, flow.norm[None], flow.mean_abs[None])


def record_fields(builder: Builder, model: nn.Module, images: Tensor) -> FieldRecord:
    """The exact field of each layer, and the effective one of a trained `model` on `images`."""
    found = field_of_network(builder)
    effective = _effective(found, model, images)
    names = [layer.name for layer in found.layers]
    strict = [
        [None if whole else axis for axis, whole in zip(layer.axes, layer.whole, strict=True)]
        for layer in found.layers
    ]
    by_name = {what: _column(strict, what) for what in ("size", "stride", "start")}
    return FieldRecord(
        layers=tuple(names),
        **by_name,
        features=found.layers.index(found.features) if found.features else -1,
        image=found.image,
        gradient=effective.gradient if effective else np.zeros((0, 0)),
        span=np.array([effective.rows, effective.columns] if effective else np.zeros((0, 2), int)),
        effective_size=effective.mass_size if effective else float("nan"),
    )


def _effective(found: ReceptiveField, model: nn.Module, images: Tensor) -> EffectiveField | None:
    """None where no unit of the network has a place, or where the central one is dead."""
    try:
        return effective_field(model, images, pick_layer(found, None))
    except UsageError:
        return None


def _column(layers: list[list[Axis | None]], what: str) -> npt.NDArray[np.float64]:
    values = [[np.nan if axis is None else getattr(axis, what) for axis in pair] for pair in layers]
    return np.array(values, dtype=np.float64).reshape(-1, 2)
