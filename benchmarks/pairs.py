"""Sides of `peer.py` run in turn, and the ratio of each to the first, round by round."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

PEER = Path(__file__).parent / "peer.py"


class Peer:
    """A process that trains an epoch on request."""

    def __init__(
        self, side: str, row: str, steps: int, variables: Mapping[str, str] | None = None
    ) -> None:
        """Start the process; `variables` are added to its environment."""
        spec, _, dataset = row.rpartition("@")
        self.side = side
        self.process = subprocess.Popen(
            [sys.executable, PEER, side, spec, dataset, str(steps)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | (variables or {}),
        )

    def turn(self) -> dict[str, float]:
        """Return the seconds per step of one epoch, and of its parts."""
        self.begin()
        return self.answer()

    def begin(self) -> None:
        """Request an epoch."""
        assert self.process.stdin
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def answer(self) -> dict[str, float]:
        """Return the seconds per step of the requested epoch; other output is ignored."""
        assert self.process.stdout
        for line in self.process.stdout:
            if line.startswith("{"):
                seconds: dict[str, float] = json.loads(line)
                return seconds
        raise RuntimeError(f"{self.side} ended")

    def __enter__(self) -> Peer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def spread(values: Sequence[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "low": min(values), "high": max(values)}


def interleaved(row: str, sides: Sequence[str], steps: int, rounds: int) -> dict[str, Any]:
    """Return each side's milliseconds per step and ratio to the first side.

    Milliseconds are medians of a step and its parts; ratios have median and range over the rounds.
    The first round warms up.
    """
    with ExitStack() as running:
        peers = [running.enter_context(Peer(side, row, steps)) for side in sides]
        rounds_of_seconds = [[peer.turn() for peer in peers] for _ in range(rounds + 1)][1:]
    found: dict[str, Any] = {"network": row, "steps": steps, "rounds": rounds, "ms": {}}
    found["times"] = {}
    for number, side in enumerate(sides):
        turns = [one[number] for one in rounds_of_seconds]
        parts = {name: [1000 * turn[name] for turn in turns] for name in turns[0]}
        found["ms"][side] = {name: statistics.median(values) for name, values in parts.items()}
        found["times"][side] = spread(
            [one[number]["step"] / one[0]["step"] for one in rounds_of_seconds]
        )
    return found
