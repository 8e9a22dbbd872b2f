"""Cost of waiting threads on a free machine and on a busy one, interleaved in one run.

    python benchmarks/spinning.py [--rounds N]

The same training in three processes that differ in how long OpenMP's threads spin before they
sleep: torch's default, convcompare's setting (`convcompare/core/openmp.py`), and no spinning. On
the busy machine a program that never waits runs on every core.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from pairs import Peer, spread

from convcompare.core.openmp import SPINS

WAYS = {
    "as torch finds it": {"GOMP_SPINCOUNT": "300000"},
    "as convcompare asks": {"GOMP_SPINCOUNT": SPINS},
    "never spinning": {"OMP_WAIT_POLICY": "passive"},
}
"""OpenMP's default count is 300,000 if there are as many cores as threads."""
ROWS = {"fcn@mnist-mini": 150, "simple@mnist-mini": 20}
"""Steps per turn."""


@contextmanager
def busy_cores() -> Iterator[None]:
    """Run a program that never waits on every core."""
    command = [sys.executable, "-c", "while True: pass"]
    programs = [subprocess.Popen(command) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for program in programs:
            program.kill()
            program.wait()


def compare(row: str, rounds: int) -> dict[str, Any]:
    """Return milliseconds per step of each setting, free and busy, and ratios to convcompare's."""
    ours = list(WAYS).index("as convcompare asks")
    found: dict[str, Any] = {"network": row, "steps": ROWS[row], "rounds": rounds}
    with ExitStack() as running:
        peers = [
            running.enter_context(Peer("convcompare", row, ROWS[row], variables))
            for variables in WAYS.values()
        ]
        for peer in peers:
            peer.turn()
        for place in ("free", "busy"):
            rounds_of_ms = []
            for _ in range(rounds):
                with ExitStack() as around:
                    if place == "busy":
                        around.enter_context(busy_cores())
                    rounds_of_ms.append([1000 * peer.turn()["step"] for peer in peers])
            found[place] = {
                way: {
                    "ms": statistics.median(turn[number] for turn in rounds_of_ms),
                    "times": spread([turn[number] / turn[ours] for turn in rounds_of_ms]),
                }
                for number, way in enumerate(WAYS)
            }
    return found


def measure(rounds: int = 7) -> list[dict[str, Any]]:
    return [compare(row, rounds) for row in ROWS]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    print(json.dumps(measure(parser.parse_args().rounds), indent=1))


if __name__ == "__main__":
    main()
