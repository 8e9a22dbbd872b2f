"""False-verdict rate and power of the verdicts, measured on accuracies of runs.

python benchmarks/error_rates.py FILE|STORE [--out FOLDER] [--rounds 2000]

FILE is JSON, ``{model: {seed: test accuracy}}``; STORE a folder of runs. Writes error_rates.json
and power.png, prints the tables.

A/A: a model is compared with itself, so that every verdict of a difference is false. One comparison
draws k·n *different* runs from the model's pool (without replacement) and assigns them to n seeds
of k networks: exchangeable under the null hypothesis, without repeated runs and so without ties of
resampling. If the pool is smaller, runs are drawn from a normal distribution with its mean and
standard deviation, rounded to the step of the pool's accuracies; this tests the procedure, not the
shape of the distribution, and the table states which was used. All comparisons of a pool share its
runs: the interval (Clopper and Pearson 1934) covers the simulation, not the draw of the pool.

Power: a known difference is added to the second network of an A/A comparison.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np
import rules
from error_rates_shown import draw_power, print_tables
from rich.console import Console
from scipy import stats as scipy_stats

from convcompare.comparison.stats import sequential
from convcompare.core.config import recipe_name
from convcompare.store.run_store import RunStore

SEEDS = (3, 5, 6, 10)
SIZES = (0.1, 0.25, 0.5, 1.0, 1.5, 2.0)
"""Injected differences, in standard deviations of the paired differences."""
POWER_SEEDS = (2, 3, 4, 5, 6, 8, 10, 13, 16)
FEWEST = 8
"""Minimum number of runs of a model."""

Pools = Mapping[str, Mapping[int, float]]


@dataclass(frozen=True)
class Row:
    """A share of simulated comparisons with its interval, and the source of the runs."""

    model: str
    plan: str
    contrasts: int
    difference: float
    rounds: int
    share: float
    low: float
    high: float
    mean_seeds: float
    runs: str


def collect(store: RunStore) -> dict[str, dict[int, float]]:
    """Return the last test accuracy of every finished run, by model with configuration and seed."""
    found: dict[str, dict[int, float]] = {}
    for run_id in store.ids():
        run = store.outcome(run_id)
        if run is None or run.status != "finished" or run.selected_epoch is None:
            continue
        trial, config = run.trial, run.trial.config
        recipe = f"{config.epochs} epochs of {recipe_name(config)}, {config.precision}"
        name = f"{trial.model} on {trial.dataset}, {recipe}"
        found.setdefault(name, {})[trial.seed] = run.test_accuracy
    return found


def load(path: Path) -> dict[str, dict[int, float]]:
    """Return the accuracies of a JSON file or store, for models with enough runs."""
    if path.is_dir():
        pools = collect(RunStore(path))
    else:
        record = json.loads(path.read_text(encoding="utf-8"))
        pools = {m: {int(seed): a for seed, a in runs.items()} for m, runs in record.items()}
    enough = {model: runs for model, runs in pools.items() if len(runs) >= FEWEST}
    if not enough:
        raise SystemExit(f"no model in {path} has {FEWEST} runs")
    return enough


def draw(accuracies: Sequence[float], shape: tuple[int, int, int]) -> tuple[np.ndarray, str]:
    """Return accuracies (rounds, networks, seeds) of one model, and their source.

    The random numbers depend only on `shape`.
    """
    rng = np.random.Generator(np.random.PCG64(list(shape)))
    pool = np.array(accuracies)
    needed = shape[1] * shape[2]
    if needed <= len(pool):
        shuffled = rng.permuted(np.tile(pool, (shape[0], 1)), axis=1)
        return shuffled[:, :needed].reshape(shape), "pool"
    step = float(np.diff(np.unique(pool)).min())
    drawn = rng.normal(pool.mean(), pool.std(ddof=1), shape)
    return np.round(drawn / step) * step, "normal fit"


def claims(runs: np.ndarray, level: rules.LevelOf) -> np.ndarray:
    """Return the rounds in which any network is claimed to differ from network 0.

    Args:
        runs: Accuracies, (rounds, networks, seeds).
        level: Significance level by the number of hypotheses left.

    Returns:
        Booleans, (rounds,).
    """
    p = rules.moderated(runs, rules.star(runs.shape[1] - 1))
    return rules.claims(p, runs.shape[1], runs.shape[2], level).any(1)


def verdicts(runs: np.ndarray, schedule: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return whether a difference is claimed at any look, and the seeds needed: (rounds,) each.

    One look means a fixed number of seeds, tested at 5 %.
    """
    claimed = np.zeros(len(runs), bool)
    seeds = np.full(len(runs), schedule[-1])
    for look, n in enumerate(schedule):
        level = sequential.Look(tuple(schedule), look).level
        still = np.flatnonzero(~claimed)
        new = still[claims(runs[still, :, :n], level)]
        claimed[new], seeds[new] = True, n
    return claimed, seeds


