"""Quantities that verdicts are about: unit, direction, and the words for higher and lower."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Scale = Literal["difference", "ratio", "exact"]
"""Scale of a contrast: model minus baseline, model over baseline, or exact counts."""


@dataclass(frozen=True)
class Quantity:
    """A figure of two networks that a verdict is about.

    ``best`` is the better end of the scale, None if there is none. A difference is shown multiplied
    by ``factor``, in ``unit``. ``higher`` and ``lower`` are the words for a model with more or less
    than its baseline; if they are empty, "better" and "worse" according to ``best``. ``alike`` is
    the word for an equivalent model, ``noun`` the name of the figure. ``show`` formats one value.
    If there is a ``verb``, a ratio is written with it and the noun: ``needs 1.8 times the memory``.
    """

    name: str
    scale: Scale
    best: Literal["high", "low"] | None = None
    unit: str = ""
    factor: float = 1
    higher: str = ""
    lower: str = ""
    alike: str = ""
    noun: str = ""
    show: Callable[[Any], str] = str
    verb: str = ""
    timed: bool = False
    """Whether the figure depends on the machine, as times do."""

    def in_unit(self, value: float, digits: str) -> str:
        """Return a difference in its unit as text, with `digits` as in a format string."""
        return f"{self.factor * value:{digits}} {self.unit}".rstrip()

    @property
    def unit_in_brackets(self) -> str:
        """The unit as the end of a title; empty if there is none."""
        return f" ({self.unit})" if self.unit else ""

    def comparative(self, relation: Literal["higher", "lower"]) -> str:
        """Return the comparative for a model with a higher or lower figure than its baseline."""
        given = self.higher if relation == "higher" else self.lower
        return given or ("better" if (relation == "higher") == (self.best == "high") else "worse")


ACCURACY = Quantity("test_accuracy", "difference", "high", "points", 100, noun="test accuracy")
TRAIN_SECONDS = Quantity(
    "train_seconds",
    "ratio",
    "low",
    higher="slower to train",
    lower="faster to train",
    alike="as fast to train",
    noun="time to train",
    timed=True,
)
