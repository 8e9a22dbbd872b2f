"""Figures of pictures: images, feature maps and filters, placed in inches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .figure import GREY, panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def canvas(width: float, height: float) -> tuple[Figure, Axes]:
    """Create a figure for pictures: one panel without a frame, in inches from the top left."""
    figure, (axes,) = panels(1, 1, height, width)
    axes.set(xlim=(0, width), ylim=(height, 0), aspect="equal", anchor="NW")
    axes.set_axis_off()
    return figure, axes


def title(axes: Axes, x: float, y: float, text: str, quiet: bool = False) -> None:
    """Write text at (x, y) of a canvas, to the right and below."""
    weight, colour = ("normal", GREY) if quiet else ("bold", "black")
    axes.text(x, y + 0.03, text, va="top", fontsize=7, fontweight=weight, color=colour)


def picture(
    axes: Axes, pixels: np.ndarray, place: tuple[float, float], side: float, **scale: object
) -> None:
    """Draw pixels (h, w) or (h, w, 3) as a square with its corner at `place` of a canvas."""
    (x, y), limits = place, (axes.get_xlim(), axes.get_ylim())
    extent = (x, x + side, y + side, y)
    axes.imshow(pixels, extent=extent, interpolation="nearest", **scale)  # type: ignore[arg-type]
    axes.set(xlim=limits[0], ylim=limits[1])


def show_image(axes: Axes, image: np.ndarray, place: tuple[float, float], side: float) -> None:
    """Show a uint8 image (channels, h, w), grey or colour."""
    picture(axes, image.transpose(1, 2, 0) if len(image) == 3 else image[0], place, side,
            cmap="gray", vmin=0, vmax=255)  # fmt: skip
