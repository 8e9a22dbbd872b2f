"""Untrained runs and comparisons with given figures."""

from __future__ import annotations

import dataclasses

import numpy as np

from convcompare.comparison.comparison import Comparison, Conditions
from convcompare.comparison.model_runs import group_runs
from convcompare.core.config import TrainConfig
from convcompare.store.run import Cost, Environment, Epoch, Run, Status, Trial

ENVIRONMENT = Environment("0", "3", "2", "Linux", "cpu", "cpu", 2)


FIGURES = {"fcn": (109_386, 0.9781, 0.08, 8.1), "residual": (160_906, 0.9931, 0.02, 204.9)}
CONDITIONS = Conditions(
    "mnist", 60_000, 10_000, "1×28×28", "official test split", "report", 5, "bf16", "cpu, 2 threads"
)


def run(label: str, seed: int, status: Status = "finished") -> Run:
    parameters, accuracy, loss, seconds = FIGURES[label]
    trial = Trial(label, "mnist", "ab", seed, TrainConfig(), label=label)
    last = Epoch(5, loss / 4, 0.9944, loss, accuracy + 0.001 * seed, 1e-3, seconds, 0.1)
    history = () if status == "diverged" else (last,)
    cost = Cost(parameters, 109_184, train_seconds=seconds)
    return Run(trial, status, history, cost, ENVIRONMENT, "2026-01-01", "the loss was nan")


FCN = (0.9781, 0.9770, 0.9776, 0.9790, 0.9768, 0.9779, 0.9785, 0.9772)


SIMPLE = (0.9905, 0.9890, 0.9901, 0.9911, 0.9897, 0.9903, 0.9909, 0.9895)


NOISE = (0.0004, -0.0006, 0.0011, -0.0009, 0.0003, 0.0008, -0.0012, 0.0002)


def trained(label: str, seed: int, accuracy: float, seconds: float = 10, **config: object) -> Run:
    """Return a run that ended with this test accuracy after this time."""
    base = run("fcn", seed)
    settings = dataclasses.replace(TrainConfig(), **config)  # type: ignore[arg-type]
    trial = dataclasses.replace(base.trial, model=label, label=label, config=settings)
    last = dataclasses.replace(base.history[0], test_accuracy=accuracy, train_seconds=seconds)
    cost = dataclasses.replace(base.cost, train_seconds=seconds)
    return dataclasses.replace(base, trial=trial, history=(last,), cost=cost)


def series(label: str, accuracies: tuple[float, ...], seconds: float = 10) -> list[Run]:
    return [trained(label, seed, a, seconds + 0.1 * seed) for seed, a in enumerate(accuracies)]


def comparison(*runs: Run) -> Comparison:
    groups = group_runs([r.trial.label for r in runs], runs, [False] * len(runs))
    return Comparison(CONDITIONS, tuple(groups))


def no_hits(run: Run) -> np.ndarray:
    raise AssertionError("predictions are read only for a single seed")


def shifted(accuracies: tuple[float, ...], by: float, noise: float = 1.0) -> tuple[float, ...]:
    return tuple(a + by + noise * e for a, e in zip(accuracies, NOISE, strict=False))


def hits_of(run: Run) -> np.ndarray:
    """Return hits on 1,000 images with the run's accuracy; a third of the errors are shared."""
    right = np.ones(1000, bool)
    wrong = round(1000 * (1 - run.history[-1].test_accuracy))
    right[:wrong] = False
    return np.roll(right, 0 if run.trial.label == "fcn" else wrong // 3)
