"""Candidates of a comparison and their trials: every network with every seed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from convcompare.core.errors import UsageError, quote
from convcompare.data.training_cut import image_numbers
from convcompare.store.run import NUMERICS, OTHER_DRAWS, RANDOM_SETUP, Trial

if TYPE_CHECKING:
    from convcompare.core.config import TrainConfig
    from convcompare.data.dataset import Dataset
    from convcompare.store.run_store import RunStore

    from .foreign_code import Network


@dataclass(frozen=True)
class Candidate:
    """A network in a comparison with its training configuration; `label` is its name in tables."""

    label: str
    network: Network
    config: TrainConfig

    def trial(self, dataset: Dataset, seed: int) -> Trial:
        """Return the trial of this network with a seed."""
        return Trial(
            model=self.network.spec,
            dataset=dataset.name,
            data=dataset.sha256,
            seed=seed,
            config=self.config,
            code=self.network.code,
            label=self.label,
            numerics=numerics_of(self.network),
        )


def numerics_of(network: Network) -> int:
    """Return the current version of the arithmetic that trains a network."""
    if network.description.other_draws:
        return OTHER_DRAWS
    return RANDOM_SETUP if network.random_setup else NUMERICS


def grid(
    candidates: Sequence[Candidate],
    dataset: Dataset,
    seeds: Iterable[int],
    reusable: RunStore | None,
) -> list[Trial]:
    """Return the trials of every network with every seed.

    Seeds are interleaved, so that drift of the machine affects all networks equally. A run in
    `reusable` that evaluated every epoch also serves a trial that evaluates the last ones;
    `reusable` is None if every trial is run again.
    """
    trials = [candidate.trial(dataset, seed) for seed in seeds for candidate in candidates]
    return trials if reusable is None else [_reusable_trial(trial, reusable) for trial in trials]


def _reusable_trial(trial: Trial, store: RunStore) -> Trial:
    """Return the trial, or the one with every epoch evaluated if only that has ended."""
    if trial.config.evaluate == "every":
        return trial
    whole = replace(trial, config=replace(trial.config, evaluate="every"))
    if whole.id == trial.id or store.finished(trial.id) or not store.finished(whole.id):
        return trial
    return whole


def check_last_batch(candidate: Candidate, dataset: Dataset) -> None:
    """Raise UsageError if the last batch of an epoch is one image and the network needs two."""
    config = candidate.config
    images, _ = image_numbers(config, dataset.train.labels)
    if images % config.batch_size != 1 or candidate.network.takes_one_image:
        return
    fitting = (size for size in range(config.batch_size - 1, 1, -1) if images % size != 1)
    better = next(fitting, config.batch_size + 1)
    raise UsageError(
        f"the last batch of an epoch is a single image ({images:,} in batches of "
        f"{config.batch_size}), which {quote(candidate.label)} cannot be trained on: BatchNorm "
        "needs two values per channel, and `.squeeze()` drops the batch",
        f"`--batch-size {better}` avoids this",
    )
