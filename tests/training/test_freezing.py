"""Frozen parameters."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from convcompare.core.config import TrainConfig
from convcompare.core.errors import ModelError, UsageError
from convcompare.data.dataset import Dataset
from convcompare.models.build import Builder, resolve
from convcompare.models.shape import Shape
from convcompare.store.run import Trial
from convcompare.training.batches import Batches
from convcompare.training.trainer import Trainer

SHAPE = Shape(3, 8, 4)


def trained(dataset: Dataset, spec: str, freeze: str, **settings: object) -> tuple[dict, dict]:
    """Return the state of a network before and after two epochs."""
    shape = Shape(dataset.channels, dataset.image_size, len(dataset.classes))
    config = TrainConfig(epochs=2, freeze=freeze, **settings)
    model = resolve(spec, shape, freeze).build(0)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    device = torch.device("cpu")
    batches = [Batches(split, dataset, device) for split in (dataset.train, dataset.test)]
    list(Trainer(model, *batches, config, 0))
    return before, model.state_dict()


@pytest.mark.parametrize("settings", [{}, {"optimizer": "sgd", "weight_decay": 0.1},
                                      {"optimizer": "muon", "lr": 0.1}])  # fmt: skip
def test_frozen_parameters_keep_their_bits_and_the_others_change(
    tiny: Dataset, settings: dict[str, object]
) -> None:
    before, after = trained(tiny, "cnn:depth=2,hidden=8", r"^conv1\.", **settings)
    names = [name for name in before if "running" not in name and "num_batches" not in name]
    kept = {name for name in names if torch.equal(before[name], after[name])}
    assert kept == {name for name in names if name.startswith("conv1.")} != set()


def test_running_statistics_of_a_frozen_batchnorm_still_change(tiny: Dataset) -> None:
    before, after = trained(tiny, "cnn:depth=2,hidden=8,norm=batch", "bn|norm")
    moved = [n for n in before if n.endswith("running_mean") and not before[n].equal(after[n])]
    norms = [n for n in before if n.endswith("running_mean")]
    assert moved == norms != []
    description = resolve("cnn:depth=2,hidden=8,norm=batch", SHAPE, "bn|norm").description
    assert description.frozen and description.frozen.updated_norms == len(norms)


def test_counts_add_up() -> None:
    whole = resolve("fcn:hidden=16x8", SHAPE).description
    part = resolve("fcn:hidden=16x8", SHAPE, r"^fc1|fc2\.bias").description
    assert part.frozen is not None and whole.frozen is None
    assert part.parameters + part.frozen.parameters == whole.parameters
    assert part.macs == whole.macs, "of a forward pass, which runs as ever"


def test_parameters_that_a_network_unfreezes_stay_frozen(tiny: Dataset) -> None:
    before, after = trained(tiny, "speedrun:widths=4x4", r"\.bias$", batch_size=64)
    kept = [name for name in before if name.endswith(".bias")]
    assert kept and all(torch.equal(before[name], after[name]) for name in kept)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [("nothing-here", "matches no parameter"), ("weight|bias", "leaves nothing")],
)
def test_freezing_nothing_or_everything_is_refused(pattern: str, message: str) -> None:
    with pytest.raises(ModelError, match=f"`--freeze .*` {message}") as caught:
        resolve("fcn", SHAPE, pattern).build(0)
    assert "weight`" in (caught.value.hint or "") and "\n" not in str(caught.value)


def test_invalid_pattern_is_refused() -> None:
    with pytest.raises(UsageError, match="invalid value for `--freeze`: `\\(` \\(missing \\)"):
        TrainConfig().replace({"freeze": "("})


def test_id_depends_on_freeze_only_if_given() -> None:
    def trial(config: TrainConfig) -> str:
        return Trial("fcn", "mnist", "0", 0, config).id

    assert "freeze" not in TrainConfig().identity()
    frozen = TrainConfig().replace({"freeze": "^conv"})
    assert len({trial(TrainConfig()), trial(frozen), trial(TrainConfig(freeze="conv"))}) == 3


class _Own(nn.Module):
    """A lazy layer, and two layers that share their weight."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.LazyLinear(6)
        self.first, self.second = nn.Linear(6, 6), nn.Linear(6, 6)
        self.second.weight = self.first.weight
        self.head = nn.Linear(6, 4)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.second(self.first(self.stem(images.flatten(1))).relu()))


@pytest.mark.parametrize(
    ("pattern", "frozen"),
    [
        ("^second", {"first.weight", "second.bias"}),
        ("stem", {"stem.weight", "stem.bias"}),
        ("bias", {"stem.bias", "first.bias", "second.bias", "head.bias"}),
    ],
)
def test_shared_and_lazy_parameters(pattern: str, frozen: set[str]) -> None:
    builder = Builder("own", _Own, {}, SHAPE, "file", freeze=pattern, examined=False)
    model = builder.build(0)
    assert {name for name, p in model.named_parameters() if not p.requires_grad} == frozen
    counted = builder.description.frozen
    assert counted and (counted.tensors, counted.of_tensors) == (len(frozen), 7)
    every = sum(p.numel() for p in model.parameters())
    assert builder.description.parameters + counted.parameters == every
