"""The trainer compared with a plain loop and with its resumed self, and its error handling."""

from __future__ import annotations

import copy
import math
import subprocess
import sys
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convcompare.core.config import TrainConfig
from convcompare.core.errors import UsageError
from convcompare.core.seeding import TrialSeeds
from convcompare.data.dataset import Dataset
from convcompare.data.training_cut import image_numbers
from convcompare.store.run import best_epoch
from convcompare.training.augmentation import draw_moves, shifted
from convcompare.training.batches import Batches
from convcompare.training.step_timing import peak_memory, step_seconds
from convcompare.training.trainer import Diverged, Trainer


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(128, 4),
    )


def trainer(dataset: Dataset, model: nn.Module | None = None, **settings: Any) -> Trainer:
    config = TrainConfig().replace({"epochs": "3", **{k: str(v) for k, v in settings.items()}})
    cpu = torch.device("cpu")
    batches = [Batches(split, dataset, cpu) for split in (dataset.train, dataset.test)]
    return Trainer(model or network(), *batches, config, seed=5, augmentation=dataset.augmentation)


def normalised(dataset: Dataset, rows: Tensor) -> Tensor:
    images = torch.tensor(dataset.train.images)[rows].float() / 255
    return (images - dataset.mean[0]) / dataset.std[0]


def plain_loop(
    dataset: Dataset, model: nn.Module, epochs: int, batch_size: int, steps: int = 1_000_000
) -> list[float]:
    """Return the losses of a tutorial loop with the same order and dropout stream."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    labels = torch.tensor(dataset.train.labels)
    losses = []
    for epoch in range(epochs):
        model.train()
        order = torch.Generator().manual_seed(TrialSeeds(5).order(epoch))
        rows = torch.randperm(len(labels), generator=order)
        torch.manual_seed(TrialSeeds(5).dropout(epoch))
        total = 0.0
        for chosen in rows.split(batch_size):
            if not steps:
                break
            steps -= 1
            optimizer.zero_grad()
            loss = F.cross_entropy(model(normalised(dataset, chosen)), labels[chosen])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(chosen)
        losses.append(total / len(labels))
    return losses


def test_equals_a_plain_loop(tiny: Dataset) -> None:
    fast = trainer(tiny, batch_size=32)
    plain = network()
    losses = plain_loop(tiny, plain, epochs=3, batch_size=32)
    assert [epoch.train_loss for epoch in fast] == pytest.approx(losses, rel=1e-4)
    for ours, theirs in zip(fast.model.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=2e-3, atol=2e-4)


def test_training_with_a_step_limit_ends_within_an_epoch(tiny: Dataset) -> None:
    """7 steps of 32 images, 5 per epoch: the second epoch ends after two batches."""
    whole = -(-len(tiny.train) // 32)
    fast = trainer(tiny, batch_size=32, steps=whole + 2)
    plain = network()
    plain_loop(tiny, plain, epochs=2, batch_size=32, steps=whole + 2)
    first, last = fast
    assert (first.share, last.share) == (1.0, 64 / len(tiny.train))
    for ours, theirs in zip(fast.model.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=2e-3, atol=2e-4)


def test_schedules_end_with_the_last_step(tiny: Dataset) -> None:
    whole = -(-len(tiny.train) // 32)
    job = trainer(tiny, batch_size=32, steps=whole + 2, schedule="cosine", lr=1.0)
    rates = [job._rate(step) for step in range(whole + 2)]
    assert rates == pytest.approx(
        [(1 + math.cos(math.pi * step / (whole + 2))) / 2 for step in range(whole + 2)]
    )


def test_it_learns(tiny: Dataset) -> None:
    *_, last = trainer(tiny, epochs=12, lr=0.01)
    assert last.test_accuracy > 0.95


def test_evaluation_sees_every_image_once_in_order(tiny: Dataset) -> None:
    job = trainer(tiny)
    next(iter(job))
    job.model.eval()
    alone = []
    with torch.inference_mode():
        for row in range(len(tiny.test)):
            image = torch.tensor(tiny.test.images[row : row + 1]).float() / 255
            alone.append(job.model((image - tiny.mean[0]) / tiny.std[0]))
    assert job.test_logits.shape == (57, 4)
    torch.testing.assert_close(job.test_logits, torch.cat(alone), rtol=1e-4, atol=1e-5)


def test_evaluation_batch_fits_into_memory(tiny: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """One image needs input and output of the ReLU at once: 2 · 1000 float32."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 1000), nn.ReLU(), nn.Linear(1000, 4))
    whole = trainer(tiny).test_batches
    logits = trainer(tiny, model).evaluate(whole)
    for room, size in ((500.0, 500), (499.0, 256), (16.0, 16), (15.9, 8), (0.5, 1)):
        monkeypatch.setattr("convcompare.models.peak_memory.EVALUATION_MEMORY", int(room * 8000))
        job = trainer(tiny, model)
        torch.testing.assert_close(job.evaluate(whole), logits, rtol=1e-5, atol=1e-6)
        assert job.evaluate.batch == size, room


