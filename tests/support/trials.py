"""Untrained trials and runs for tests of the store."""

from __future__ import annotations

import numpy as np

from convcompare.core.config import TrainConfig
from convcompare.store.run import Cost, Environment, Epoch, Run, Trial
from convcompare.store.run_store import Predictions, RunStore

ENVIRONMENT = Environment("0", "3", "2", "Linux", "cpu", "cpu", 2)
LOGITS = np.arange(16, dtype=np.float32).reshape(4, 4)
PREDICTIONS = Predictions(LOGITS, np.array([3, 3, 3, 0]))
COMPARISON = {"seed": 0, "models": [], "created": "", "command": [], "conditions": {}}


def trial(seed: int = 0, config: TrainConfig | None = None) -> Trial:
    return Trial("fcn:hidden=8", "tiny", "ab" * 32, seed, config or TrainConfig(), label="fcn")


def epoch(number: int) -> Epoch:
    return Epoch(number, 0.5 / number, 0.8, 0.6, 0.75, 1e-3, 1.5, 0.1)


def finished(which: Trial) -> Run:
    return Run(which, "finished", (epoch(1), epoch(2)), Cost(10, 9), ENVIRONMENT, "2026-01-01")


def interrupted_trial(store: RunStore, epochs: int = 3) -> Trial:
    """Start a trial in the store, save its first epochs and return it."""
    store.begin(trial(), ENVIRONMENT)
    history: list[Epoch] = []
    for number in range(1, epochs + 1):
        history.append(epoch(number))
        store.save_epoch(trial(), history, f"state {number}".encode())
    return trial()
