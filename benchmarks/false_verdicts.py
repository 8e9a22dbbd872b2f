"""Simulate the false-verdict rate and the power of verdicts, and the seeds that they need.

python benchmarks/false_verdicts.py [--rounds 20000] [--quick] [--out FILE]

Prints the tables of docs/benchmarks.md in Markdown; docs/concepts/statistics.md has an excerpt.
Networks are simulated: each table (networks, seeds) of a scenario is drawn independently.
``--quick`` uses 2,000 rounds with 3 and 5 seeds.
"""

from __future__ import annotations

import argparse
import functools
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import rules
from looks_simulated import until_clear_tables
from rules import Array

from convcompare.store.run_store import RunStore

SEEDS = (2, 3, 4, 5, 8, 10)
CONTRASTS = (1, 2, 3, 6)
COLLAPSED, HOW_OFTEN = 10.0, 0.1
"""A collapsed run loses this number of standard deviations, with this probability."""
RECORDED = Path(__file__).parents[1] / "docs" / "results" / "recorded" / "runs.ccpack"
Shape = tuple[int, int, int]
"""Rounds, networks, seeds."""
Scenario = Callable[[np.random.Generator, Shape], Array]


def noisier(network: int, times: float) -> Scenario:
    """Return a scenario in which one network has `times` the standard deviation."""

    def draw(rng: np.random.Generator, shape: Shape) -> Array:
        found = rng.normal(size=shape)
        found[:, network] *= times
        return found

    return draw


def log_normal(rng: np.random.Generator, shape: Shape) -> Array:
    """Draw values whose logarithm is normal."""
    return np.exp(rng.normal(size=shape))


def collapses(network: int | None) -> Scenario:
    """Return a scenario in which runs of one or all networks may collapse; true means are equal."""

    def draw(rng: np.random.Generator, shape: Shape) -> Array:
        lost = COLLAPSED * ((rng.random(shape) < HOW_OFTEN) - HOW_OFTEN)
        if network is not None:
            lost[:, [i for i in range(shape[1]) if i != network]] = 0
        return np.asarray(rng.normal(size=shape) - lost)

    return draw


@functools.cache
def recorded() -> tuple[Array, Array]:
    """Return residuals of recorded networks × seeds, scaled to 1, and spreads of networks."""
    tables: dict[object, dict[str, dict[int, float]]] = {}
    store = RunStore(RECORDED)
    for run_id in store.ids():
        run = store.outcome(run_id)
        if run is not None and run.status == "finished":
            trial = run.trial
            table = tables.setdefault((trial.dataset, trial.config), {})
            table.setdefault(trial.model, {})[trial.seed] = run.test_accuracy
    residuals, spreads = [], []
    for models in tables.values():
        complete = [runs for runs in models.values() if len(runs) >= 3]
        common = sorted(set.intersection(*(set(runs) for runs in complete))) if complete else []
        if len(complete) < 3 or len(common) < 3:
            continue
        table = np.array([[runs[seed] for seed in common] for runs in complete])
        left = table - table.mean(1, keepdims=True)
        left -= left.mean(0)
        residuals.append(left.ravel() / left.std())
        spreads.append(table.std(1, ddof=1) / table.std(1, ddof=1).mean())
    return np.concatenate(residuals), np.concatenate(spreads)


def real_residuals(rng: np.random.Generator, shape: Shape) -> Array:
    """Draw residuals of recorded runs, with replacement."""
    return rng.choice(recorded()[0], shape)


def real_spreads(rng: np.random.Generator, shape: Shape) -> Array:
    """Draw networks with spreads of recorded ones: too uneven, as estimates from three seeds."""
    return rng.normal(size=shape) * rng.choice(recorded()[1], (*shape[:2], 1))


SCENARIOS: dict[str, Scenario] = {
    "equal spreads, normal": noisier(0, 1),
    "log-normal": log_normal,
    **{f"one network {k} times noisier": noisier(1, k) for k in (2, 3, 5)},
    **{f"the baseline {k} times noisier": noisier(0, k) for k in (2, 3, 5)},
    "residuals of recorded runs": real_residuals,
    "spreads of recorded networks": real_spreads,
    "1 run in 10 of every network collapses": collapses(None),
    "1 run in 10 of one network collapses": collapses(1),
    "1 run in 10 of the baseline collapses": collapses(0),
}


def false_share(
    scenario: Scenario, pairs: rules.Pairs, n: int, rounds: int, rule: rules.Rule = rules.TODAY
) -> float:
    """Return the share of rounds with a false claim, at the worst number of true differences.

    A contrast with a true difference is claimed for certain, which leaves Holm's procedure the
    highest levels for the others. The contrasts of network 1, the noisy one, are tested last.
    """
    networks = max(max(pair) for pair in pairs) + 1
    rng = np.random.Generator(np.random.PCG64([n, len(pairs), networks]))
    p = rule.p_values(scenario(rng, (rounds, networks, n)), pairs)
    last = sorted(range(len(pairs)), key=lambda i: 1 in pairs[i])
    worst = 0.0
    for true in range(len(pairs)):
        known = p.copy()
        known[:, last[:true]] = 0
        found = rule.claims(known, networks, n)[:, last[true:]]
        worst = max(worst, float(found.any(1).mean()))
    return worst


