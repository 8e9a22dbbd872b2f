"""Records gradients after each epoch and receptive fields of the trained network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
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
from convcompare.analysis.weight_layers import Weight
from convcompare.core.errors import ModelError, UsageError
from convcompare.models.build import Builder, resolve
from convcompare.models.shape import Shape
from convcompare.store.gradient_record import GradientRecord
from convcompare.store.receptive_field_record import FieldRecord

from .batches import Batches
from .memory_format import channels_last


class GradientRecorder:
    """Records gradients at initialisation and after each epoch, always on the same images."""

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        self.images, self.labels = images, labels
        self.weights: tuple[Weight, ...] | None = None
        self.layers: tuple[str, ...] = ()
        self.norm: list[npt.NDArray[np.float64]] = []
        self.mean_abs: list[npt.NDArray[np.float64]] = []
        self.zero: list[npt.NDArray[np.bool_]] = []
        self.passes: npt.NDArray[np.int64] | None = None
        self.several: bool | None = None

    def measure(self, model: nn.Module) -> None:
        """Add the gradients of the current weights; the first measurement sets the layers."""
        flow = gradient_flow(model, self.images, self.labels, self.weights, self.several)
        self.weights, self.passes = flow.weights, flow.passes
        self.several = flow.passes is not None
        if self.layers not in ((), flow.layers):  # resumed: trained, it may use others
            for kept in (self.norm, self.mean_abs):
                kept[:] = [_reordered(one, self.layers, flow.layers) for one in kept]
            self.zero[:] = [np.zeros(len(flow.layers), bool) for _ in self.zero]
        self.layers = flow.layers
        self.norm.append(flow.norm)
        self.mean_abs.append(flow.mean_abs)
        self.zero.append(flow.zero)

    def resume(self, record: GradientRecord | None, moments: int) -> None:
        """Continue after `moments` measurements; those missing from the record become NaN."""
        if record is None:
            return
        self.layers, self.passes = record.layers, record.passes
        self.several = record.passes is not None
        for kept, found in ((self.norm, record.norm), (self.mean_abs, record.mean_abs)):
            missing = [np.full(len(self.layers), np.nan)] * (moments - len(found))
            kept[:] = [*found[:moments], *missing]
        none = np.zeros((moments, len(self.layers)), bool)
        if record.zero is not None:
            none[: len(record.zero)] = record.zero[:moments]
        self.zero[:] = list(none)

    @property
    def record(self) -> GradientRecord:
        """All measurements so far."""
        zero = np.stack(self.zero)
        norm, mean_abs = np.stack(self.norm), np.stack(self.mean_abs)
        zeros = zero if zero.any() else None
        return GradientRecord(self.layers, norm, mean_abs, zeros, self.passes)


def _reordered(
    values: npt.NDArray[np.float64], old: Sequence[str], new: Sequence[str]
) -> npt.NDArray[np.float64]:
    """Return the values of layers in the order `new`; NaN for a layer without a value."""
    known = dict(zip(old, values, strict=True))
    return np.array([known.get(name, np.nan) for name in new])


def fixed_images(train: Batches) -> tuple[Tensor, Tensor]:
    """Return the images (n, c, h, w) and labels (n,) on which all gradients are computed."""
    return train.take(fixed_batch(len(train)))


def initial_gradients(
    spec: str, shape: Shape, seed: int, images: Tensor, labels: Tensor
) -> GradientRecord:
    """Return the gradients of a network at initialisation, as a record of one measurement.

    Args:
        spec: Network, as for `models.build.resolve` with `shape`.
        shape: Input and output shape of the network.
        seed: Seed of the trial whose initial weights it gets.
        images: float32 (n, c, h, w), normalised; the network is moved to their device.
        labels: int64 (n,), classes.
    """
    recorder = GradientRecorder(images, labels)
    recorder.measure(channels_last(resolve(spec, shape).build(seed), images.device))
    return recorder.record


def record_fields(builder: Builder, model: nn.Module, images: Tensor) -> FieldRecord:
    """Return the exact field of each layer, and the effective one of a trained `model` on `images`.

    Raises:
        ModelError: if the exact field is unknown.
    """
    found = field_of_network(builder)
    if found.not_known:
        raise ModelError(f"the field is not known: {found.not_known}")
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
    """Return the effective field; None if no unit has a position, or if the central one is dead."""
    try:
        return effective_field(model, images, pick_layer(found, None))
    except UsageError:
        return None


def _column(layers: list[list[Axis | None]], what: str) -> npt.NDArray[np.float64]:
    values = [[np.nan if axis is None else getattr(axis, what) for axis in pair] for pair in layers]
    return np.array(values, dtype=np.float64).reshape(-1, 2)
