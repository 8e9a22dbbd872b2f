"""Cell values that a page shows as more than text: marks, drawn intervals, folded texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .table import Link, Linked

WIDTH, MARGIN = 120.0, 6.0
"""Width of a drawn interval, and margin at each end, in units."""


@dataclass(frozen=True)
class Mark:
    """An outcome as a sign and a word; ``kind`` is its class on a page."""

    sign: str
    word: str
    kind: Literal["yes", "no", "open", "none"]

    def __str__(self) -> str:
        return f"{self.sign} {self.word}"


@dataclass(frozen=True)
class DrawnInterval:
    """An estimate with its interval on an axis, and the same as text.

    All values are positions on a linear axis on which 0 means no difference (logarithms for
    ratios). ``low`` and ``high`` are None if there is no interval; ``target`` is the claimed value.
    ``axis`` are the ends of the axis [default: it contains all values].
    """

    text: str
    value: float
    low: float | None
    high: float | None
    target: float | None = None
    firm: bool = True
    axis: tuple[float, float] | None = None

    def __str__(self) -> str:
        return self.text

    @property
    def places(self) -> dict[str, float]:
        """Position of each value on a drawing of width `WIDTH`, by name."""
        found = {
            "none": 0.0, "value": self.value, "low": self.low, "high": self.high,
            "target": self.target,
        }  # fmt: skip
        known = {name: value for name, value in found.items() if value is not None}
        low, high = self.axis or (min(known.values()), max(known.values()))
        scale = (WIDTH - 2 * MARGIN) / ((high - low) or 1.0)
        return {
            name: round(min(max(MARGIN + scale * (value - low), 0.0), WIDTH), 1)
            for name, value in known.items()
        }


@dataclass(frozen=True)
class Folded:
    """A text that a page shows when its ``summary`` is opened, and other formats show as it is."""

    summary: str
    content: Linked

    def __str__(self) -> str:
        return str(self.content)

    @property
    def parts(self) -> tuple[str | Link, ...]:
        """The pieces of the content, texts and links."""
        return self.content.parts
