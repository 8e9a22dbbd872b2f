"""Images on which two networks differ: by class, or image by image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from convcompare.comparison.disagreement import Disagreements, class_name, paired_words
from convcompare.comparison.stats.estimates import Estimate
from convcompare.core import formatting

from .table import Column, Table

By = Literal["class", "image"]
ALL = "all"
"""The row of all classes."""
COLUMNS = ("between", "first", "second", "only_first", "only_second")


def disagreement_table(found: Disagreements, classes: Sequence[str], by: By = "class") -> Table:
    """Return the share of test images on which the networks differ, by class; or the images."""
    return _images(found, classes) if by == "image" else _classes(found, classes)


def sentences(found: Disagreements) -> list[str]:
    """Describe how much the networks differ, and whether they differ more than their seeds."""
    one, other = found.first.label, found.second.label
    lines = [f"{one} and {other} differ on {_percent(found.between)} of the test images"]
    within = [
        f"those of {votes.label} on {_percent(estimate)}"
        for votes, estimate in zip((found.first, found.second), found.within, strict=True)
        if estimate is not None
    ]
    if within:
        lines.append(f"two seeds of one network differ too: {', '.join(within)}")
    else:
        lines.append(
            "how much the seeds of one network differ is not known: `--seeds 3` measures it"
        )
    excess = found.excess
    if excess is not None and excess.low is not None and excess.high is not None:
        points = formatting.minus(f"{100 * excess.value:+.2f}")
        half = f" ± {100 * (excess.high - excess.low) / 2:.2f}"
        meaning = (
            "the networks differ more than their seeds do"
            if excess.low > 0
            else "the networks differ less than their seeds do"
            if excess.high < 0
            else "no more than their seeds do, as far as these runs show"
        )
        lines.append(f"{points}{half} points beyond the seeds: {meaning}")
    return lines


def _classes(found: Disagreements, classes: Sequence[str]) -> Table:
    one, other = found.first.label, found.second.label
    titles = (f"{one} / {other}", f"{one}, seeds", f"{other}, seeds", f"only {one} right",
              f"only {other} right")  # fmt: skip
    columns = [
        Column("class", "class", "left"),
        Column("images", "images", show=formatting.count, priority=9),
        *(
            Column(key, title, show=formatting.fraction, priority=i)
            for i, (key, title) in enumerate(zip(COLUMNS, titles, strict=True))
        ),
    ]
    shares = {key: found.shares(key) for key in COLUMNS}
    present = [(class_name(classes, k), found.labels == k) for k in np.unique(found.labels)]
    rows: list[dict[str, Any]] = [
        {
            "class": name,
            "images": int(those.sum()),
            **{key: None if s is None else float(s[those].mean()) for key, s in shares.items()},
        }
        for name, those in [(ALL, np.ones(len(found.labels), bool)), *present]
    ]
    notes = (
        *sentences(found),
        f"shares of the test images, {paired_words((found.first.seeds, found.second.seeds))}; "
        "intervals of 95 % over the images, and from 3 seeds on over the seeds",
    )
    return Table(tuple(columns), tuple(rows), notes, noun="classes")


def _images(found: Disagreements, classes: Sequence[str]) -> Table:
    one, other = found.first.label, found.second.label
    columns = (
        Column("image", "image", show=formatting.count),
        Column("class", "class", "left"),
        Column("first", one, "left"),
        Column("second", other, "left"),
        Column("confidence_first", f"confidence {one}", show=formatting.fraction, priority=2),
        Column("confidence_second", f"confidence {other}", show=formatting.fraction, priority=2),
        Column("share_of_pairs", "pairs that differ", show=formatting.fraction, priority=3),
    )
    rows = tuple(
        {
            "image": image.row,
            "class": class_name(classes, image.true),
            "first": class_name(classes, image.given[0]),
            "second": class_name(classes, image.given[1]),
            "confidence_first": image.confidence[0],
            "confidence_second": image.confidence[1],
            "share_of_pairs": image.share,
        }
        for image in found.images
    )
    notes = (
        "the class with the highest mean probability over the seeds; the most confident "
        "disagreement first, by the less confident network",
        *sentences(found)[:1],
    )
    return Table(columns, rows, notes, noun="images")


def _percent(estimate: Estimate) -> str:
    """Return ``4.10 % (3.20 to 5.00)``."""
    shown = formatting.percent(estimate.value)
    if estimate.ends is None:
        return shown
    low, high = estimate.ends
    return f"{shown} ({100 * low:.2f} to {100 * high:.2f})"
