"""The test images on which two networks differ, on one sheet: the most confident first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convcompare.comparison.disagreement import Disagreements, DisputedImage, class_name
from convcompare.core import formatting

from .figure import GREY, WIDTH, encoded, styled
from .pictures import canvas, show_image
from .style import short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .source import Source

ACROSS = 8
MOST = 64
"""Maximum number of images on a sheet."""
_MARGIN, _TOP, _LINES = 0.08, 0.7, 0.4
"""Inches at the sides, above the images, and for the text below each."""
_STEP = (WIDTH - 2 * _MARGIN) / ACROSS
_SIDE = _STEP - 0.12
_LONGEST = 9
"""Maximum number of characters of the name of a class."""


def disagreement_sheet(source: Source, found: Disagreements, kind: str) -> bytes:
    """Return a sheet as the bytes of a file of the format `kind`.

    Below each image are its class and the prediction of each network with its confidence, bold if
    correct.
    """
    images = found.images[:MOST]
    rows = max(1, -(-len(images) // ACROSS))
    height = _TOP + rows * (_SIDE + _LINES + 0.08) + _MARGIN
    with styled():
        figure, axes = canvas(WIDTH, height)
        figure.set_layout_engine("none")
        axes.set_position((0, 0, 1, 1))
        _head(axes, source, found, len(images))
        for place, image in enumerate(images):
            x = _MARGIN + (place % ACROSS) * _STEP
            y = _TOP + (place // ACROSS) * (_SIDE + _LINES + 0.08)
            _image(axes, source, found, image, (x, y))
        return encoded(figure, kind, 200)


def _head(axes: Axes, source: Source, found: Disagreements, shown: int) -> None:
    labels = (found.first.label, found.second.label)
    fewer = f", the {shown} most confident shown" if shown < len(found.images) else ""
    images = formatting.several(len(found.images), "image")
    seeds = [
        f"{formatting.percent(estimate.value)} between seeds of {short(label)}"
        for label, estimate in zip(labels, found.within, strict=True)
        if estimate is not None
    ]
    lines = (
        f"{images} on which the means of the seeds differ{fewer} · below: class, then "
        "what each gives; bold: right",
        " · ".join([f"two runs differ on {formatting.percent(found.between.value)}", *seeds]),
    )
    for place, text in enumerate(lines):
        axes.text(_MARGIN, 0.06 + 0.16 * place, text, va="top", fontsize=7, color=GREY)
    for half, label in enumerate(labels):
        look = source.looks[label]
        axes.text(_MARGIN + half * WIDTH / 2, 0.46, look.name, va="top", fontsize=8,
                  color=look.colour, fontweight="bold")  # fmt: skip


def _image(
    axes: Axes, source: Source, found: Disagreements, image: DisputedImage,
    place: tuple[float, float],
) -> None:  # fmt: skip
    x, y = place
    show_image(axes, source.image(image.row), place, _SIDE)
    classes = source.classes
    line: dict[str, Any] = {"va": "top", "fontsize": 7, "ha": "left"}
    axes.text(x, y + _SIDE + 0.03, short(class_name(classes, image.true), _LONGEST + 4), color=GREY,
              **line)  # fmt: skip
    sides = zip((found.first, found.second), image.given, image.confidence, strict=True)
    for number, (votes, given, confidence) in enumerate(sides, start=1):
        text = f"{short(class_name(classes, given), _LONGEST)} · {100 * confidence:.0f} %"
        colour = source.looks[votes.label].colour
        weight = "bold" if given == image.true else "normal"
        below = y + _SIDE + 0.03 + 0.125 * number
        axes.text(x, below, text, color=colour, fontweight=weight, **line)
