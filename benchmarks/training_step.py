"""Training time against the usual course loop: paired, interleaved, one run.

    python benchmarks/training_step.py [--rounds N] [SPEC@DATASET …]

For each network two processes are told in turn to train the same number of steps; the ratio is
taken pair by pair. What is timed is the whole epoch: data, forward, backward, optimizer, metrics.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROWS = {"fcn@mnist": 400, "simple@mnist": 60, "residual@mnist": 30, "residual@cifar10": 25}
STEPS_AN_EPOCH = {"mnist": 938, "cifar10": 782}


class Peer:
    """A process that trains when it is told to."""

    def __init__(self, side: str, row: str, steps: int) -> None:
        spec, _, dataset = row.partition("@")
        self.process = subprocess.Popen(
            [sys.executable, HERE / "peer.py", side, spec, dataset, str(steps)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def step_seconds(self) -> float:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def stop(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def measure(row: str, steps: int, rounds: int) -> dict[str, object]:
    """Seconds a step of both sides, and the ratios of the pairs; the first pair warms up."""
    ours, theirs = Peer("convcompare", row, steps), Peer("course", row, steps)
    pairs = [(ours.step_seconds(), theirs.step_seconds()) for _ in range(rounds + 1)][1:]
    ours.stop()
    theirs.stop()
    ratios = sorted(course / own for own, course in pairs)
    own, course = (statistics.median(side) for side in zip(*pairs, strict=True))
    epoch = STEPS_AN_EPOCH[row.partition("@")[2]]
    return {
        "network": row,
        "convcompare_ms": 1000 * own,
        "course_ms": 1000 * course,
        "convcompare_epoch_s": epoch * own,
        "course_epoch_s": epoch * course,
        "ratio": statistics.median(ratios),
        "ratio_low": ratios[0],
        "ratio_high": ratios[-1],
        "rounds": rounds,
        "steps": steps,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", default=list(ROWS))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    results = []
    for row in arguments.rows:
        results.append(measure(row, ROWS.get(row, 30), arguments.rounds))
        r = results[-1]
        print(
            f"{row:<18} course {r['course_ms']:7.2f} ms a step · convcompare "
            f"{r['convcompare_ms']:6.2f} ms · {r['ratio']:.2f} times faster "
            f"({r['ratio_low']:.2f} to {r['ratio_high']:.2f}, n={arguments.rounds})",
            flush=True,
        )
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
