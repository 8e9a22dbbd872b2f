"""The figures that verdicts are about: their unit, their direction, the words for more and less."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Scale = Literal["difference", "ratio", "exact"]
"""How two networks are compared: model minus baseline, model over baseline, or by counting."""


@dataclass(frozen=True)
class Quantity:
    """A figure of two networks that a verdict is about.

    ``best`` is the end of the scale that is better, None where neither is. A difference is written
    as `factor` times itself in `unit`. ``higher`` and ``lower`` are the words for a model with more
    or less of it than its baseline; where they are empty, "better" and "worse" by `best`.
    ``alike`` is the word for an equivalent model; ``noun`` names the figure. ``show`` writes one
    value. Where there is a ``verb``, a ratio is said by it and the noun: ``needs 1.8 times the
    memory``.
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
    """Whether it depends on the machine, as times do."""

    def comparative(self, relation: Literal["higher", "lower"]) -> str:
        """What a model is called that has more of it than its baseline, or less."""
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
