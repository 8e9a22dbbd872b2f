"""Hooks of a network in its training."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from convcompare.core.seeding import TrialSeeds
from convcompare.data.dataset import Dataset
from convcompare.training.batches import Batches
from convcompare.training.model_hooks import initialise


class Drawing(nn.Module):
    def initialise_from(self, images: Tensor) -> None:
        self.drawn = torch.rand(9)


def drawn_with(seed: int, dataset: Dataset) -> Any:
    model = Drawing()
    initialise(model, Batches(dataset.train, dataset, torch.device("cpu")), TrialSeeds(seed))
    return model.drawn


def test_setup_draws_from_its_own_stream(tiny: Dataset) -> None:
    before = torch.get_rng_state()
    found = drawn_with(3, tiny)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(found, drawn_with(3, tiny))
    assert not torch.equal(found, drawn_with(4, tiny))
    seeds = TrialSeeds(3)
    own, weights = (
        torch.rand(9, generator=torch.Generator().manual_seed(seed))
        for seed in (seeds.initialise_from, seeds.initialisation)
    )
    assert torch.equal(found, own)
    assert not torch.equal(found, weights), "the numbers that the initial weights are made of"
