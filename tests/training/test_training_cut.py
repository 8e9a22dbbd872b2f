"""Fewer training images: which are drawn, the number per class, and the held-out ones."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from convcompare.core.config import TrainConfig
from convcompare.core.errors import UsageError
from convcompare.data.dataset import Dataset, Split
from convcompare.data.training_cut import check_cut, cut_counts, cut_words, image_numbers
from convcompare.experiment.shapes import check_fit
from convcompare.store.run import Trial
from convcompare.training.batches import Batches
from convcompare.training.trainer import Trainer

COUNTS = (40, 3, 25, 0, 12)


@pytest.fixture
def uneven() -> Dataset:
    """Every image has a distinct value; class 3 has no training image."""
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(5), COUNTS)).astype(np.int64)
    images = np.arange(len(labels), dtype=np.uint8)[:, None, None, None].repeat(64, 2)
    split = Split(np.ascontiguousarray(images.reshape(-1, 1, 8, 8)), labels)
    return Dataset("uneven", split, split, tuple("abcde"), (0.5,), (0.5,), "none", "", "")


def trainer(dataset: Dataset, seed: int = 0, **settings: Any) -> Trainer:
    """Return the trainer of a linear network with weights from `seed`, in a trial of seed 5."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 4))
    cpu = torch.device("cpu")
    batches = [Batches(split, dataset, cpu) for split in (dataset.train, dataset.test)]
    return Trainer(model, *batches, TrainConfig(**settings), seed=5)


def drawn(batches: Batches) -> list[int]:
    return batches.images[:, 0, 0, 0].tolist()


def by_hand(counts: list[int], images: int) -> list[int]:
    """Draw one image of each class in turn, while any are left, up to the number."""
    given = [0] * len(counts)
    while True:
        for i, count in enumerate(counts):
            if sum(given) == images:
                return given
            given[i] += given[i] < count


@pytest.mark.parametrize("images", [1, 4, 5, 10, 13, 15, 16, 40, 79, 80])
def test_classes_have_equal_numbers_as_far_as_possible(uneven: Dataset, images: int) -> None:
    wanted = by_hand(list(COUNTS), images)
    assert cut_counts(np.array(COUNTS), images).tolist() == wanted
    batches = Batches(uneven.train, uneven, torch.device("cpu"))
    for seed in range(3):
        cut = batches.cut(images, seed)
        assert torch.bincount(cut.labels, minlength=5).tolist() == wanted
        assert cut.labels.tolist() == uneven.train.labels[drawn(cut)].tolist(), "its own label"
        assert len(set(drawn(cut))) == images and drawn(cut) == sorted(drawn(cut))


def test_smaller_subset_is_nested_and_drawn_by_the_seed(uneven: Dataset) -> None:
    batches = Batches(uneven.train, uneven, torch.device("cpu"))
    cuts = [set(drawn(batches.cut(images, 7))) for images in (5, 6, 20, 33, 80)]
    assert all(small < large for small, large in itertools.pairwise(cuts))
    assert cuts[-1] == set(range(80))
    assert len({tuple(drawn(batches.cut(20, seed))) for seed in range(5)}) == 5
    many = torch.tensor([row for seed in range(300) for row in drawn(batches.cut(12, seed))])
    often = torch.bincount(many, minlength=80)[uneven.train.labels == 0]
    assert often.min() > 5 and often.max() < 60, "300 · 3 draws over 40 images: 22.5 of each"


def test_training_uses_the_subset_only(tiny: Dataset) -> None:
    job = trainer(tiny, train_images=24, batch_size=10)
    assert len(job.train_batches) == 24 and job.steps == 3
    assert torch.bincount(job.train_batches.labels).tolist() == [6, 6, 6, 6]
    other = trainer(tiny, 1, train_images=24, batch_size=10)
    assert torch.equal(job.train_batches.images, other.train_batches.images)
    assert len(job.test_batches) == len(tiny.test)
    alone = dataclasses.replace(tiny, train=Split(*_arrays(job.train_batches)))
    plain = trainer(alone, batch_size=10)
    assert [e.train_loss for e in job] == [e.train_loss for e in plain], "as a data set of its own"


def _arrays(batches: Batches) -> tuple[np.ndarray, np.ndarray]:
    return batches.images.permute(0, 3, 1, 2).numpy(), batches.labels.numpy()


@pytest.mark.parametrize("fraction", [0.1, 0.15, 0.25, 0.35, 0.45, 0.55, 0.7, 0.85, 0.9])
@pytest.mark.parametrize("images", [None, 20, 21, 47, 60, 80])
def test_reported_numbers_of_images_are_those_in_training(
    uneven: Dataset, fraction: float, images: int | None
) -> None:
    config = TrainConfig(train_images=images, val_fraction=fraction)
    batches = Batches(uneven.train, uneven, torch.device("cpu")).cut(images, 3)
    kept, held_out = batches.held_out(fraction, 4)
    assert held_out is not None
    assert image_numbers(config, uneven.train.labels) == (len(kept), len(held_out))
    assert not set(drawn(kept)) & set(drawn(held_out))
    assert set(drawn(kept)) | set(drawn(held_out)) == set(drawn(batches))


def test_shares_are_rounded_as_the_trainer_rounds_them() -> None:
    labels = np.repeat(np.arange(2), 45).astype(np.int64)  # 0.7 · 45 is 31.5 in float32 alone
    assert image_numbers(TrainConfig(val_fraction=0.7), labels) == (26, 64)


@pytest.mark.parametrize(
    ("images", "fraction", "words"),
    [
        (4, 0.0, "`train_images` 4 is fewer than the 5 classes"),
        (81, 0.0, "`train_images` 81 is too many"),
        (10, 0.1, "`val_fraction` 0.1 of 10 images holds out none"),
        (10, 0.99, "`val_fraction` 0.99 of 10 images holds out all of them"),
        (None, 0.9, "`val_fraction` 0.9 holds out every training image of `b`"),
    ],
)
def test_impossible_subset_is_refused(
    uneven: Dataset, images: int, fraction: float, words: str
) -> None:
    config = TrainConfig(train_images=images, val_fraction=fraction, batch_size=2)
    with pytest.raises(UsageError) as caught:
        check_cut(config, uneven.train.labels, uneven.classes)
    assert caught.value.message == words and caught.value.hint


def test_classes_without_images_are_reported(uneven: Dataset) -> None:
    labels = uneven.train.labels
    assert cut_words(TrainConfig(), labels) == ""
    said = cut_words(TrainConfig(train_images=20), labels)
    assert (
        said == "of 80 images, class-balanced as far as the classes have images, drawn by the seed"
    )
    some = labels[labels < 1]
    assert "images, class-balanced, drawn" in cut_words(TrainConfig(train_images=20), some)


def test_batch_fits_into_the_subset(uneven: Dataset) -> None:
    check_fit(TrainConfig(train_images=20, batch_size=20), uneven)
    with pytest.raises(UsageError, match="a batch of 21 is larger than the 20 training images"):
        check_fit(TrainConfig(train_images=20, batch_size=21), uneven)


def test_id_depends_on_the_subset_only_if_given() -> None:
    def trial(config: TrainConfig) -> str:
        return Trial("fcn", "mnist", "0", 0, config).id

    assert "train_images" not in TrainConfig().identity()
    cut = TrainConfig().replace({"train_images": "100"})
    assert cut.identity()["train_images"] == 100
    assert len({trial(TrainConfig()), trial(cut), trial(TrainConfig(train_images=101))}) == 3
    assert cut.replace({"train_images": "none"}) == TrainConfig()
