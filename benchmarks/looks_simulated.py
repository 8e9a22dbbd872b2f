"""Simulation of `--until-clear`: its false-verdict rate, power and number of seeds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import rules
from rules import Array, Bools
from scipy import special

from convcompare.comparison.stats import sequential, spending

SCHEDULE = sequential.looks()
SIZES = (0, 0.5, 1, 1.5, 2, 3)
"""True differences, in standard deviations of the paired difference."""


@dataclass(frozen=True)
class Plan:
    """Levels of the looks, and whether contrasts are stopped for futility."""

    name: str
    levels: tuple[float, ...]
    stops: bool


EXACT = tuple(sequential.Look(SCHEDULE, look).level() for look in range(len(SCHEDULE)))
PLANS = (
    Plan("before: Boole's levels, to the end", tuple(spending.spent(SCHEDULE, 0.05)), False),
    Plan("exact levels, to the end", EXACT, False),
    Plan("today: exact levels, stopped where hopeless", EXACT, True),
)


@dataclass(frozen=True)
class Ended:
    """Shares of comparisons with each verdict, and the mean number of seeds."""

    different: float
    equivalent: float
    seeds: float


def one_contrast(differences: Array, plan: Plan, margin: float) -> Ended:
    """Simulate two networks with these paired differences, (rounds, seeds)."""
    rounds = len(differences)
    active, seeds = np.ones(rounds, bool), np.full(rounds, SCHEDULE[-1])
    different, equivalent = np.zeros(rounds, bool), np.zeros(rounds, bool)
    for n, level in zip(SCHEDULE, plan.levels, strict=True):
        mean, spread = differences[:, :n].mean(1), differences[:, :n].std(1, ddof=1)
        error = spread / np.sqrt(n)
        different |= active & (2 * special.stdtr(n - 1, -np.abs(mean) / error) <= level)
        beyond = special.stdtr(n - 1, (np.abs(mean) - margin) / error)
        equivalent |= active & ~different & (beyond <= level)
        ends = different | equivalent
        if plan.stops and sequential.STOPPED_FROM <= n < SCHEDULE[-1]:
            ends = ends | _hopeless(mean, spread, n, margin, plan.levels[-1])
        seeds[active & ends] = n
        active &= ~ends
    return Ended(float(different.mean()), float(equivalent.mean()), float(seeds.mean()))


def _hopeless(mean: Array, spread: Array, n: int, margin: float, level: float) -> Bools:
    """Vectorised `sequential.hopeless`."""
    end, now = SCHEDULE[-1], np.abs(mean)
    error, left = spread / np.sqrt(end), spread * np.sqrt(end - n) / end
    needed = special.stdtrit(end - 1, 1 - level / 2) * error
    room = margin - special.stdtrit(end - 1, 1 - level) * error
    different = special.ndtr((now - needed) / left) + special.ndtr((-now - needed) / left)
    inside = special.ndtr((room - now) / left) - special.ndtr((-room - now) / left)
    return np.asarray((different < sequential.HOPELESS) & (inside < sequential.HOPELESS))


def false_of_family(tables: Array, true: int) -> float:
    """Return how often any of several contrasts is falsely claimed at any look.

    Args:
        tables: (rounds, networks, seeds).
        true: The last `true` networks differ and are claimed at once, so that Holm's procedure has
        the fewest hypotheses left; all of them continue to the last look.
    """
    networks = tables.shape[1]
    nulls = networks - 1 - true
    found = np.zeros(len(tables), bool)
    for number, n in enumerate(SCHEDULE):
        p = rules.moderated(tables[:, :, :n], rules.star(networks - 1))
        p[:, nulls:] = 0
        level = sequential.Look(SCHEDULE, number).level
        found |= rules.claims(p, networks, n, level)[:, :nulls].any(1)
    return float(found.mean())


def until_clear_tables(rounds: int) -> Iterator[str]:
    """Iterate over tables of one contrast, of several, and of false equivalence."""
    yield f"\n### Until it is clear: share found, and seeds on average, n = {rounds}\n"
    yield f"| true difference | {' | '.join(plan.name for plan in PLANS)} |"
    yield f"|---|{'---|' * len(PLANS)}"
    draws = np.random.Generator(np.random.PCG64(11)).normal(size=(rounds, SCHEDULE[-1]))
    for size in SIZES:
        ended = [one_contrast(draws + size, plan, 0.01) for plan in PLANS]
        cells = [f"{100 * one.different:.1f} %, {one.seeds:.1f}" for one in ended]
        yield f"| {size:g} sd | {' | '.join(cells)} |"
    yield f"\n### Until it is clear: equivalence within a margin, n = {rounds}\n"
    yield "| margin | equal networks: equivalent, seeds | at the margin: false equivalence |"
    yield "|---|---|---|"
    for margin in (0.75, 1.0, 1.5):
        equal, at = (one_contrast(draws + size, PLANS[-1], margin) for size in (0, margin))
        yield (
            f"| {margin:g} sd | {100 * equal.equivalent:.0f} %, {equal.seeds:.1f} | "
            f"{100 * at.equivalent:.1f} % |"
        )
    fewer = rounds // 2
    yield f"\n### Until it is clear: false verdicts of several contrasts in per cent, n = {fewer}\n"
    yield "| scenario | 2 contrasts | 3 contrasts | 6 contrasts |"
    yield "|---|--:|--:|--:|"
    rng = np.random.Generator(np.random.PCG64(12))
    scenarios = {"equal spreads": None, "one network 3 times noisier": 1}
    scenarios["the baseline 3 times noisier"] = 0
    for name, noisy in scenarios.items():
        cells = []
        for m in (2, 3, 6):
            tables = rng.normal(size=(fewer, m + 1, SCHEDULE[-1]))
            if noisy is not None:
                tables[:, noisy] *= 3
            cells.append(max(false_of_family(tables, true) for true in range(m)))
        yield f"| {name} | {' | '.join(f'{100 * cell:.1f}' for cell in cells)} |"
