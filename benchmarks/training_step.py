"""Training time against other frameworks and against the lower limit: paired, interleaved.

    python benchmarks/training_step.py [--rounds N] [--sides A,B] [SPEC@DATASET …]
    python benchmarks/training_step.py --whole [--steps N] [SPEC@DATASET …]
    python benchmarks/training_step.py --accuracy

Each side has a process per network; all train the same number of steps, in turn, and ratios are
taken round by round. An epoch is timed without its evaluation: data, forward, backward, optimizer,
metrics. With ``--whole`` the sides are a bare step (`bare_step.py`) and a complete epoch
(`whole_epoch.py`).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pairs import PEER, interleaved
from peer import missing

WIDE = "residual:width=16,stem_bias=false,grid=1,block_dropout=0.2,blocks=2x64-2x128/2-2x256/2"
ROWS = {
    "fcn@mnist": 400,
    "simple@mnist": 60,
    "residual@mnist": 30,
    "residual@cifar10": 25,
    "cnn:depth=4@cifar10": 25,
    f"{WIDE}@cifar10": 6,
}
"""Steps per turn."""
OTHERS = ("course", "lightning")
KERAS = ("keras", "keras-jax")
KERAS_ROWS = ("fcn@mnist", "simple@mnist", "residual@mnist")
EPOCH_STEPS = {"mnist": 938, "cifar10": 782}
WHOLE_ROWS = {"fcn@mnist": 938, "simple@mnist": 938, "residual@mnist": 300, "residual@cifar10": 300}
"""Steps of the complete epoch; fewer than a real epoch has for `residual`."""
SAME = ("simple", "mnist", 1)
"""Network, data set and epochs for the comparison of the peers' accuracies."""


def installed(sides: Sequence[str]) -> list[str]:
    """Return the sides that can run here; name the others on stderr."""
    for side in sides:
        if missing(side):
            needed = ", ".join(missing(side))
            print(f"{side} is left out: {needed} not installed (extra `bench`)", file=sys.stderr)
    return [side for side in sides if not missing(side)]


def measure(
    row: str, rounds: int, sides: Sequence[str] = (), steps: int | None = None
) -> dict[str, Any]:
    """Time convcompare and the other sides on one network."""
    others = sides or (*OTHERS, *(KERAS if row in KERAS_ROWS else ()))
    found = interleaved(
        row, ["convcompare", *installed(others)], steps or ROWS.get(row, 30), rounds
    )
    show(found)
    return found


def whole(row: str, rounds: int, steps: int | None = None) -> dict[str, Any]:
    """Time a complete epoch beside the same number of bare steps, on one network."""
    steps = steps or WHOLE_ROWS.get(row, 300)
    found = interleaved(row, ["bare", "whole"], steps, rounds)
    show(found)
    return found


def accuracies() -> dict[str, float]:
    """Return the test accuracy of each side after the same epochs of one network."""
    spec, dataset, epochs = SAME
    found = {}
    for side in installed(["convcompare", *OTHERS, *KERAS]):
        call = [sys.executable, str(PEER), side, spec, dataset, "--accuracy", str(epochs)]
        done = subprocess.run(call, check=True, stdout=subprocess.PIPE, text=True)
        found[side] = float(done.stdout.split()[-1])
        print(f"{side:<12} {found[side]:.4f}", flush=True)
    return found


def show(found: dict[str, Any]) -> None:
    """Print a line per side: milliseconds per step, parts, and the ratio to the first side."""
    print(f"{found['network']} · {found['rounds']} rounds of {found['steps']} steps")
    for side, parts in found["ms"].items():
        r = found["times"][side]
        shown = ", ".join(f"{name} {ms:.3f}" for name, ms in parts.items())
        times = f"{r['median']:.2f} ({r['low']:.2f} to {r['high']:.2f}) times"
        print(f"  {side:<12} {times} · ms: {shown}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="SPEC@DATASET")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, help="a turn; by default enough for a second or so")
    parser.add_argument("--sides", type=lambda text: text.split(","), default=())
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--accuracy", action="store_true")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    arguments = parser.parse_args()
    found: Any
    if arguments.accuracy:
        found = accuracies()
    elif arguments.whole:
        found = [
            whole(row, arguments.rounds, arguments.steps) for row in arguments.rows or WHOLE_ROWS
        ]
    else:
        found = [
            measure(row, arguments.rounds, arguments.sides, arguments.steps)
            for row in arguments.rows or ROWS
        ]
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