@pytest.mark.parametrize(
    ("precision", "room", "sizes"),
    [
        ("fp32", 500, [500, 500, 135]),
        ("fp32", 499, [250, 250, 250, 250, 135]),
        ("fp32", 128, [125] * 8 + [68, 67]),
        ("fp32", 1, [72, 72, 72, 71, 71, 71, 71] * 2 + [68, 67]),
        ("bf16", 1, [500, 500, 135]),
    ],
)
def test_cpu_evaluates_in_parts_that_fit_reused_memory(
    tiny: Dataset, monkeypatch: pytest.MonkeyPatch, precision: str, room: int, sizes: list[int]
) -> None:
    """Equal ones of 64 images or more; an image takes 8000 bytes, as above, `room` is in images."""
    monkeypatch.setattr("convcompare.models.peak_memory.REUSED_MEMORY", room * 8000)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 1000), nn.ReLU(), nn.Linear(1000, 4))
    job = trainer(tiny, model, precision=precision)
    rows = torch.arange(1135) % len(tiny.test)
    many = copy.copy(job.test_batches)
    many.images, many.labels = many.images[rows], many.labels[rows]
    seen: list[int] = []
    job.evaluate(job.test_batches)
    model.register_forward_pre_hook(lambda _, images: seen.append(len(images[0])))
    logits = job.evaluate(many)
    assert seen == sizes
    torch.testing.assert_close(logits[: len(tiny.test)], job.evaluate(job.test_batches))


