"""Untrained records of runs."""

from __future__ import annotations

import numpy as np

from convcompare.core.config import TrainConfig
from convcompare.store.cost import Environment
from convcompare.store.run import Epoch, Trial
from convcompare.store.run_store import Predictions

PLACE = Environment("0", "3", "2", "Linux", "cpu", "cpu", 2)
LOGITS = Predictions(np.arange(20, dtype=np.float32).reshape(5, 4), np.arange(5) % 4)
COMPARISON = {"seed": 0, "models": [], "created": "", "command": [], "conditions": {}}


def trial(seed: int = 0, config: TrainConfig | None = None) -> Trial:
    return Trial("fcn:hidden=8", "tiny", "ab" * 32, seed, config or TrainConfig(), label="fcn")


def epoch(number: int) -> Epoch:
    return Epoch(number, 0.5 / number, 0.8, 0.6, 0.75, 1e-3, 1.5, 0.1)
