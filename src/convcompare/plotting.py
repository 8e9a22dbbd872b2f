"""What a figure is drawn from: the runs of a comparison and what they recorded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy.typing as npt

from .comparison import Comparison
from .data import Dataset, Images, Sources
from .errors import UsageError
from .features import FEATURES, FeatureRecord
from .gradients import GRADIENTS, GradientRecord
from .load import load_dataset
from .run import Run
from .store import RunStore


@dataclass(frozen=True)
class Source:
    """A comparison, the store of its runs, and where its data set comes from."""

    comparison: Comparison
    store: RunStore
    sources: Sources

    def first_runs(self) -> Iterator[tuple[str, Run]]:
        """The first finished run of each model, with its label."""
        for group in self.comparison.groups:
            if group.finished:
                yield group.label, group.finished[0]

    def gradients(self) -> Iterator[tuple[str, GradientRecord]]:
        """The gradients that the first run of each model recorded."""
        return ((m, GradientRecord.from_arrays(found)) for m, found in self._recorded(GRADIENTS))

    def features(self) -> Iterator[tuple[str, FeatureRecord]]:
        """What the first run of each model recorded of a few test images."""
        return ((m, FeatureRecord.from_arrays(found)) for m, found in self._recorded(FEATURES))

    def _recorded(self, name: str) -> list[tuple[str, dict[str, npt.NDArray[Any]]]]:
        """What an analysis left of the first run of each model; UsageError where of none."""
        arrays = [(label, self.store.analysis(run, name)) for label, run in self.first_runs()]
        found = [(label, recorded) for label, recorded in arrays if recorded is not None]
        if not found:
            raise UsageError(
                f"these runs recorded no {name}", "`convcompare compare … --fresh` records them"
            )
        return found

    def image(self, row: int) -> Images:
        """A test image, uint8 (channels, h, w)."""
        image: Images = self._dataset.test.images[row]
        return image

    @cached_property
    def _dataset(self) -> Dataset:
        return load_dataset(self.comparison.conditions.dataset, self.sources)