SETTINGS = [
    {"optimizer": "adam"},
    {"optimizer": "adamw", "weight_decay": 0.05, "schedule": "one-cycle", "augment": "true"},
    {"optimizer": "sgd", "schedule": "cosine", "label_smoothing": 0.1, "batch_size": 50},
    {"optimizer": "adam", "precision": "bf16", "augment": "true"},
    {"val_fraction": 0.25, "select": "best", "lr": 0.02},
    {"steps": 23, "batch_size": 20, "schedule": "one-cycle"},
    {"optimizer": "muon", "lr": 0.2, "other_lr": 0.02, "schedule": "triangle", "momentum": 0.6},
    {"optimizer": "muon", "weight_decay": 0.1, "augment": "alternating", "tta": "true"},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_resumed_after_any_epoch_is_bit_identical(tiny: Dataset, settings: dict[str, Any]) -> None:
    whole = trainer(tiny, **settings)
    states, epochs = [], []
    for epoch in whole:
        epochs.append(epoch)
        states.append({name: t.clone() for name, t in whole.state().items()})
    for done in (1, 2):
        torch.manual_seed(done)  # earlier activity of the process must have no effect
        resumed = trainer(tiny, network(seed=done), **settings)
        resumed.restore(done, {name: t.contiguous() for name, t in states[done - 1].items()})
        rest = list(resumed)
        assert [e.train_loss for e in rest] == [e.train_loss for e in epochs[done:]]
        for name, tensor in resumed.state().items():
            assert torch.equal(tensor, states[-1][name]), name
        assert torch.equal(resumed.test_logits, whole.test_logits)


class Unsteady(nn.Module):
    """Changes a buffer and drops activations in evaluation mode too."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = network()
        self.register_buffer("seen", torch.zeros(16, 16))

    def forward(self, x: Tensor) -> Tensor:
        seen = 0.9 * self.get_buffer("seen")[: x.shape[2], : x.shape[3]] + x.detach().mean((0, 1))
        self.seen = seen
        return self.inner(F.dropout(x - self.seen, 0.5))  # type: ignore[no-any-return]


def test_evaluation_leaves_no_trace_and_draws_reproducibly(tiny: Dataset) -> None:
    side = tiny.train.images.shape[-1]
    torch.manual_seed(0)
    model = Unsteady()
    model.seen = torch.zeros(side, side)
    start = copy.deepcopy(model)
    whole = trainer(tiny, model)
    first = next(iter(whole))
    kept = {name: t.clone() for name, t in whole.state().items()}
    logits = whole.evaluate(whole.test_batches)
    torch.manual_seed(1)
    assert torch.equal(logits, whole.evaluate(whole.test_batches))
    assert torch.equal(logits, whole.test_logits) and first.test_loss is not None
    assert all(torch.equal(t, kept[name]) for name, t in whole.state().items())
    resumed = trainer(tiny, start)
    resumed.restore(1, kept)
    assert [e.test_loss for e in resumed] == [e.test_loss for e in whole]
    assert torch.equal(resumed.test_logits, whole.test_logits)


def test_the_final_network_is_evaluated_on_its_training_images(tiny: Dataset) -> None:
    """Without dropout and by BatchNorm's averages, as the test images are; nothing changes."""
    made = trainer(tiny, epochs=2)
    list(made)
    before = copy.deepcopy(made.model.state_dict())
    found = made.train_evaluation()
    with torch.no_grad():
        logits = made.model.eval()(normalised(tiny, torch.arange(len(tiny.train.labels))))
    labels = torch.tensor(tiny.train.labels)
    assert found.images == len(labels)
    assert found.accuracy == (logits.argmax(1) == labels).double().mean().item()
    assert found.loss == pytest.approx(F.cross_entropy(logits, labels).item(), rel=1e-5)
    assert all(torch.equal(before[name], one) for name, one in made.model.state_dict().items())


def test_evenly_spaced_sample_of_many_images_is_evaluated(tiny: Dataset) -> None:
    batches = Batches(tiny.train, tiny, torch.device("cpu"))
    some = batches.evenly(7)
    rows = [i * len(batches) // 7 for i in range(7)]
    assert torch.equal(some.images, batches.images[rows])
    assert torch.equal(some.labels, batches.labels[rows])
    assert len(batches.evenly(10**6)) == len(batches)


def test_best_epoch_is_selected_on_held_out_images(tiny: Dataset) -> None:
    job = trainer(tiny, val_fraction=0.25, select="best", lr=0.02, epochs=5)
    assert job.val_batches is not None
    images = [b.images.flatten(1).tolist() for b in (job.train_batches, job.val_batches)]
    assert sorted(images[0] + images[1]) == sorted(
        torch.from_numpy(tiny.train.images).permute(0, 2, 3, 1).flatten(1).tolist()
    )
    counts = torch.bincount(torch.tensor(tiny.train.labels))
    held_out = torch.bincount(job.val_batches.labels)
    assert torch.equal(held_out, (0.25 * counts).round().long())
    sizes = len(job.train_batches), len(job.val_batches)
    assert sizes == image_numbers(job.config, tiny.train.labels)
    history, logits = [], []
    for epoch in job:
        history.append(epoch)
        logits.append(job.test_logits.clone())
    best = best_epoch(history)
    assert best.val_accuracy == max(epoch.val_accuracy or 0 for epoch in history)
    assert torch.equal(job.finish(), logits[best.epoch - 1])
    torch.testing.assert_close(job.evaluate(job.test_batches), logits[best.epoch - 1])


def test_held_out_images_are_the_same_for_every_network_of_a_seed(tiny: Dataset) -> None:
    ours = trainer(tiny, network(0), val_fraction=0.2)
    theirs = trainer(tiny, network(1), val_fraction=0.2)
    assert ours.val_batches and theirs.val_batches
    assert torch.equal(ours.val_batches.images, theirs.val_batches.images)


def test_no_epoch_is_selected_by_test_images() -> None:
    with pytest.raises(UsageError, match="test images"):
        TrainConfig().replace({"select": "best"})


def test_later_settings_keep_older_ids() -> None:
    plain = TrainConfig()
    assert "val_fraction" not in plain.identity() and "select" not in plain.identity()
    assert plain.replace({"val_fraction": "0.1"}).identity()["val_fraction"] == 0.1


def test_the_memory_of_a_step_is_counted(tiny: Dataset) -> None:
    job = trainer(tiny, batch_size=32)
    weights = 4 * sum(p.numel() for p in job.model.parameters())
    maps = 4 * 32 * 8 * 8 * 8  # the images of a batch behind the convolution: 8 channels of 8×8
    peak = peak_memory(job)
    assert peak > 3 * weights + 2 * maps  # weights, two averages; convolution and BatchNorm
    assert peak < 4 * weights + 12 * maps
    wide = trainer(tiny, batch_size=64)
    assert peak_memory(wide) > 1.5 * peak


def test_warm_up_and_measuring_leave_no_trace(tiny: Dataset) -> None:
    plain, warmed = trainer(tiny), trainer(tiny)
    random_state = torch.get_rng_state()
    step_seconds(warmed)
    peak_memory(warmed)
    warmed.evaluate(warmed.test_batches)
    assert torch.equal(torch.get_rng_state(), random_state)
    for ours, theirs in zip(warmed, plain, strict=True):
        assert ours.train_loss == theirs.train_loss
        assert ours.test_loss == theirs.test_loss


def test_training_leaves_the_global_random_state_alone(tiny: Dataset) -> None:
    torch.manual_seed(1)
    expected = torch.get_rng_state()
    job = trainer(tiny, copy.deepcopy(network_without_seeding()))
    list(job)
    assert torch.equal(torch.get_rng_state(), expected)


def network_without_seeding() -> nn.Module:
    with torch.random.fork_rng():
        return network()


def test_infinite_loss_stops_the_run_and_reports_the_step(tiny: Dataset) -> None:
    job = trainer(tiny, optimizer="sgd", lr=1e30, epochs=2)
    with pytest.raises(Diverged, match=r"epoch 1, step \d+, learning rate 1e\+30"):
        list(job)


def test_seeds_draw_different_orders_and_epochs_too(tiny: Dataset) -> None:
    batches = Batches(tiny.train, tiny, torch.device("cpu"))

    def order(seed: int) -> list[int]:
        return torch.cat([y for _, y in batches.shuffled(10, seed, "none", 0)]).tolist()

    assert order(1) == order(1) != order(2)
    assert sorted(order(1)) == sorted(tiny.train.labels.tolist())


def test_normalisation_agrees_with_its_definition(tiny: Dataset) -> None:
    batches = Batches(tiny.train, tiny, torch.device("cpu"))
    images, labels = next(batches.in_order(16))
    torch.testing.assert_close(images, normalised(tiny, torch.arange(16)), rtol=1e-5, atol=1e-6)
    assert labels.tolist() == tiny.train.labels[:16].tolist()


def test_augmentation_shifts_with_black_and_mirrors_half() -> None:
    n, side = 400, 16
    images = torch.zeros(n, side, side, 1, dtype=torch.uint8)
    images[:, 8, 5] = 255
    moves = draw_moves(n, side, torch.Generator().manual_seed(0))
    moved = shifted(images, moves, mirrored=True)
    assert moved.shape == images.shape
    where = moved.nonzero()
    assert len(where) == n, "one bright pixel stays one bright pixel"
    rows, columns = where[:, 1], where[:, 2]
    assert set(rows.tolist()) == set(range(6, 11)), "shifts of up to an eighth of the side"
    mirrored = columns >= 8
    assert 0.4 < mirrored.double().mean() < 0.6
    assert set(columns.tolist()) == {3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
    kept = shifted(images, moves, mirrored=False)
    assert set(kept.nonzero()[:, 2].tolist()) == {3, 4, 5, 6, 7}


def test_images_are_resized_on_the_device(tiny: Dataset) -> None:
    batches = Batches(tiny.train, tiny, torch.device("cpu"))
    plain, _ = next(batches.in_order(4))
    larger, _ = next(batches.resized(16).in_order(4))
    assert larger.shape == (4, 1, 16, 16)
    expected = F.interpolate(plain, (16, 16), mode="bilinear", antialias=True)
    torch.testing.assert_close(larger, expected)
    assert next(batches.resized(None).in_order(4))[0].shape == (4, 1, 8, 8)


NARROW = """
import torch
from torch import nn
from convcompare.training.memory_format import channels_last
for channels in (1, 4, 7, 8):
    net = nn.Sequential(nn.Conv2d(1, channels, 3), nn.Conv2d(channels, 8, 1, stride=2))
    net = channels_last(net, torch.device("cpu"))
    for _ in range(5):
        images = torch.rand(64, 1, 30, 30).to(memory_format=torch.channels_last)
        net(images).sum().backward()
"""


def test_narrow_strided_convolution_writes_within_its_memory() -> None:
    """torch corrupts memory for such a convolution in channels-last layout."""
    assert subprocess.run([sys.executable, "-c", NARROW], check=False, timeout=900).returncode == 0
