"""Test accuracy by class, of every network of a comparison."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from convcompare.comparison.assessment import Assessment
from convcompare.comparison.disagreement import class_name
from convcompare.comparison.predictions import accuracies_of
from convcompare.core import formatting

from .table import Column, Table

Array = npt.NDArray[np.float64]


def class_table(assessment: Assessment) -> Table:
    """Return a row per class and a column per network, as means over the seeds.

    Each network except the baseline has a second column: the difference from the baseline in
    points.
    """
    found, images = _accuracies(assessment)
    comparison = assessment.comparison
    base = comparison.baseline if comparison.baseline in found else next(iter(found))
    figures: list[tuple[Column, Array]] = []
    for place, (label, accuracies) in enumerate(found.items()):
        figures.append((_column("accuracy", label, place), accuracies))
        if label != base:
            figures.append((_column("difference", label, place), accuracies - found[base]))
    rows = [
        {
            "class": class_name(comparison.conditions.classes, int(index)),
            "images": int(images[index]),
            **{column.key: float(values[index]) for column, values in figures},
        }
        for index in np.flatnonzero(images)
    ]
    fewest, most = comparison.counted_seeds
    seeds = f"mean of {formatting.span(fewest, most)} seeds" if most > 1 else "one seed"
    notes = (
        f"share of the class's test images that is right, {seeds}",
        f"−: difference from {base} in points, without a test of its own",
    )
    columns = (
        Column("class", "class", "left"),
        Column("images", "images", show=formatting.count, priority=9),
        *(column for column, _ in figures),
    )
    return Table(columns, tuple(rows), notes[: len(found)], noun="classes")


def _accuracies(assessment: Assessment) -> tuple[dict[str, Array], npt.NDArray[np.int64]]:
    """Return the accuracy by class of each network, and the number of test images by class."""
    given = {
        group.label: [assessment.store.predicted_classes(run) for run in group.finished]
        for group in assessment.comparison.groups
        if group.finished
    }
    found = {
        label: np.mean([accuracies_of(one.confusion(one.classes)) for one in several], axis=0)
        for label, several in given.items()
    }
    labels = next(iter(given.values()))[0].labels
    return found, np.bincount(labels, minlength=len(next(iter(found.values()))))


def _column(figure: str, label: str, priority: int) -> Column:
    """Return a column of a network. Figures are fractions; differences are shown in points."""
    is_share = figure == "accuracy"
    title = label if is_share else f"{label} −"
    show = formatting.fraction if is_share else _points
    key = f"{figure} {label}"
    under = (figure, label)
    return Column(key, title, show=show, priority=priority, of_network=True, under=under)


def _points(value: float) -> str:
    return formatting.minus(f"{100 * value:+.1f}")