def simulate(
    model: str, accuracies: Sequence[float], plan: str, contrasts: int, size: float, rounds: int
) -> Row:
    """Return the share of comparisons that claim a difference of `size` standard deviations."""
    schedule = sequential.looks() if plan == "until clear" else (int(plan.split()[0]),)
    difference = size * math.sqrt(2) * stdev(accuracies)
    runs, source = draw(accuracies, (rounds, contrasts + 1, schedule[-1]))
    runs[:, 1:] += difference
    found, seeds = verdicts(runs, schedule)
    claimed = int(found.sum())
    interval = scipy_stats.binomtest(claimed, rounds).proportion_ci(method="exact")
    return Row(
        model,
        plan,
        contrasts,
        difference,
        rounds,
        claimed / rounds,
        float(interval.low),
        float(interval.high),
        float(seeds.mean()),
        source,
    )


def normality(pools: Pools) -> dict[str, dict[str, float]]:
    """Shapiro and Wilk's test of each model's accuracies (1965, doi:10.1093/biomet/52.3-4.591)."""
    found = {}
    for model, runs in pools.items():
        values = list(runs.values())
        test = scipy_stats.shapiro(values)
        found[model] = {
            "n": len(values),
            "mean": fmean(values),
            "standard_deviation": stdev(values),
            "w": float(test.statistic),
            "p": float(test.pvalue),
        }
    return found


def measure(pools: Pools, rounds: int) -> dict[str, Any]:
    """Return A/A rates of every model, power for the model with most runs, and normality."""
    plans = [*(f"{n} seeds" for n in SEEDS), "until clear"]
    false = [
        simulate(model, list(runs.values()), plan, contrasts, 0, rounds)
        for model, runs in pools.items()
        for contrasts in (1, 3)
        for plan in plans
    ]
    largest = max(pools, key=lambda model: len(pools[model]))
    values = list(pools[largest].values())
    plans = [*(f"{n} seeds" for n in POWER_SEEDS), "until clear"]
    found = [
        {"size": size, **asdict(simulate(largest, values, plan, 1, size, rounds))}
        for size in SIZES
        for plan in plans
    ]
    return {
        "false_claims": [asdict(row) for row in false],
        "power": found,
        "normality": normality(pools),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("runs", type=Path, help="a JSON file of accuracies, or a store")
    parser.add_argument("--out", type=Path, default=Path())
    parser.add_argument("--rounds", type=int, default=2000)
    arguments = parser.parse_args()
    results = measure(load(arguments.runs), arguments.rounds)
    arguments.out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(results, indent=1, ensure_ascii=False) + "\n"
    (arguments.out / "error_rates.json").write_text(text, encoding="utf-8")
    draw_power(results["power"], arguments.out / "power.png")
    print_tables(results, Console(width=140))


if __name__ == "__main__":
    main()
