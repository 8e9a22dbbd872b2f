"""Untrained studies: runs with given figures, in a store."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np

from convcompare.comparison.assessment import Assessment
from convcompare.core.registry import register
from convcompare.store.gradient_record import GRADIENTS, GradientRecord
from convcompare.store.run import Run
from convcompare.store.run_store import Predictions, RunStore

from .runs import CONDITIONS, comparison, series

LABELS = np.arange(10)
Judged = Callable[..., Assessment]


def lasting(run: Run, epochs: int) -> Run:
    """Return the run with this number of epochs."""
    config = dataclasses.replace(run.trial.config, epochs=epochs)
    return dataclasses.replace(run, trial=dataclasses.replace(run.trial, config=config))


def judging(root: Path) -> Judged:
    """Return a function that creates the runs of a study in a new store below `root`."""
    number = itertools.count()

    def judge(
        study: str,
        epochs: int = 15,
        gradients: Mapping[str, tuple[float, ...]] = MappingProxyType({}),
        seconds: Mapping[str, float] = MappingProxyType({}),
        weights: bytes | None = None,
        **accuracies: tuple[float, ...],
    ) -> Assessment:
        """Create runs of a study with these accuracies by seed; `_` in a name is a space.

        `gradients` are those of the first layer after the last epoch; initially each is 0.001.
        """
        store = RunStore(root / str(next(number)))
        made = [
            (name, lasting(run, epochs))
            for name, values in accuracies.items()
            for run in series(name.replace("_", " "), values, seconds.get(name, 10))
        ]
        runs = []
        for name, one in made:
            with store.lock(one.id):
                store.begin(one.trial, one.environment)
                if name in gradients:
                    first = np.array([[1e-3, 1.0], [gradients[name][one.trial.seed], 1.0]])
                    record = GradientRecord(("first", "last"), first, first)
                    store.save_analysis(one.id, GRADIENTS, record.to_arrays())
                logits = np.zeros((len(LABELS), 10), np.float32)
                runs.append(store.finish(one, weights, Predictions(logits, LABELS)))
        dataset = register.study[study].function().dataset
        made_on = dataclasses.replace(CONDITIONS, dataset=dataset)
        made_comparison = dataclasses.replace(comparison(*runs), study=study, conditions=made_on)
        return Assessment(made_comparison, store)

    return judge
