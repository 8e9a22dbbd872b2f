"""An oracle for receptive fields: the support of one unit's gradient in each layer."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from .gradient_support import Span, run_linear, seen_pixels
from .linearised import thin


@dataclass(frozen=True)
class Support:
    """The first and last row and column of the image that a unit of a layer depends on.

    ``unit`` and ``units`` are (row, column) and the numbers of rows and columns of the output.
    """

    name: str
    unit: tuple[int, int]
    units: tuple[int, int]
    rows: Span
    columns: Span


def supports(
    model: nn.Module,
    channels: int,
    image: tuple[int, int],
    names: set[str] | None = None,
    gates: bool = False,
) -> dict[str, Support]:
    """Return the support of the central unit of each module whose output is (n, c, h, w), by name.

    `model` is changed: pass a copy. It may be on ``meta``, since only the shapes of its weights
    matter. `names` selects modules; `gates` as in `Linearised`.
    """
    images, outputs = run_linear(model, channels, image, gates, names)
    found = (_support(name, output, images) for name, output in outputs.items() if output.ndim == 4)
    return {support.name: support for support in found}


def _support(name: str, output: Tensor, images: Tensor) -> Support:
    rows, columns = output.shape[2:]
    unit, one = (rows // 2, columns // 2), thin(output)
    seen = seen_pixels(output if one is None else one, (0, slice(None), *unit), images)
    return Support(name, unit, (rows, columns), *seen)
