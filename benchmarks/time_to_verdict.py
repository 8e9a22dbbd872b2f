"""Time to find a difference, against a tutorial loop and Lightning with five seeds.

python benchmarks/time_to_verdict.py [--rounds 5]

Three questions of the reports: MNIST, `simple` against `fcn`; CIFAR-10, kernels 7×7 against 3×3 of
report 004; CIFAR-10, four layers against two of report 002. The peers use five seeds, the accuracy
of the last epoch, and scipy's paired t-test. convcompare uses the score and its current rule with
as many seeds as find the recorded difference at least as often, at the same rate of false verdicts
(5 % for the question). The ratio has three factors:

*speed*     the peer's training step over ours, one trial at a time on all cores
*parallel*  the gain of parallel trials, if the tool runs several at a time
*seeds*     five over the seeds needed here

Both sides train the same number of epochs; evaluation, data loading and start-up are left out.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import parallel_trials
import rules
from false_verdicts import found_share
from pairs import interleaved
from score_noise import networks

from convcompare.comparison.score import Score
from convcompare.core.process import cores
from convcompare.core.registry import register
from convcompare.experiment.parallel_trials import Load, fastest
from convcompare.models.build import resolve
from convcompare.store.run import Run

ROUNDS = 20_000
"""Simulated comparisons per number of seeds."""
FEWEST, USUAL = 2, 5
"""Minimum number of seeds with a verdict here, and the number of the usual comparison."""
PEERS = ("course", "lightning")
LAST, TODAY = Score(1), Score(5)
T_TEST = rules.Rule(rules.paired_t, rules.plain_claims)
STEPS = {"mnist": 938, "cifar10": 782}


@dataclass(frozen=True)
class Question:
    """Two rows of a study: is the first better than the second?"""

    study: str
    model: str
    baseline: str
    epochs: int

    def specs(self) -> tuple[str, str]:
        """Return the specs of both networks."""
        rows = {row.name: row.spec for row in register.study[self.study].function().rows}
        return rows[self.model], rows[self.baseline]

    @property
    def data(self) -> str:
        """Return the data set of the study."""
        data: str = register.study[self.study].function().dataset
        return data


QUESTIONS = (
    Question("mnist", "Simple CNN", "FCN", 15),
    Question("kernel-size-004", "3×3", "7×7", 15),
    Question("depth", "4 layers", "2 layers", 15),
)


def differences(question: Question, score: Score) -> list[float]:
    """Return the recorded differences, by seed."""
    first, second = (
        resolve(spec, parallel_trials.SHAPES[question.data]).spec for spec in question.specs()
    )
    found: list[Mapping[str, Mapping[int, Run]]] = [
        models for models in networks().values() if first in models and second in models
    ]
    one, other = max(((m[first], m[second]) for m in found), key=lambda pair: len(pair[0]))
    return [score.of(one[seed]) - score.of(other[seed]) for seed in sorted(one.keys() & other)]


def sizes(question: Question) -> tuple[float, float]:
    """Return the recorded difference in standard deviations, of scores and of last accuracies."""
    found = []
    for score in (TODAY, LAST):
        values = differences(question, score)
        found.append(abs(statistics.mean(values)) / statistics.stdev(values))
    return found[0], found[1]


def seeds_needed(question: Question) -> tuple[int, float]:
    """Return the seeds that find the difference as often as the peers' five, and that rate."""
    with_score, with_last = sizes(question)
    power = found_share(T_TEST, 1, USUAL, with_last, ROUNDS)
    for seeds in range(FEWEST, USUAL):
        if found_share(rules.TODAY, 1, seeds, with_score, ROUNDS) >= power:
            return seeds, power
    return USUAL, power


def measure(rounds: int = 5) -> list[dict[str, Any]]:
    """Return a row per question and peer."""
    rows = []
    for question in QUESTIONS:
        seeds, power = seeds_needed(question)
        timed, gains, loads = [], [], []
        for spec in question.specs():
            row = f"{spec}@{question.data}"
            macs = parallel_trials.macs_per_step(row)
            steps = parallel_trials.steps_per_turn(macs)
            timed.append(interleaved(row, ["convcompare", *PEERS], steps, rounds))
            gains.append(parallel_trials.measure(row, rounds))
            loads += [Load(question.epochs * STEPS[question.data], macs)] * seeds
        own = [one["ms"]["convcompare"]["step"] for one in timed]
        several = fastest(loads, cores()) > 1
        beside = sum(
            ms / (one["ratios"]["gain"]["median"] if several else 1)
            for ms, one in zip(own, gains, strict=True)
        )
        for peer in PEERS:
            theirs = sum(one["ms"][peer]["step"] for one in timed)
            parts = {
                "speed": theirs / sum(own),
                "parallel": sum(own) / beside,
                "seeds_ratio": USUAL / seeds,
            }
            rows.append(
                {
                    "question": f"{question.data}: {question.model} against {question.baseline}",
                    "peer": peer,
                    "seeds": seeds,
                    "power": power,
                    "minutes": seeds * question.epochs * STEPS[question.data] * beside / 60_000,
                    **parts,
                    "ratio": parts["speed"] * parts["parallel"] * parts["seeds_ratio"],
                    "rounds": rounds,
                }
            )
            print(json.dumps(rows[-1]), flush=True)
    return rows


def main() -> None:
    """Print the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    measure(arguments.rounds)


if __name__ == "__main__":
    main()
