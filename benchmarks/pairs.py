"""Sides of `peer.py` told in turn, and the ratios of each to the first, pair by pair."""

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
    """A process that trains when it is told to."""

    def __init__(
        self, side: str, row: str, steps: int, variables: Mapping[str, str] | None = None
    ) -> None:
        """`variables` are added to its environment."""
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
        """Seconds a step of one epoch, and of its parts."""
        self.begin()
        return self.answer()

    def begin(self) -> None:
        """Tell it to train an epoch."""
        assert self.process.stdin
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def answer(self) -> dict[str, float]:
        """Seconds a step of the epoch it has begun; what else is printed is passed over."""
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
    """Of each side the median milliseconds a step and of its parts, and how many times those of
    the first side it takes: median and range of the rounds. The first round warms up."""
    with ExitStack() as running:
        peers = [running.enter_context(Peer(side, row, steps)) for side in sides]
        told = [[peer.turn() for peer in peers] for _ in range(rounds + 1)][1:]
    found: dict[str, Any] = {"network": row, "steps": steps, "rounds": rounds, "ms": {}}
    found["times"] = {}
    for number, side in enumerate(sides):
        turns = [one[number] for one in told]
        parts = {name: [1000 * turn[name] for turn in turns] for name in turns[0]}
        found["ms"][side] = {name: statistics.median(values) for name, values in parts.items()}
        found["times"][side] = spread([one[number]["step"] / one[0]["step"] for one in told])
    return found
