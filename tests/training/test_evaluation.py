"""`evaluate=last`: the same training, with test figures for the epochs that results use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from convcompare.core.config import TrainConfig
from convcompare.data.dataset import Dataset
from convcompare.store.run import Epoch, Trial
from convcompare.training.batches import Batches
from convcompare.training.trainer import Diverged, Trainer

FIGURES = ("train_loss", "train_accuracy", "val_loss", "val_accuracy", "lr", "share")


def network() -> nn.Module:
    """Running statistics and dropout: state that an evaluation could disturb."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(256, 4),
    )


def trainer(dataset: Dataset, model: nn.Module | None = None, **settings: str) -> Trainer:
    config = TrainConfig().replace({"epochs": "8", "lr": "0.01", **settings})
    cpu = torch.device("cpu")
    batches = [Batches(split, dataset, cpu) for split in (dataset.train, dataset.test)]
    return Trainer(model or network(), *batches, config, 5, dataset.augmentation)


def both(
    dataset: Dataset, model: Callable[[], nn.Module] = network, **settings: str
) -> tuple[list[Epoch], list[Epoch], Trainer, Trainer]:
    """Return the epochs of a training with test images evaluated after every epoch, those of the
    same training with only the last evaluated, and the trainers at the end."""
    every, last = (trainer(dataset, model(), evaluate=how, **settings) for how in ("every", "last"))
    return list(every), list(last), every, last


def evaluated(epochs: list[Epoch]) -> list[int]:
    assert all((one.test_loss is None) == (one.test_accuracy is None) for one in epochs)
    return [one.epoch for one in epochs if one.test_loss is not None]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, [4, 5, 6, 7, 8]),
        ({"epochs": "6", "schedule": "one-cycle", "augment": "true"}, [2, 3, 4, 5, 6]),
        ({"epochs": "5"}, [1, 2, 3, 4, 5]),
        ({"epochs": "1"}, [1]),
        ({"batch_size": "20", "steps": "65"}, [2, 3, 4, 5, 6]),
        ({"val_fraction": "0.25"}, [4, 5, 6, 7, 8]),
    ],
    ids=str,
)
def test_training_is_independent_of_evaluation(
    tiny: Dataset, settings: dict[str, str], expected: list[int]
) -> None:
    """Bit by bit: weights, running statistics, optimizer, logits, losses of every epoch, and the
    test figures of those that are evaluated."""
    every, last, whole, part = both(tiny, **settings)
    assert evaluated(every) == [one.epoch for one in every]
    assert evaluated(last) == expected
    for then, now in zip(every, last, strict=True):
        assert [getattr(then, name) for name in FIGURES] == [getattr(now, name) for name in FIGURES]
        if now.epoch in expected:
            assert (then.test_loss, then.test_accuracy) == (now.test_loss, now.test_accuracy)
    states = whole.state(), part.state()
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert torch.equal(whole.finish(), part.finish())


