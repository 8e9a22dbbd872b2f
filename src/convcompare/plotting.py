"""What a figure is drawn from: the runs of a comparison and what they recorded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

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
        found = False
        for label, run in self.first_runs():
            arrays = self.store.analysis(run, GRADIENTS)
            if arrays is not None:
                found = True
                yield label, GradientRecord.from_arrays(arrays)
        if not found:
            raise UsageError(
                "these runs recorded no gradients", "`convcompare compare … --fresh` records them"
            )

    def features(self) -> Iterator[tuple[str, FeatureRecord]]:
        """What the first run of each model recorded of a few test images."""
        found = False
        for label, run in self.first_runs():
            arrays = self.store.analysis(run, FEATURES)
            if arrays is not None:
                found = True
                yield label, FeatureRecord.from_arrays(arrays)
        if not found:
            raise UsageError(
                "these runs recorded no features", "`convcompare compare … --fresh` records them"
            )

    def image(self, row: int) -> Images:
        """A test image, uint8 (channels, h, w)."""
        image: Images = self._dataset.test.images[row]
        return image

    @cached_property
    def _dataset(self) -> Dataset:
        return load_dataset(self.comparison.conditions.dataset, self.sources)
