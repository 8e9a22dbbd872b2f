"""Linear CKA between the layers of two networks, beside that between two seeds of one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from convcompare.comparison.disagreement import paired_runs, paired_words
from convcompare.comparison.layer_similarity import FEWEST, cka
from convcompare.core.errors import UsageError
from convcompare.core.registry import register
from convcompare.store.similarity_record import SIMILARITY, SimilarityRecord

from ..figure import Drawing, colour_bar, panels, without
from ..style import ink_on, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable

    from ..source import Source

NAMED = 12
"""Number of layers up to which each has its name at the axes."""
ANNOTATED = 8
"""Number of layers up to which the cells contain numbers."""
LONGEST_LAYER = 14
LACKING = "no layers on the same images"
"""Reason for a model that is not drawn."""
Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LayersOfRuns:
    """Layers recorded by the runs of a model, with their seeds."""

    label: str
    seeds: tuple[int, ...]
    records: tuple[SimilarityRecord, ...]

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers, from the input."""
        return self.records[0].layers

    def similar(self, other: LayersOfRuns) -> Matrix:
        """Return the mean CKA of each layer with each of `other`, over pairs of different seeds."""
        pairs = paired_runs(self.seeds, other.seeds, same=other is self)
        found = [cka(self.records[i].grams, other.records[j].grams) for i, j in pairs]
        return np.asarray(np.mean(found, axis=0))


@register.plot("similarity", needs=SIMILARITY)
def similarity(source: Source) -> list[Drawing]:
    """Similarity of the layers of the first network and each other, and between seeds of each."""
    models = _recorded(source)
    shown = list(_panels(models))
    if not shown:
        raise UsageError("similarity needs two runs", "`--seeds 3` trains a network three times")
    across = min(3, len(shown))
    height = 2.9 if len(shown) <= across else 2.45
    figure, axes = panels(len(shown), across, height, 7.0 if across > 1 else 4.0)
    image = None
    for one, (row, column, matrix) in zip(axes, shown, strict=True):
        image = one.imshow(matrix, cmap="magma", vmin=0, vmax=1, origin="lower", aspect="auto")
        one.grid(False)
        one.tick_params(length=0)
        _names(one, row.layers, column.layers)
        _numbers(one, matrix, image)
        one.set_title("between seeds" if row is column else "between networks")
        one.set_xlabel(source.looks[column.label].name, fontsize=7)
        one.set_ylabel(source.looks[row.label].name, fontsize=7)
    assert image is not None
    colour_bar(axes, image, "linear CKA", min(0.9, 2 * across / len(axes)))
    images = len(models[0].records[0].rows)
    paired = paired_words([one.seeds for one in models])
    caption = (
        f"Linear CKA (Kornblith et al. 2019, arXiv:1905.00414) of every two layers with weights on "
        f"the same {images} test images, debiased (Nguyen et al. 2021, arXiv:2010.15327), "
        f"{paired}: 1 for the same representation up to rotation and "
        "scale, 0 for unrelated ones. Layers go from the input at the lower left. In the "
        "panels between seeds of one network, what the diagonal lacks to 1 is due to the seeds."
    )
    columns = ("model", "other", "layer", "other_layer", "cka")
    rows = [
        (row.label, column.label, layer, other, _known(matrix[i, j]))
        for row, column, matrix in shown
        for i, layer in enumerate(row.layers)
        for j, other in enumerate(column.layers)
    ]
    alt = "; ".join(_words(*panel) for panel in shown)
    key = f"colour: linear CKA of two layers on {images} test images, {paired}"
    key += without((group.label for group in source.groups), [one.label for one in models], LACKING)
    return [Drawing("similarity", figure, caption, columns, rows, f"{alt}.", key)]


def _recorded(source: Source) -> list[LayersOfRuns]:
    """Return the models whose runs recorded layers on the same images, with equal names."""
    found: list[LayersOfRuns] = []
    for group in source.groups:
        kept: list[tuple[int, SimilarityRecord]] = []
        for run in group.finished:
            arrays = source.store.analysis(run, SIMILARITY)
            record = None if arrays is None else SimilarityRecord.from_arrays(arrays)
            if record is not None and record.layers and len(record.rows) >= FEWEST:
                kept.append((run.trial.seed, record))
        first = found[0].records[0] if found else kept[0][1] if kept else None
        alike = [
            (seed, record)
            for seed, record in kept
            if first is not None
            and np.array_equal(record.rows, first.rows)
            and record.layers == kept[0][1].layers
        ]
        if alike:
            seeds, records = zip(*alike, strict=True)
            found.append(LayersOfRuns(group.label, seeds, records))
    if not found:
        raise UsageError(
            f"these runs recorded no {SIMILARITY}", "`convcompare compare … --fresh` records it"
        )
    return found


def _panels(models: Sequence[LayersOfRuns]) -> Iterator[tuple[LayersOfRuns, LayersOfRuns, Matrix]]:
    """Iterate over the first model with each other, then over the seeds of each."""
    first, *others = models
    for other in others:
        yield other, first, other.similar(first)
    for one in models:
        if len(one.seeds) > 1:
            yield one, one, one.similar(one)


def _names(axes: Axes, rows: Sequence[str], columns: Sequence[str]) -> None:
    for names, put in ((columns, axes.set_xticks), (rows, axes.set_yticks)):
        if len(names) <= NAMED:
            put(range(len(names)), [short(name, LONGEST_LAYER) for name in names])
        else:
            ends = [0, len(names) - 1]
            put(ends, [short(names[end], LONGEST_LAYER) for end in ends])
    axes.tick_params(axis="x", rotation=90)


def _numbers(axes: Axes, matrix: Matrix, cells: ScalarMappable) -> None:
    if max(matrix.shape) > ANNOTATED:
        return
    inks = ink_on(cells.to_rgba(matrix.ravel()))
    for ((i, j), value), ink in zip(np.ndenumerate(matrix), inks, strict=True):
        if not np.isnan(value):
            axes.text(j, i, f"{max(0.0, value):.2f}", ha="center", va="center", fontsize=7,
                      color=ink)  # fmt: skip


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _words(row: LayersOfRuns, column: LayersOfRuns, matrix: Matrix) -> str:
    """Return ``seeds of fcn: last layers 0.93 alike``."""
    who = f"seeds of {row.label}" if row is column else f"{column.label} and {row.label}"
    first, last = (
        "not known" if np.isnan(value) else f"{value:.2f}"
        for value in (matrix[0, 0], matrix[-1, -1])
    )
    return f"{who}: first layers {first}, last layers {last} alike"