def test_epochs_that_may_be_selected_are_evaluated(tiny: Dataset) -> None:
    """These are better on held-out images than all before, or among the last."""
    every, last, whole, part = both(tiny, val_fraction="0.25", select="best", epochs="9")
    best, records = -1.0, set[int]()
    for one in every:
        assert one.val_accuracy is not None
        if one.val_accuracy > best:
            best = one.val_accuracy
            records.add(one.epoch)
    assert evaluated(last) == sorted(records | {5, 6, 7, 8, 9})
    assert len(evaluated(last)) < 9
    assert torch.equal(whole.finish(), part.finish())
    weights = [one.model.state_dict() for one in (whole, part)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


@pytest.mark.parametrize("settings", [{}, {"val_fraction": "0.25", "select": "best"}], ids=str)
def test_resumed_run_evaluates_the_same_epochs(tiny: Dataset, settings: dict[str, str]) -> None:
    whole = trainer(tiny, evaluate="last", **settings)
    states, epochs = [], []
    for epoch in whole:
        epochs.append(epoch)
        states.append({name: tensor.clone() for name, tensor in whole.state().items()})
    logits = whole.finish()
    for done in (2, 3, 7, 8):
        again = trainer(tiny, evaluate="last", **settings)
        again.restore(done, states[done - 1])
        rest = list(again)
        assert evaluated(rest) == [one for one in evaluated(epochs) if one > done]
        assert [one.test_loss for one in rest] == [one.test_loss for one in epochs[done:]]
        assert torch.equal(again.finish(), logits)


class NoSense(nn.Module):
    """A network that trains, with NaN as output in evaluation mode."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = network()

    def forward(self, images: Tensor) -> Tensor:
        out: Tensor = self.inner(images)
        return out if self.training else out * torch.nan


def test_non_finite_test_loss_is_detected_at_its_epoch(tiny: Dataset) -> None:
    for how, after in (("every", 1), ("last", 4)):
        with pytest.raises(Diverged, match=f"the test loss was nan after epoch {after},"):
            list(trainer(tiny, NoSense(), evaluate=how))


def test_non_finite_training_loss_ends_the_run_at_once(tiny: Dataset) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 4))
    with pytest.raises(Diverged, match="in epoch 1, step"):
        list(trainer(tiny, model, evaluate="last", optimizer="sgd", lr="1e38"))


def test_id_depends_on_evaluate_only_if_it_has_an_effect() -> None:
    def trial(**settings: Any) -> str:
        return Trial("fcn:hidden=8", "tiny", "ab" * 32, 0, TrainConfig(**settings)).id

    assert "evaluate" not in TrainConfig(epochs=6).identity()
    assert trial(epochs=5, evaluate="last") == trial(epochs=5)
    assert trial(epochs=6, evaluate="last") != trial(epochs=6)
    assert trial() == trial(evaluate="every") == "c4a9793a70a9", "as before there was the setting"


class Merging(nn.Module):
    """Low-rank weights that are added to the full ones for evaluation, as LoRA's are; a pass that
    takes a gradient, moves a parameter and keeps a tensor in evaluation mode too."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = network()
        self.full = self.inner.get_submodule("5").weight
        self.a, self.b = nn.Parameter(torch.randn(2, 256)), nn.Parameter(0.1 * torch.randn(4, 2))
        self.moves, self.kept, self.merged = nn.Parameter(torch.ones(1)), torch.ones(1), False

    def train(self, mode: bool = True) -> Merging:
        super().train(mode)
        if self.merged == mode:
            with torch.no_grad():
                self.full.add_(self.b @ self.a, alpha=-1 if mode else 1)
            self.merged = not mode
        return self

    def forward(self, x: Tensor) -> Tensor:
        with torch.enable_grad():
            inner = x.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(inner.square().sum(), inner)
        if not self.training:
            self.moves.data += x.mean()
            self.kept = x.new_ones(1)
        features: Tensor = self.inner[:5](x - 0.1 * gradient) * self.kept  # type: ignore[index]
        logits: Tensor = self.inner.get_submodule("5")(features) * self.moves
        return logits if self.merged else logits + features @ self.a.T @ self.b.T


def test_weights_return_from_their_evaluation_form(tiny: Dataset) -> None:
    """Evaluated or not, resumed or not, the weights have the same bits and the same logits."""
    every, last, whole, part = both(tiny, model=Merging)
    assert [one.train_loss for one in every] == [one.train_loss for one in last]
    states = whole.state(), part.state()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    resumed, first = trainer(tiny, Merging()), trainer(tiny, Merging())
    next(iter(first))
    resumed.restore(1, {name: tensor.clone() for name, tensor in first.state().items()})
    assert [one.test_loss for one in resumed] == [one.test_loss for one in every[1:]]
    logits, again = whole.finish(), trainer(tiny, Merging())
    again.model.load_state_dict(whole.model.state_dict())
    assert torch.equal(again.evaluate(again.test_batches), logits)