def false_table(
    families: Sequence[rules.Pairs], seeds: Sequence[int], rounds: int
) -> Iterator[str]:
    """Iterate over a table of false verdicts in per cent; cells list the families in order."""
    yield f"| scenario | {' | '.join(f'{n} seeds' for n in seeds)} |"
    yield f"|---|{'---|' * len(seeds)}"
    for name, scenario in SCENARIOS.items():
        cells = [
            " · ".join(f"{100 * false_share(scenario, f, n, rounds):.1f}" for f in families)
            for n in seeds
        ]
        yield f"| {name} | {' | '.join(cells)} |"


def others_table(seeds: Sequence[int], rounds: int) -> Iterator[str]:
    """Iterate over a table of false verdicts by other rules, 1 · 2 · 3 · 6 contrasts."""
    others = {name: rule for name, rule in rules.RULES.items() if rule is not rules.TODAY}
    columns = [f"{name}, {n} seeds" for name in others for n in seeds]
    yield f"| scenario | {' | '.join(columns)} |"
    yield f"|---|{'---|' * len(columns)}"
    for name, scenario in SCENARIOS.items():
        cells = [
            " · ".join(
                f"{100 * false_share(scenario, rules.star(m), n, rounds, rule):.1f}"
                for m in CONTRASTS
            )
            for rule in others.values()
            for n in seeds
        ]
        yield f"| {name} | {' | '.join(cells)} |"


def found_share(rule: rules.Rule, contrasts: int, n: int, size: float, rounds: int) -> float:
    """Return how often a true difference is found; `size` in standard deviations of the pairs."""
    rng = np.random.Generator(np.random.PCG64([n, contrasts]))
    tables = rng.normal(size=(rounds, contrasts + 1, n))
    tables[:, 1] += size * np.sqrt(2)
    p = rule.p_values(tables, rules.star(contrasts))
    return float(rule.claims(p, contrasts + 1, n)[:, 0].mean())


def detectable(rule: str, contrasts: int, n: int, rounds: int) -> float:
    """Return the smallest difference found in 80 % of cases."""
    low, high = 0.1, 40.0
    for _ in range(11):
        middle = (low * high) ** 0.5
        enough = found_share(rules.RULES[rule], contrasts, n, middle, rounds) >= 0.8
        low, high = (low, middle) if enough else (middle, high)
    return high


def power_table(
    figure: Callable[[str, int, int], str], seeds: Sequence[int], contrasts: Sequence[int]
) -> Iterator[str]:
    """Iterate over a table of a figure of every rule, by contrasts and seeds."""
    yield f"| contrasts, seeds | {' | '.join(rules.RULES)} |"
    yield f"|---|{'--:|' * len(rules.RULES)}"
    for m in contrasts:
        for n in seeds:
            yield f"| {m}, {n} | {' | '.join(figure(rule, m, n) for rule in rules.RULES)} |"


def tables(rounds: int, seeds: Sequence[int]) -> Iterator[str]:
    """Iterate over all tables with their headings."""
    families, often = [rules.star(m) for m in CONTRASTS], 2 * rounds
    yield f"\n### False verdicts in per cent, 1 · 2 · 3 · 6 contrasts to a baseline, n = {often}\n"
    yield from false_table(families, seeds, often)
    yield f"\n### The same, all pairs of 3 · 4 networks, n = {often}\n"
    yield from false_table([rules.every(m) for m in (3, 6)], seeds, often)
    some = [n for n in seeds if n >= 3]
    fewer = max(1000, rounds // 4)
    yield f"\n### The same of other rules, 1 · 2 · 3 · 6 contrasts to a baseline, n = {fewer}\n"
    yield from others_table([n for n in (3, 5) if n in seeds], fewer)
    yield f"\n### Difference found in 80 %, in its standard deviations, n = {fewer}\n"
    yield from power_table(lambda *one: f"{detectable(*one, fewer):.2f}", some, CONTRASTS)
    yield f"\n### Share of differences of two standard deviations that is found, n = {rounds}\n"
    yield from power_table(
        lambda *one: f"{100 * found_share(rules.RULES[one[0]], *one[1:], 2.0, rounds):.0f} %",
        some,
        CONTRASTS,
    )
    yield from until_clear_tables(rounds)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=20_000)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    started = time.perf_counter()
    rounds, seeds = (2000, (3, 5)) if arguments.quick else (arguments.rounds, SEEDS)
    lines = []
    for line in tables(rounds, seeds):
        print(line, flush=True)
        lines.append(line)
    print(f"\n{time.perf_counter() - started:.0f} s")
    if arguments.out:
        arguments.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
