"""Confusion matrices of each model, and their differences between two models."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from convcompare.core import formatting
from convcompare.core.registry import register

from ..figure import WIDTH, Drawing, colour_bar, outer_labels, panels
from ..style import distinct, ink_on, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable

    from convcompare.comparison.model_runs import ModelRuns

    from ..source import Source

Matrix = npt.NDArray[np.float64]
ANNOTATED = 10
"""Number of classes up to which the cells contain counts."""
MOST_SQUARES = 1000
"""Number of cells of a figure up to which each is a square: beyond, an SVG would be too large."""
NAMED = 24
"""Number of classes up to which each has its name at the axes."""
NAMED_LONG, SHORT = 13, 5
"""The same if a name is longer than SHORT characters."""
LONGEST_CLASS = 12
"""Maximum number of characters of the name of a class."""
FIGURES = 3
"""Characters of a number that fit in a cell in letters of 7 points."""
SMALL = 5.5
"""Letter size in points of a longer number."""
SEAM = 0.8
"""Points by which cells overlap, so that no page shows through between them."""
PAIRS = 3
"""Number of confusions that the caption names per model."""


@register.plot("confusion-matrix")
def confusion_matrix(source: Source) -> list[Drawing]:
    """Confusion matrix of each network on the test images, and its difference from the first's."""
    matrices = {g.label: mean_confusion(source, g) for g in source.groups}
    drawings = [_matrices(source, matrices)]
    if len(matrices) > 1:
        drawings.append(_differences(source, matrices))
    return drawings


def mean_confusion(source: Source, group: ModelRuns) -> Matrix:
    """Return the mean of the confusion matrices of a model's finished runs."""
    n = len(source.classes)
    every = [source.store.predicted_classes(run).confusion(n) for run in group.finished]
    return np.asarray(np.mean(every, axis=0), np.float64)


def confused(matrix: Matrix) -> list[tuple[int, int]]:
    """Return the pairs (true class, predicted class) off the diagonal, most frequent first."""
    off = matrix * (1 - np.eye(len(matrix)))
    order = np.argsort(-off, axis=None, kind="stable")
    pairs = zip(*np.unravel_index(order, off.shape), strict=True)
    return [(int(true), int(given)) for true, given in pairs if off[true, given] > 0]


def _matrices(source: Source, matrices: Mapping[str, Matrix]) -> Drawing:
    from matplotlib.colors import PowerNorm

    figure, axes = panels(len(matrices), 2, _height(source.classes))
    in_share = _too_long(_count(value) for m in matrices.values() for value in m.ravel())
    numbered = _numbered(len(source.classes))
    for one, (label, matrix) in zip(axes, matrices.items(), strict=True):
        rows = matrix.sum(axis=1, keepdims=True)
        share = np.divide(matrix, rows, out=np.zeros_like(matrix), where=rows > 0)
        cells = _cells(one, 100 * share, len(matrices), cmap="Blues", norm=PowerNorm(0.5, 0, 100))
        inks = ink_on(cells.to_rgba(100 * share.ravel()))
        _finish(one, source, label, _texts(100 * share if in_share else matrix), inks)
    _name_classes(axes, source.classes)
    colour_bar(axes, cells, "share of the true class (%, root scale)", _shrink(axes))
    named = "; ".join(_most_confused(source, label, m) for label, m in matrices.items())
    what = "per cent of the row" if in_share and numbered else "counts"
    caption = (
        "Test images by their class (rows) and by the class that the network predicts (columns): "
        f"{what}, mean of the seeds, coloured by their share of the row. {named}."
        + _labels_left_out(source.classes)
    )
    columns = ("model", "true", "given", "count", "share_of_true", "rank_of_confusion")
    rows_ = list(_rows(source, matrices))
    number = "per cent of the true class" if in_share else "images"
    key = f"number: {number}, mean of the seeds · colour: share of the true class"
    if not numbered:
        key = "colour: share of the true class, mean of the seeds"
    return Drawing("confusion-matrix", figure, caption, columns, rows_, f"{named}.", key)


