"""The networks that take part, and their trials: every network with every seed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from convcompare.store.run import NUMERICS, RANDOM_SETUP, Trial

if TYPE_CHECKING:
    from convcompare.core.config import TrainConfig
    from convcompare.data.dataset import Dataset
    from convcompare.models.build import Builder


@dataclass(frozen=True)
class Candidate:
    """A network that takes part, with how it is trained; `label` is what tables call it."""

    label: str
    builder: Builder
    config: TrainConfig

    def trial(self, dataset: Dataset, seed: int) -> Trial:
        """The trial of this network with one seed."""
        return Trial(
            model=self.builder.spec,
            dataset=dataset.name,
            data=dataset.sha256,
            seed=seed,
            config=self.config,
            code=self.builder.code,
            label=self.label,
            numerics=numerics_of(self.builder),
        )


def numerics_of(builder: Builder) -> int:
    """The version of the arithmetic that trains a network today."""
    return RANDOM_SETUP if builder.random_setup else NUMERICS


def grid(candidates: Sequence[Candidate], dataset: Dataset, seeds: Iterable[int]) -> list[Trial]:
    """Every network with every seed, round-robin: drift of the machine hits all of them alike."""
    return [candidate.trial(dataset, seed) for seed in seeds for candidate in candidates]
