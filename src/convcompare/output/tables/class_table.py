"""Test accuracy by class, of every network of a comparison."""

from __future__ import annotations

from typing import Any

import numpy as np

from convcompare.comparison.assessment import Assessment
from convcompare.comparison.disagreement import class_name
from convcompare.comparison.predictions import accuracies_of
from convcompare.core import formatting

from .table import Column, Table


def class_table(assessment: Assessment) -> Table:
    """Return a row per class and a column per network, as means over the seeds.

    Each network except the baseline has a second column: the difference from the baseline in
    points.
    """
    groups = [group for group in assessment.comparison.groups if group.finished]
    given = {
        group.label: [assessment.store.given_classes(run) for run in group.finished]
        for group in groups
    }
    found = {
        label: np.mean([accuracies_of(one.confusion(one.classes)) for one in several], axis=0)
        for label, several in given.items()
    }
    labels = next(iter(given.values()))[0].labels
    images = np.bincount(labels, minlength=len(next(iter(found.values()))))
    baseline = assessment.comparison.baseline
    base = baseline if baseline in found else groups[0].label
    names = assessment.comparison.conditions.classes
    columns = [
        Column("class", "class", "left"),
        Column("images", "images", show=formatting.count, priority=9),
    ]
    for i, label in enumerate(found):
        columns.append(_column("accuracy", label, i))
        if label != base:
            columns.append(_column("difference", label, i))
    rows = []
    for index in np.flatnonzero(images):
        row: dict[str, Any] = {
            "class": class_name(names, int(index)),
            "images": int(images[index]),
        }
        for label, accuracies in found.items():
            row[f"accuracy {label}"] = float(accuracies[index])
            if label != base:
                row[f"difference {label}"] = float(accuracies[index] - found[base][index])
        rows.append(row)
    fewest, most = assessment.comparison.counted_seeds
    notes = (
        "share of the class's test images that is right, mean of "
        f"{formatting.span(fewest, most)} seeds"
        if most > 1
        else "share of the class's test images that is right, one seed",
        f"−: difference from {base} in points, without a test of its own",
    )
    shown = notes if len(found) > 1 else notes[:1]
    return Table(tuple(columns), tuple(rows), shown, noun="classes")


def _column(figure: str, label: str, priority: int) -> Column:
    """Return a column of a network. Figures are fractions; differences are shown in points."""
    is_share = figure == "accuracy"
    title = label if is_share else f"{label} −"
    show = formatting.fraction if is_share else _points
    key = f"{figure} {label}"
    return Column(key, title, show=show, priority=priority, under=(figure, label))


def _points(value: float) -> str:
    return formatting.minus(f"{100 * value:+.1f}")