def _differences(source: Source, matrices: Mapping[str, Matrix]) -> Drawing:
    (first, reference), *others = matrices.items()
    name = source.looks[first].name
    differences = {label: matrix - reference for label, matrix in others}
    in_share = _too_long(_signed(value) for d in differences.values() for value in d.ravel())
    images = reference.sum(axis=1, keepdims=True)
    scale = 100 / np.maximum(1.0, images) if in_share else np.ones((1, 1))
    limit = max(float(np.abs(scale * d).max()) for d in differences.values()) or 1.0
    width = 4.8 if len(others) == 1 else WIDTH
    figure, axes = panels(len(others), 2, _height(source.classes), width)
    for one, (label, difference) in zip(axes, differences.items(), strict=True):
        shown = scale * difference
        cells = _cells(one, shown, len(others), cmap="PuOr_r", vmin=-limit, vmax=limit)
        inks = ink_on(cells.to_rgba(shown.ravel()))
        _finish(one, source, label, [_signed(value) for value in shown.ravel()], inks)
        if not difference.any():
            one.text(0.5, 0.5, "equal", transform=one.transAxes, ha="center", va="center")
        one.set_title(f"{source.looks[label].name}\nminus {name}")
    _name_classes(axes, source.classes)
    colour_bar(
        axes, cells, f"difference ({'points' if in_share else 'test images'})", _shrink(axes)
    )
    right = "; ".join(
        f"{label} has {_more(float(np.trace(d)), first)}{'' if d.any() else ' (all equal)'}"
        for label, d in differences.items()
    )
    caption = (
        f"Confusion matrix of each other network minus that of {first}, in "
        f"{'points (per cent of the true class)' if in_share else 'test images'}, mean of the "
        "seeds. On the diagonal higher is better, elsewhere lower."
        + _labels_left_out(source.classes)
    )
    columns = ("first", "other", "true", "given", "difference")
    classes = source.classes
    rows = [
        (first, label, classes[true], classes[given], value)
        for label, difference in differences.items()
        for (true, given), value in np.ndenumerate(difference)
    ]
    number = "points, per cent of the true class" if in_share else "test images"
    key = f"number: difference in {number}, mean of the seeds, rounded"
    if not _numbered(len(source.classes)):
        key = f"colour: difference in {number}, mean of the seeds"
    key += " · on the diagonal more is better"
    alt = f"Means of the seeds: {right}."
    return Drawing("confusion-matrix-difference", figure, caption, columns, rows, alt, key)


def _numbered(classes: int) -> bool:
    """Return whether the cells contain numbers with that many classes."""
    return classes <= ANNOTATED


def _cells(axes: Axes, values: Matrix, panels: int, **colours: Any) -> ScalarMappable:
    """Draw a square per value, or one picture if they are too many for numbers or squares."""
    if not _numbered(len(values)) or panels * values.size > MOST_SQUARES:
        return axes.imshow(values, **colours)
    edges = np.arange(len(values) + 1) - 0.5
    axes.set(aspect="equal", ylim=(edges[-1], edges[0]))
    return axes.pcolormesh(edges, edges, values, edgecolors="face", linewidth=SEAM, **colours)


def _finish(
    axes: Axes, source: Source, label: str, texts: Sequence[str], inks: Sequence[str]
) -> None:
    """Add the title, and numbers in the cells if they fit."""
    classes = source.classes
    axes.set_title(source.looks[label].name)
    axes.grid(False)
    if not _numbered(len(classes)):
        return
    for place, (text, ink) in enumerate(zip(texts, inks, strict=True)):
        row, column = divmod(place, len(classes))
        axes.text(
            column, row, text, ha="center", va="center", in_layout=False,
            fontsize=7 if len(text) <= FIGURES else SMALL, color=ink,
        )  # fmt: skip


