"""What the training of each network may cost, as it is asked for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from convcompare.core import formatting
from convcompare.core.durations import parse_duration
from convcompare.core.errors import UsageError, quote

Unit = Literal["macs", "time"]
MATCHES: Mapping[str, Unit] = {"training-macs": "macs", "time": "time"}
"""What ``--match`` can make equal of a training, with the unit of its budget."""


@dataclass(frozen=True)
class Budget:
    """The multiply-accumulates, or the seconds, that the training of each network may take."""

    unit: Unit
    amount: float

    @classmethod
    def parse(cls, text: str) -> Budget:
        """``macs=1e15`` or ``time=2m``; UsageError for anything else."""
        unit, _, amount = text.partition("=")
        if unit == "macs" and (macs := _number(amount)):
            return cls("macs", macs)
        if unit == "time" and (seconds := parse_duration(amount)):
            return cls("time", seconds)
        raise UsageError(f"invalid value for `--budget`: {quote(text)}", "macs=1e15 or time=2m")

    @property
    def words(self) -> str:
        """What each training may cost, for the line above a table."""
        if self.unit == "time":
            return f"{formatting.seconds(self.amount)} of training each"
        return f"{formatting.large(self.amount)} MACs of training each"


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 1 <= value < math.inf else None
