"""Simulate how often Almost Stochastic Order is wrong for two networks, and what it finds.

python benchmarks/aso.py [--rounds 4000]

ASO (del Barrio et al. 2018, arXiv:1705.01788; Dror et al. 2019, doi:10.18653/v1/P19-1266) calls
network A better if the violation ratio of "A is stochastically larger than B" is at most 0.2 with
95 % confidence, by a bootstrap of 1,000 samples. It is computed here for many tables at once; if
the package deepsig is installed (`pip install deepsig`), five tables are also computed with it.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from importlib.util import find_spec
from statistics import NormalDist

import numpy as np
import rules
from false_verdicts import SCENARIOS
from rules import Array

SEEDS = (3, 5, 8, 10)
THRESHOLD, CONFIDENCE, DRAWS = 0.2, 0.95, 1000
SHOWN = ("equal spreads, normal", "log-normal", "one network 3 times noisier")


def violation(first: Array, second: Array) -> Array:
    """Return how far "first is larger" is violated, as a share of squared quantile distances.

    Both arguments are (…, n); equal samples give 0.5.
    """
    apart = np.sort(first, -1) - np.sort(second, -1)
    squared = apart**2
    total = squared.sum(-1)
    against = np.where(apart < 0, squared, 0).sum(-1)
    return np.where(total > 0, against / np.where(total > 0, total, 1), 0.5)


def bound(first: Array, second: Array, rng: np.random.Generator) -> Array:
    """Return the upper limit of the violation ratio used by ASO, for tables (rounds, n)."""
    rounds, n = first.shape
    found = violation(first, second)
    drawn = []
    for one in (first, second):
        drawn_rows = rng.integers(n, size=(DRAWS, rounds, n))
        drawn.append(np.take_along_axis(np.broadcast_to(one, drawn_rows.shape), drawn_rows, -1))
    deviation = (violation(*drawn) - found).std(0)
    return np.clip(found + NormalDist().inv_cdf(CONFIDENCE) * deviation, 0, 1)


def claimed(tables: Array, rng: np.random.Generator) -> tuple[float, float]:
    """Return the shares of tables with a better network, and with a better second one.

    Tables are (rounds, 2, n).
    """
    both = [bound(tables[:, a], tables[:, b], rng) <= THRESHOLD for a, b in ((0, 1), (1, 0))]
    return float((both[0] | both[1]).mean()), float(both[1].mean())


def detectable(n: int, rounds: int) -> float:
    """Return the difference found in 80 % of cases, in deviations of paired differences."""
    low, high = 0.0, 8.0
    for _ in range(9):
        middle = (low + high) / 2
        rng = np.random.default_rng(n)
        tables = rng.normal(size=(rounds, 2, n))
        tables[:, 1] += middle * np.sqrt(2)
        low, high = (low, middle) if claimed(tables, rng)[1] >= 0.8 else (middle, high)
    return high


def table(rounds: int) -> Iterator[str]:
    """Iterate over lines of false verdicts and detectable differences, beside the t-test's."""
    yield f"| two networks | {' | '.join(f'{n} seeds' for n in SEEDS)} |"
    yield f"|---|{'--:|' * len(SEEDS)}"
    for name in SHOWN:
        cells = []
        for n in SEEDS:
            rng = np.random.default_rng(n)
            tables = SCENARIOS[name](rng, (rounds, 2, n))
            t = float((rules.paired_t(tables, [(1, 0)]) <= 0.05).mean())
            cells.append(f"{100 * claimed(tables, rng)[0]:.1f} ({100 * t:.1f})")
        yield f"| false verdicts in %, {name} | {' | '.join(cells)} |"
    cells = [f"{detectable(n, rounds // 4):.2f}" for n in SEEDS]
    yield f"| difference found in 80 %, sd | {' | '.join(cells)} |"


def beside_deepsig() -> Iterator[str]:
    """Compute five tables with deepsig and with this module."""
    from deepsig import aso

    rng = np.random.default_rng(0)
    for n in (5, 10, 20, 5, 10):
        first, second = rng.normal(1, 1, n), rng.normal(0, 1, n)
        theirs = aso(first, second, num_jobs=1, show_progress=False, seed=1)
        (mine,) = bound(first[None], second[None], rng)
        yield f"{n} seeds: deepsig {theirs:.3f}, here {mine:.3f}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=4000)
    rounds = parser.parse_args().rounds
    print(f"n = {rounds} tables a cell, in brackets the paired t-test of the same tables\n")
    print(*table(rounds), sep="\n")
    if find_spec("deepsig"):
        print("", *beside_deepsig(), sep="\n")


if __name__ == "__main__":
    main()
