"""Waiting times before and beside training: start-up, and tables of stored runs.

python benchmarks/waiting.py [--rounds 7] [--runs 1000]

*First step*: from the start of `convcompare compare fcn --dataset mnist` in an empty store to its
first training step, in turn with `import torch` alone. *Stored runs*: `convcompare runs latest` of
a comparison with this number of runs, and `convcompare runs`, the list of all.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from convcompare.comparison.comparison import Comparison, Conditions
from convcompare.comparison.model_runs import group_runs
from convcompare.core.config import TrainConfig
from convcompare.store.cost import Cost, Environment
from convcompare.store.run import Epoch, Run, Trial
from convcompare.store.run_store import Predictions, RunStore

UNTIL_FIRST_STEP = """
import os, sys
from convcompare.core import openmp
openmp.install()
from convcompare.training.trainer import Trainer
Trainer._pass = lambda self: os._exit(0)
from convcompare.cli.command_line import run
sys.exit(run(["compare", "fcn", "--dataset", "mnist", "--store", sys.argv[1]]) or 1)
"""
SEEDS = 100
"""Seeds of each network of the comparison."""


def seconds(*command: str | Path) -> float:
    """Return the wall seconds of a command that succeeds."""
    started = time.perf_counter()
    subprocess.run(
        [str(one) for one in command],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return time.perf_counter() - started


def first_step(rounds: int = 7) -> dict[str, Any]:
    """Return the seconds to the first step beyond `import torch`: median and range of pairs."""
    pairs = []
    for _ in range(rounds + 1):
        with tempfile.TemporaryDirectory() as store:
            command_seconds = seconds(sys.executable, "-c", UNTIL_FIRST_STEP, store)
        pairs.append((command_seconds, seconds(sys.executable, "-c", "import torch")))
    beyond = sorted(command_seconds - torch for command_seconds, torch in pairs[1:])
    return {
        "beyond_s": statistics.median(beyond),
        "low": beyond[0],
        "high": beyond[-1],
        "torch_s": statistics.median(torch for _, torch in pairs[1:]),
        "n": rounds,
    }


def stored_runs(count: int = 1000, rounds: int = 7) -> dict[str, Any]:
    """Return the seconds of both tables of a store with `count` runs of ten epochs."""
    command = Path(sys.executable).parent / "convcompare"
    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder), count)
        found = {}
        for name, words in (("latest_s", ("runs", "latest")), ("list_s", ("runs",))):
            times = [seconds(command, *words, "--store", folder) for _ in range(rounds + 1)][1:]
            found[name] = statistics.median(times)
    return {**found, "runs": count, "n": rounds}


def fill(folder: Path, count: int, seeds: int = SEEDS) -> None:
    """Fill a store with one comparison of invented runs and test logits, `seeds` per network."""
    import numpy as np

    store, draw = RunStore(folder), np.random.default_rng(0)
    labels = draw.integers(0, 10, 1000)
    logits = draw.normal(size=(1000, 10)).astype(np.float32)
    environment = Environment("0", "3", "2", "Linux", "cpu", "cpu", 2)
    runs = []
    for number in range(count):
        model = f"fcn:hidden={8 + number // seeds}"
        trial = Trial(model, "made-up", "ab" * 32, number % seeds, TrainConfig(), label=model)
        accuracy = float(0.9 + draw.normal() / 100)
        epochs = tuple(Epoch(k, 0.2, 0.9, 0.3, accuracy, 1e-3, 1.5, 0.1) for k in range(1, 11))
        cost = Cost(10_000, 10_000, train_seconds=15.0)
        run = Run(trial, "finished", epochs, cost, environment, "2026-01-01T00:00:00")
        store.begin(trial, environment)
        store.save_epoch(trial, list(epochs), b"")
        runs.append(store.finish(run, None, Predictions(logits, labels)))
    conditions = Conditions(
        "made-up", 1000, 1000, "1×28×28", "test split", "report", 10, "fp32", "cpu, 2 threads"
    )
    groups = group_runs([run.trial.label for run in runs], runs, [False] * count)
    comparison = Comparison(conditions, tuple(groups), "2026-01-01T00:00:00")
    store.add_comparison("20260101T000000000000", comparison.record())


def main() -> None:
    """Print both measurements."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--runs", type=int, default=1000)
    arguments = parser.parse_args()
    print(json.dumps(first_step(arguments.rounds), indent=1))
    print(json.dumps(stored_runs(arguments.runs, arguments.rounds), indent=1))


if __name__ == "__main__":
    main()
