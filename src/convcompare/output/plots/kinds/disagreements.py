"""Differences between the predictions of every two models, beside those of a model's seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from convcompare.comparison.disagreement import Disagreements, Votes, paired_words
from convcompare.core.errors import UsageError
from convcompare.core.formatting import percent
from convcompare.core.registry import register

from ..figure import Drawing, colour_bar, panels
from ..style import plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..source import Source

ANNOTATED = 12
"""Number of models up to which the cells contain numbers."""
DIAGONAL = (
    " On the diagonal both runs are of one network. If two networks differ by no more than the "
    "seeds of each, their architectures show no difference."
)
Row = tuple[str, str, float, float | None, float | None]
"""Two models, the share of images on which their runs differ, and the ends of its interval."""


@register.plot("disagreements")
def disagreements(source: Source) -> list[Drawing]:
    """Share of test images on which runs of two networks differ, beside the seeds of one."""
    votes, labels = [], None
    for group in source.groups:
        predictions = source.predictions(group)
        labels = predictions[0].labels
        votes.append(Votes.of(group, predictions))
    if len(votes) < 2 and len(votes[0].seeds) < 2:
        raise UsageError("disagreement needs two runs", "`--seeds 3` trains a network three times")
    assert labels is not None
    rows = _shares(votes, labels)
    matrix = np.full((len(votes), len(votes)), np.nan)
    places = {one.label: i for i, one in enumerate(votes)}
    for model, other, share, *_ in rows:
        i, j = places[model], places[other]
        matrix[i, j] = matrix[j, i] = 100 * share
    figure = _heat_map(matrix, [plain(source.looks[one.label].name) for one in votes])
    diagonal = any(len(one.seeds) > 1 for one in votes)
    caption = (
        "Share of the test images to which two runs give different classes, "
        f"{paired_words([one.seeds for one in votes])}.{DIAGONAL if diagonal else ''} "
        "`convcompare disagreements A B` shows the images."
    )
    own = "; ".join(
        f"seeds of {one.label} {matrix[i, i]:.2f} %" for i, one in enumerate(votes)
        if not np.isnan(matrix[i, i])
    )  # fmt: skip
    others = [(a, b, v) for a, b, v, *_ in rows if a != b]
    most = max(others, key=lambda row: row[2], default=None)
    far = f"most differ {most[0]} and {most[1]}: {percent(most[2])}" if most else ""
    alt = f"Test images on which two runs differ: {'; '.join(filter(None, (own, far)))}."
    key = "number: per cent of the test images"
    key += " · diagonal, bold: between seeds of one network" if diagonal else ""
    columns = ("model", "other", "share", "low", "high")
    return [Drawing("disagreements", figure, caption, columns, rows, alt, key)]


def _shares(votes: Sequence[Votes], labels: npt.NDArray[np.int64]) -> list[Row]:
    """Return the row of every two models, and of the seeds of each if there are several."""
    rows: list[Row] = []
    for i, one in enumerate(votes):
        for j, other in enumerate(votes[: i + 1]):
            both = Disagreements(one, other, labels)
            estimate = both.between if i != j else both.within[0]
            if estimate is not None:
                rows.append((one.label, other.label, estimate.value, estimate.low, estimate.high))
    return rows


def _heat_map(matrix: npt.NDArray[np.float64], names: Sequence[str]) -> Figure:
    """Draw percentages of models by models, NaN if unknown, with numbers if there are few."""
    n = len(names)
    side = min(7.0, 4.2 + 0.25 * n)
    figure, (axes,) = panels(1, 1, side - 0.6, side)
    image = axes.imshow(matrix, cmap="Blues", vmin=0, vmax=float(np.nanmax(matrix)) or 1.0,
                        aspect="auto")  # fmt: skip
    axes.set_xticks(range(n), names, rotation=90)
    axes.set_yticks(range(n), names)
    axes.grid(False)
    axes.tick_params(length=0)
    bright = matrix > 0.6 * np.nanmax(matrix)
    for (i, j), value in np.ndenumerate(matrix if n <= ANNOTATED else matrix[:0]):
        if not np.isnan(value):
            axes.text(j, i, f"{value:.1f}", ha="center", va="center", fontsize=7,
                      fontweight="bold" if i == j else "normal",
                      color="white" if bright[i, j] else "black")  # fmt: skip
    colour_bar([axes], image, "test images on which two runs differ (%)", 0.8)
    return figure
