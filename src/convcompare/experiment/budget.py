"""Compute budgets of networks, as requested."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from convcompare.core import formatting
from convcompare.core.durations import parse_duration
from convcompare.core.errors import invalid

Unit = Literal["macs", "time"]
MATCHES: Mapping[str, Unit] = {"training-macs": "macs", "time": "time"}
"""Values of ``--match`` that equalise training, with the unit of the budget."""


@dataclass(frozen=True)
class Budget:
    """Multiply-accumulates or seconds that the training of each network may take."""

    unit: Unit
    amount: float

    @classmethod
    def parse(cls, text: str) -> Budget:
        """Parse ``macs=1e15`` or ``time=2m``.

        Raises:
            UsageError: for anything else.
        """
        unit, _, amount = text.partition("=")
        if unit == "time" and (seconds := parse_duration(amount)):
            return cls("time", seconds)
        with suppress(ValueError):
            if unit == "macs" and 1 <= float(amount) < math.inf:
                return cls("macs", float(amount))
        raise invalid("--budget", text, "macs=1e15 or time=2m")

    @property
    def words(self) -> str:
        """The budget as shown above a table."""
        if self.unit == "time":
            return f"{formatting.seconds(self.amount)} of training each"
        return f"{formatting.large(self.amount)} MACs of training each"
