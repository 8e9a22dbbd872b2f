"""What is recorded of every run beside its history: the gradients, moment by moment."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from .analyses.gradient_flow import fixed_batch, gradient_flow
from .batches import Batches
from .gradients import GradientRecord


class GradientRecorder:
    """Measures a network at its initialisation and after each epoch, always on the same images."""

    def __init__(self, train: Batches) -> None:
        rows = torch.from_numpy(fixed_batch(len(train))).to(train.device)
        self.images, self.labels = train.take(rows)
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
