"""The networks that take part, and their trials: every network with every seed."""

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
    """A network that takes part, with how it is trained; `label` is what tables call it."""

    label: str
    network: Network
    config: TrainConfig

    def trial(self, dataset: Dataset, seed: int) -> Trial:
        """The trial of this network with one seed."""
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
    """The version of the arithmetic that trains a network today."""
    if network.description.other_draws:
        return OTHER_DRAWS
    return RANDOM_SETUP if network.random_setup else NUMERICS


def grid(
    candidates: Sequence[Candidate],
    dataset: Dataset,
    seeds: Iterable[int],
    reusable: RunStore | None,
) -> list[Trial]:
    """Every network with every seed, round-robin: drift of the machine hits all of them alike.

    A run of `reusable` that evaluated every epoch answers a trial that evaluates the last
    ones; None if trials are run anew.
    """
    trials = [candidate.trial(dataset, seed) for seed in seeds for candidate in candidates]
    return trials if reusable is None else [_answered(trial, reusable) for trial in trials]


def _answered(trial: Trial, store: RunStore) -> Trial:
    """The trial, or the same one with every epoch evaluated if that alone has ended."""
    if trial.config.evaluate == "every":
        return trial
    whole = replace(trial, config=replace(trial.config, evaluate="every"))
    if whole.id == trial.id or store.finished(trial.id) or not store.finished(whole.id):
        return trial
    return whole


def check_last_batch(candidate: Candidate, dataset: Dataset) -> None:
    """UsageError where the last batch of an epoch is one image, and the network needs two."""
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
