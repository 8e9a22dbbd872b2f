"""Gain of several trials at a time over one on all cores: the constants of the tool's choice.

python benchmarks/parallel_trials.py [--rounds 7] [NETWORK@DATA ...]

Three kinds of step are timed for each network, in turn in one run, 3 to 30 steps per turn by its
size: one process on one thread, one process on all cores, and as many processes as cores with one
thread each, in parallel. *beside* is the ratio of the last to the first; *gain* is the throughput
of the last over the second. The values of `convcompare.experiment.parallel_trials` are printed
beside them.
"""

from __future__ import annotations

import argparse
import json
import statistics
from contextlib import ExitStack
from typing import Any

from pairs import Peer, spread

from convcompare.core.config import TRAINING_PASSES
from convcompare.core.process import cores
from convcompare.experiment.parallel_trials import BESIDE, TRIAL_SECONDS, Load
from convcompare.models.build import Shape, resolve

ROWS = (
    "fcn@mnist",
    "simple:width=16x16@mnist",
    "simple@mnist",
    "simple@cifar10",
    "cnn:depth=4@cifar10",
    "residual@cifar10",
    "residual:width=16,stem_bias=false,grid=1,blocks=2x64-2x128/2-2x256/2@cifar10",
)
SHAPES = {"mnist": Shape(1, 28, 10), "cifar10": Shape(3, 32, 10)}
BATCH = 64
MOST_STEPS, FEWEST_STEPS = 30, 3
TURN_SECONDS = 2.0
"""Approximate duration of a turn on one thread, between those numbers of steps."""


def measure(row: str, rounds: int) -> dict[str, Any]:
    """Return milliseconds per step of the three kinds, and ratios with median and range."""
    here = cores()
    macs = macs_per_step(row)
    steps = steps_per_turn(macs)
    with ExitStack() as running:

        def peer(threads: int) -> Peer:
            variables = {"OMP_NUM_THREADS": str(threads)}
            return running.enter_context(Peer("convcompare", row, steps, variables))

        single, all_cores = peer(1), peer(here)
        beside = [peer(1) for _ in range(here)]
        rounds_of_seconds = [_round(single, all_cores, beside) for _ in range(rounds + 1)][1:]
    ratios = {
        "threads": [one / every for one, every, _ in rounds_of_seconds],
        "beside": [together / one for one, _, together in rounds_of_seconds],
        "gain": [here * every / together for _, every, together in rounds_of_seconds],
    }
    ms = [1000 * statistics.median(column) for column in zip(*rounds_of_seconds, strict=True)]
    return {
        "network": row,
        "cores": here,
        "macs": macs,
        "ms": dict(zip(("single", "whole", "beside"), ms, strict=True)),
        "ratios": {name: spread(values) for name, values in ratios.items()},
        "model": _model(macs, here),
    }


def macs_per_step(row: str) -> int:
    """Return the MACs of a training step of ``NETWORK@DATA``."""
    spec, _, data = row.rpartition("@")
    return TRAINING_PASSES * BATCH * (resolve(spec, SHAPES[data]).description.macs or 0)


def steps_per_turn(macs: int) -> int:
    """Return the number of steps per turn: fewer for larger networks."""
    within = int(TURN_SECONDS / (Load(1, macs).seconds(1) - TRIAL_SECONDS))
    return min(MOST_STEPS, max(FEWEST_STEPS, within))


def _round(single: Peer, all_cores: Peer, beside: list[Peer]) -> tuple[float, float, float]:
    one, every = single.turn()["step"], all_cores.turn()["step"]
    for peer in beside:
        peer.begin()
    return one, every, statistics.mean(peer.answer()["step"] for peer in beside)


def _model(macs: int, here: int) -> dict[str, float]:
    single, all_cores = (Load(1, macs).seconds(threads) - TRIAL_SECONDS for threads in (1, here))
    return {
        "single": 1000 * single,
        "whole": 1000 * all_cores,
        "gain": here * all_cores / single / BESIDE,
    }


def main() -> None:
    """Print a row per network, and all results as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", default=ROWS)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    found = []
    print(
        "| network | M MACs a step | 1 thread, ms | all cores, ms | beside, ms "
        "| times beside | gain | model: 1 thread, all cores, gain |"
    )
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    for row in arguments.rows:
        one = measure(row, arguments.rounds)
        ms, ratios, model = one["ms"], one["ratios"], one["model"]
        gain = ratios["gain"]
        print(
            f"| {row} | {one['macs'] / 1e6:,.0f} | {ms['single']:.2f} | {ms['whole']:.2f} "
            f"| {ms['beside']:.2f} | {ratios['beside']['median']:.2f} "
            f"| **{gain['median']:.2f}** ({gain['low']:.2f} to {gain['high']:.2f}) "
            f"| {model['single']:.2f}, {model['whole']:.2f}, {model['gain']:.2f} |",
            flush=True,
        )
        found.append(one)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