def _name_classes(axes: Sequence[Axes], classes: Sequence[str]) -> None:
    """Name the classes at the left of each row of panels and at the bottom of each column."""
    across = min(2, len(axes))
    step = _step(classes)
    places = range(0, len(classes), step)
    names = [plain(name) for name in distinct(classes, LONGEST_CLASS)[::step]]
    upright = all(len(name) <= 2 for name in names)
    for i, one in enumerate(axes):
        one.tick_params(length=0)
        one.set_xticks(
            places, names if i + across >= len(axes) else [], rotation=90 * (not upright)
        )
        one.set_yticks(places, names if i % across == 0 else [])
    outer_labels(axes, across, "predicted class", "true class")


def _labels_left_out(classes: Sequence[str]) -> str:
    """Describe which classes have no name at the axes, in their order."""
    step = _step(classes)
    if step == 1:
        return ""
    which = {2: "second", 3: "third"}.get(step, f"{step}th")
    return f" Every {which} class has its name at the axes; in order: {', '.join(classes)}."


def _step(classes: Sequence[str]) -> int:
    """Return the step n if every n-th class has its name at the axes."""
    return -(-len(classes) // (NAMED if _are_short(classes) else NAMED_LONG))


def _height(classes: Sequence[str]) -> float:
    """Return the height of a panel in inches, with room for the names below it."""
    return 3.0 if _are_short(classes) else 3.4


def _are_short(classes: Sequence[str]) -> bool:
    return max(map(len, classes)) <= SHORT


def _too_long(texts: Iterable[str]) -> bool:
    """Return whether a number does not fit in a cell in letters of 7 points."""
    return any(len(text.removeprefix("<")) > FIGURES for text in texts)


def _shrink(axes: Sequence[Axes]) -> float:
    """Return the height of a colour bar beside all panels: that of one of them."""
    return min(1.0, 1.6 / len(axes))


def _texts(matrix: Matrix) -> list[str]:
    """Return the numbers of a matrix, with a decimal below 10 if any of them has one."""
    whole = bool((matrix == matrix.round()).all())
    return [_count(value, whole) for value in matrix.ravel()]


def _count(value: float, whole: bool = True) -> str:
    """Return a number as text, empty for 0, with a decimal if a mean needs it and it fits."""
    if value == 0:
        return ""
    if value < 0.05:
        return "<0.1"
    return f"{value:,.0f}" if value >= 10 or (whole and value == round(value)) else f"{value:.1f}"


def _more(images: float, first: str) -> str:
    """Return ``676 fewer test images right than fcn``."""
    if not images:
        return f"as many test images right as {first}"
    size = f"{abs(images):,.1f}".removesuffix(".0")
    noun = "test image" if size == "1" else "test images"
    return f"{size} {'more' if images > 0 else 'fewer'} {noun} right than {first}"


def _signed(value: float) -> str:
    """Return a whole number with a sign: a decimal is too wide for a cell."""
    return "" if abs(value) <= 0.5 else formatting.minus(f"{value:+.0f}")


def _most_confused(source: Source, label: str, matrix: Matrix) -> str:
    """Return ``fcn is right for 91.67 %, takes most often 4 for 9 (12 of 200)``."""
    classes, right = source.classes, float(np.trace(matrix) / matrix.sum())
    pairs = [
        f"{classes[true]} for {classes[given]} "
        f"({_count(matrix[true, given])} of {_count(matrix[true].sum())})"
        for true, given in confused(matrix)[:PAIRS]
    ]
    taken = f", takes most often {', '.join(pairs)}" if pairs else ""
    return f"{label} is right for {formatting.percent(right)} of the images{taken}"


def _rows(source: Source, matrices: Mapping[str, Matrix]) -> Iterator[tuple[object, ...]]:
    classes = source.classes
    for label, matrix in matrices.items():
        rank = {pair: i for i, pair in enumerate(confused(matrix), start=1)}
        for (true, given), value in np.ndenumerate(matrix):
            images = matrix[true].sum()
            share = value / images if images else None
            yield label, classes[true], classes[given], value, share, rank.get((true, given))
