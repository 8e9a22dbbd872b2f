"""A comparison of six small trials by default, against one trial at a time.

    python benchmarks/jobs.py [--rounds N]

Both sides are complete commands in an empty store, in turn: from the start of the interpreter to
the table, including the measurements after each run.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from convcompare.experiment.command_words import command_words
from convcompare.experiment.planning import prepare
from convcompare.experiment.reporter import Reporter
from convcompare.experiment.request import Request, model_requests

REQUEST = Request(
    models=model_requests(("fcn", "fcn:hidden=256x64")),
    seeds=(0, 1, 2),
    settings={"epochs": "10"},
    dry_run=True,
)
COMMAND = command_words(replace(REQUEST, dry_run=False))
CONVCOMPARE = (sys.executable, "-m", "convcompare")


def seconds(*options: str) -> float:
    """Return the seconds of the command with these options, in an empty store."""
    with tempfile.TemporaryDirectory() as store:
        started = time.perf_counter()
        subprocess.run(
            [*CONVCOMPARE, *COMMAND, *options, "--store", store],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        ended = time.perf_counter() - started
        runs = len([*Path(store).glob("*/run.json")])
    if runs != 6:
        raise RuntimeError(f"{runs} runs, not 6")
    return ended


def default_jobs() -> int:
    """Return the default number of parallel trials of the command on this machine."""
    return prepare(REQUEST, Reporter()).runtime.jobs


def measure(rounds: int = 3) -> dict[str, object]:
    """Measure both sides in turn; ratios are taken pair by pair."""
    pairs = [(seconds("--jobs", "1"), seconds()) for _ in range(rounds)]
    ratios = sorted(alone / together for alone, together in pairs)
    alone, together = (statistics.median(side) for side in zip(*pairs, strict=True))
    return {
        "command": " ".join(("convcompare", *COMMAND)),
        "trials": 6,
        "jobs": default_jobs(),
        "alone_s": alone,
        "together_s": together,
        "ratio": statistics.median(ratios),
        "ratios": ratios,
        "n": rounds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    started = time.perf_counter()
    print(json.dumps(measure(parser.parse_args().rounds), indent=1))
    print(f"measured in {time.perf_counter() - started:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
