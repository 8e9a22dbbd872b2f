"""Examples of each class of a data set on one sheet, as the networks see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from convcompare.core import formatting
from convcompare.data.dataset import Dataset, Images, Split

from .figure import GREY, encoded, styled
from .pictures import canvas
from .style import short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ACROSS = (10, 5)
"""Number of examples per class from the train split, and from the test split."""
MOST_CLASSES = 100
CELL, GAP = 0.3, 0.04
"""Inches of a picture, and between two."""
_PIXELS = 88
"""Pixels of a picture."""
_LEFT, _TOP, _BETWEEN, _MARGIN = 1.65, 0.72, 0.15, 0.06
_STEP = CELL + GAP


def contact_sheet(dataset: Dataset, kind: str) -> bytes:
    """Return a sheet as the bytes of a file of the format `kind`.

    It has a row per class, for at most 100 classes, with images evenly spaced over those of the
    class in each split.
    """
    rows = min(len(dataset.classes), MOST_CLASSES)
    lefts = (_LEFT, _LEFT + ACROSS[0] * _STEP + _BETWEEN)
    width, height = lefts[1] + ACROSS[1] * _STEP + _MARGIN, _TOP + rows * _STEP + _MARGIN
    splits = (("train", dataset.train), ("test", dataset.test))
    with styled():
        figure, axes = canvas(width, height)
        _head(axes, dataset, rows)
        for (name, split), left, across in zip(splits, lefts, ACROSS, strict=True):
            axes.text(left, _TOP - 0.06, name, va="bottom", fontsize=7, color=GREY)
            extent = (left, left + across * _STEP, _TOP + rows * _STEP, _TOP)
            axes.imshow(_mosaic(split, rows, across), extent=extent)
        for label, (text, counts) in enumerate(_names(dataset, rows)):
            middle = _TOP + label * _STEP + CELL / 2
            axes.text(_MARGIN, middle, text, va="bottom", fontsize=7.5, fontweight="bold")
            axes.text(_MARGIN, middle + 0.03, counts, va="top", fontsize=7, color=GREY)
        axes.set(xlim=(0, width), ylim=(height, 0))
        return encoded(figure, kind, 300)


def _head(axes: Axes, dataset: Dataset, rows: int) -> None:
    side, classes = dataset.image_size, len(dataset.classes)
    shown = f", the first {rows} shown" if rows < classes else ""
    counts = [formatting.count(len(split)) for split in (dataset.train, dataset.test)]
    about = (
        f"{classes} classes{shown} · {counts[0]} train, {counts[1]} test · as networks see "
        f"them, {side}×{side}"
    )
    axes.text(_MARGIN, 0.06, short(dataset.name, 80), va="top", fontsize=10, fontweight="bold")
    axes.text(_MARGIN, 0.28, about, va="top", fontsize=7, color=GREY)


def _names(dataset: Dataset, rows: int) -> list[tuple[str, str]]:
    """Return the name of each class, and its number of images in each split."""
    counts = [
        np.bincount(split.labels, minlength=len(dataset.classes))
        for split in (dataset.train, dataset.test)
    ]
    texts = (f"{train:,} train, {test:,} test" for train, test in zip(*counts, strict=True))
    names = (short(name, 20) for name in dataset.classes[:rows])
    return list(zip(names, texts, strict=False))


def _mosaic(split: Split, rows: int, across: int) -> Images:
    """Return examples of each class in a row of a picture, on white."""
    step = round(_PIXELS * _STEP / CELL)
    sheet = np.full((rows * step, across * step, 3), 255, np.uint8)
    for label in range(rows):
        those = np.flatnonzero(split.labels == label)
        places = np.linspace(0, len(those) - 1, min(across, len(those))).round().astype(int)
        for column, index in enumerate(those[places].tolist()):
            y, x = label * step, column * step
            sheet[y : y + _PIXELS, x : x + _PIXELS] = _cell(split.images[index])
    return sheet


def _cell(image: Images) -> Images:
    """Return an image (channels, h, w) as pixels of the sheet; small images stay sharp."""
    from PIL import Image

    colour = np.broadcast_to(image, (3, *image.shape[1:])).transpose(1, 2, 0)
    how = Image.Resampling.NEAREST if len(colour) < _PIXELS else Image.Resampling.BOX
    picture = Image.fromarray(np.ascontiguousarray(colour)).resize((_PIXELS, _PIXELS), how)
    return np.asarray(picture, np.uint8)
