"""Time to a verdict: how long until a true difference of 1.5 points is found, beside Lightning.

python benchmarks/time_to_verdict.py [--rounds 7] [--steps 60]

The four kernels of report 004 on CIFAR-10: three contrasts to 3×3, a true difference of 1.5 points
in one of them, 5 % false verdicts in all. The spread of paired differences is that of the recorded
runs, pooled over all pairs. Here: the score and the rule of today. There: the accuracy of the last
epoch, paired t-tests and Holm's procedure. Timed are training steps of the 3×3 network at batch 64,
both sides in turn in one run; both train as many epochs.
"""

from __future__ import annotations

import argparse
import itertools
import math
import statistics

import rules
from false_verdicts import found_share
from pairs import interleaved
from score_noise import networks

from convcompare.comparison.score import Score
from convcompare.comparison.studies.kernel_size import kernel_size_004
from convcompare.models.build import Shape, resolve

CIFAR = Shape(3, 32, 10)
DIFFERENCE, CONTRASTS, POWER, ROUNDS = 0.015, 3, 0.8, 20_000
FEWEST, MOST = 3, 60
"""Seeds between which is looked for enough."""
USUAL = 5
"""Seeds of the usual comparison."""
SIDES = {
    "convcompare": (Score(5), rules.TODAY),
    "lightning": (Score(1), rules.Rule(rules.paired_t, rules.plain_claims)),
}


def spread(score: Score) -> float:
    """Standard deviation of paired differences of the four networks, by their recorded runs."""
    specs = [resolve(row.spec, CIFAR).spec for row in kernel_size_004().rows]
    squares, freedom = 0.0, 0
    for models in networks().values():
        found = [models[spec] for spec in specs if spec in models]
        for one, other in itertools.combinations(found, 2):
            seeds = sorted(one.keys() & other.keys())
            if len(found) == len(specs) and len(seeds) >= FEWEST:
                differences = [score.of(one[seed]) - score.of(other[seed]) for seed in seeds]
                squares += statistics.variance(differences) * (len(seeds) - 1)
                freedom += len(seeds) - 1
    return math.sqrt(squares / freedom)


def main() -> None:
    """Print seeds, time a seed, and their product, of both sides."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=60)
    given = parser.parse_args()
    row = f"{kernel_size_004().rows[0].spec}@cifar10"
    timed = interleaved(row, list(SIDES), given.steps, given.rounds)
    print("| side | spread of differences | found with 5 seeds | seeds for 80 % | ms a step |")
    print("|---|--:|--:|--:|--:|")
    needed = {}
    for side, (score, rule) in SIDES.items():
        deviation = spread(score)
        size = DIFFERENCE / deviation
        found = {n: found_share(rule, CONTRASTS, n, size, ROUNDS) for n in range(FEWEST, MOST + 1)}
        needed[side] = next(n for n, share in found.items() if share >= POWER)
        ms = timed["ms"][side]["step"]
        print(
            f"| {side} | {100 * deviation:.2f} points | {100 * found[USUAL]:.0f} % "
            f"| {needed[side]} | {ms:.1f} |"
        )
    times = timed["times"]["lightning"]
    share = needed["lightning"] / needed["convcompare"]
    low, middle, high = (times[name] * share for name in ("low", "median", "high"))
    print(
        f"\nlightning takes {middle:.1f} times as long ({low:.1f} to {high:.1f}): "
        f"{times['median']:.2f} times a step ({given.rounds} rounds of {given.steps} steps), "
        f"{needed['lightning']} seeds against {needed['convcompare']}"
    )


if __name__ == "__main__":
    main()
