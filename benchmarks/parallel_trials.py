"""What several trials at a time gain over one with all cores: the constants of the tool's choice.

python benchmarks/parallel_trials.py [--rounds 7] [NETWORK@DATA ...]

For each network three kinds of step, in turn in one run, 3 to 30 steps a turn by its size: one
process on one thread, one process on all cores, and as many processes as there are cores, a thread
each, at the same time. *beside* is how many times as long the last takes as the first; *gain* is
the throughput of the last over that of the second. Next to them is what
`convcompare.experiment.parallel_trials` takes them to be.
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
"""What a turn on one thread takes, about, between those numbers of steps."""


def measure(row: str, rounds: int) -> dict[str, Any]:
    """Milliseconds a step of the three kinds, and their ratios: median and range of the rounds."""
    here = cores()
    macs = macs_a_step(row)
    steps = steps_a_turn(macs)
    with ExitStack() as running:

        def peer(threads: int) -> Peer:
            variables = {"OMP_NUM_THREADS": str(threads)}
            return running.enter_context(Peer("convcompare", row, steps, variables))

        single, whole = peer(1), peer(here)
        beside = [peer(1) for _ in range(here)]
        told = [_round(single, whole, beside) for _ in range(rounds + 1)][1:]
    ratios = {
        "threads": [one / every for one, every, _ in told],
        "beside": [together / one for one, _, together in told],
        "gain": [here * every / together for _, every, together in told],
    }
    ms = [1000 * statistics.median(column) for column in zip(*told, strict=True)]
    return {
        "network": row,
        "cores": here,
        "macs": macs,
        "ms": dict(zip(("single", "whole", "beside"), ms, strict=True)),
        "ratios": {name: spread(values) for name, values in ratios.items()},
        "model": _model(macs, here),
    }


def macs_a_step(row: str) -> int:
    """Multiply-accumulates of a training step of a network on a data set, ``NETWORK@DATA``."""
    spec, _, data = row.rpartition("@")
    return TRAINING_PASSES * BATCH * (resolve(spec, SHAPES[data]).description.macs or 0)


def steps_a_turn(macs: int) -> int:
    """Steps that are timed at once: fewer of a large network."""
    within = int(TURN_SECONDS / (Load(1, macs).seconds(1) - TRIAL_SECONDS))
    return min(MOST_STEPS, max(FEWEST_STEPS, within))


def _round(single: Peer, whole: Peer, beside: list[Peer]) -> tuple[float, float, float]:
    one, every = single.turn()["step"], whole.turn()["step"]
    for peer in beside:
        peer.begin()
    return one, every, statistics.mean(peer.answer()["step"] for peer in beside)


def _model(macs: int, here: int) -> dict[str, float]:
    single, whole = (Load(1, macs).seconds(threads) - TRIAL_SECONDS for threads in (1, here))
    return {"single": 1000 * single, "whole": 1000 * whole, "gain": here * whole / single / BESIDE}


def main() -> None:
    """Print a row a network, and all of it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", default=ROWS)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    found = []
    print(
        "| network | M MACs a step | 1 thread, ms | all cores, ms | beside, ms "
        "| times beside | gain | model: 1 thread, all cores, gain |"
    )
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    for row in given.rows:
        one = measure(row, given.rounds)
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
