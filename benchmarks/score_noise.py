"""Share of last-epoch jitter in the paired variance over seeds, from the recorded runs.

python benchmarks/score_noise.py

For every two networks of one data set and configuration with a constant learning rate, at least 10
epochs and at least three common seeds: the variance of the differences of their scores, pooled by
data set, as a share of that of the last epoch's accuracy.
"""

from __future__ import annotations

import collections
import itertools
import math
import statistics
from pathlib import Path

from convcompare.comparison.score import FEWEST, Score
from convcompare.store.run import Run
from convcompare.store.run_store import RunStore

RUNS = Path(__file__).parents[1] / "docs" / "results" / "recorded" / "runs.ccpack"
MEANS = (1, 2, 3, 5, 8)


def networks() -> dict[tuple[object, ...], dict[str, dict[int, Run]]]:
    """Return finished runs by data set and configuration, by network and by seed."""
    found: dict[tuple[object, ...], dict[str, dict[int, Run]]] = {}
    store = RunStore(RUNS)
    for run_id in store.ids():
        run = store.outcome(run_id)
        if run is None or run.status != "finished" or run.trial.config.schedule != "constant":
            continue
        if run.trial.config.epochs < FEWEST or run.trial.config.select != "last":
            continue
        trial = run.trial
        key = (trial.dataset, trial.data, trial.config)
        found.setdefault(key, {}).setdefault(trial.model, {})[trial.seed] = run
    return found


def main() -> None:
    """Print the shares of each data set."""
    variances: dict[str, list[dict[int, tuple[float, int]]]] = collections.defaultdict(list)
    for (dataset, *_), models in networks().items():
        for one, other in itertools.combinations(models.values(), 2):
            seeds = sorted(one.keys() & other.keys())
            if len(seeds) < 3:
                continue
            row = {}
            for epochs in MEANS:
                score = Score(epochs)
                differences = [score.of(one[seed]) - score.of(other[seed]) for seed in seeds]
                row[epochs] = statistics.variance(differences), len(seeds) - 1
            variances[str(dataset)].append(row)
    for dataset, rows in variances.items():
        pooled = {
            epochs: sum(row[epochs][0] * row[epochs][1] for row in rows)
            / sum(row[epochs][1] for row in rows)
            for epochs in MEANS
        }
        shares = ", ".join(f"{e}: {100 * pooled[e] / pooled[1]:.0f} %" for e in MEANS)
        spread = 100 * math.sqrt(pooled[1])
        print(f"{dataset}: {len(rows)} pairs, spread {spread:.2f} points; share by epochs {shares}")


if __name__ == "__main__":
    main()
