"""Effective receptive fields side by side, the theoretical field drawn on each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..drawing import Drawing, panels, plain


@dataclass(frozen=True)
class Panel:
    """One heat map: the gradient (h, w) with sum 1, and the rows and columns that can be seen."""

    title: str
    subtitle: str
    gradient: npt.NDArray[np.float64]
    rows: tuple[int, int]
    columns: tuple[int, int]
    effective: float


def effective_fields(maps: Sequence[Panel], caption: str) -> Drawing:
    """Each map from its own smallest to its own largest root of the gradient.

    The root shows the tails, which a map of the gradient itself would leave black.
    """
    from matplotlib.patches import Rectangle

    across = min(4, len(maps))
    figure, rows = panels(math.ceil(len(maps) / across), across, max(3.1, 4.6 / across), 3.3)
    grid = [axes for row in rows for axes in row]
    for axes in grid:
        axes.set_axis_off()
        axes.grid(False)
    for axes, panel in zip(grid, maps, strict=False):
        axes.set_axis_on()
        shown = axes.imshow(np.sqrt(panel.gradient / panel.gradient.max()), cmap="magma", vmin=0)
        (top, bottom), (left, right) = panel.rows, panel.columns
        axes.add_patch(
            Rectangle(
                (left - 0.5, top - 0.5), right - left + 1, bottom - top + 1,
                fill=False, edgecolor="#35d0ff", linewidth=1.6, clip_on=False,
            )
        )  # fmt: skip
        side, middle = panel.effective, _centre(panel.gradient)
        axes.add_patch(
            Rectangle(
                (middle[0] - side / 2, middle[1] - side / 2), side, side,
                fill=False, edgecolor="white", linewidth=1.2, linestyle=(0, (3, 2)),
            )
        )  # fmt: skip
        axes.set_title(f"{plain(panel.title)}\n{plain(panel.subtitle)}", fontsize=8)
        axes.tick_params(labelsize=7)
    bar = figure.colorbar(shown, ax=grid, shrink=0.8, pad=0.01)
    bar.set_label("√(gradient / largest)", fontsize=8)
    bar.ax.tick_params(labelsize=7)
    figure.supxlabel(caption, fontsize=7.5)
    data = [
        (panel.title, row, column, f"{value:.6g}")
        for panel in maps
        for (row, column), value in np.ndenumerate(panel.gradient)
    ]
    columns = ("model", "row", "column", "gradient")
    return Drawing("effective-field", figure, caption, columns, data)


def _centre(gradient: npt.NDArray[np.float64]) -> tuple[float, float]:
    """The centre of mass: column, row."""
    rows, columns = np.indices(gradient.shape)
    total = gradient.sum()
    return float((columns * gradient).sum() / total), float((rows * gradient).sum() / total)
