from __future__ import annotations

import pytest
import torch
from torch import nn

from convcompare.core.config import RECIPES, TrainConfig, recipe_name
from convcompare.core.errors import UsageError
from convcompare.training.optim import learning_rate, make_optimizer


def rates(schedule: str, steps: int = 1000) -> list[float]:
    config = TrainConfig().replace({"schedule": schedule, "lr": "0.1"})
    return [learning_rate(config, step, steps) for step in range(steps)]


def test_schedules() -> None:
    assert set(rates("constant")) == {0.1}
    cosine = rates("cosine")
    assert cosine[0] == 0.1
    assert cosine[500] == pytest.approx(0.05)
    assert cosine == sorted(cosine, reverse=True)
    one_cycle = rates("one-cycle")
    top = one_cycle.index(max(one_cycle))
    assert max(one_cycle) == pytest.approx(0.1)
    assert 295 <= top <= 300
    assert one_cycle[:top] == sorted(one_cycle[:top])
    assert 0 < one_cycle[-1] < 0.001


@pytest.mark.parametrize("schedule", ["constant", "cosine", "one-cycle", "triangle"])
@pytest.mark.parametrize("steps", [1, 2, 3])
def test_short_schedules_stay_positive(schedule: str, steps: int) -> None:
    assert all(rate > 0 for rate in rates(schedule, steps))


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_optimizers_are_fused_and_do_not_decay_biases(name: str) -> None:
    config = TrainConfig().replace({"optimizer": name, "weight_decay": "0.1"})
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    optimizer = make_optimizer(config, model.parameters())
    assert isinstance(
        optimizer, {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}.get(name, torch.optim.SGD)
    )
    decayed, kept = optimizer.param_groups
    assert decayed["fused"]
    assert [p.ndim for p in decayed["params"]] == [4]
    assert {p.ndim for p in kept["params"]} == {1}
    assert (decayed["weight_decay"], kept["weight_decay"]) == (0.1, 0.0)


def test_recipe_names_include_changed_settings() -> None:
    assert recipe_name(RECIPES["report"]) == "report"
    assert recipe_name(RECIPES["modern"].replace({"epochs": "30"})) == "modern"
    assert recipe_name(TrainConfig().replace({"lr": "0.01"})) == "report, lr=0.01"


@pytest.mark.parametrize(
    ("setting", "hint"),
    [
        ({"epochs": "0"}, "at least 1"),
        ({"epochs": "-3"}, "at least 1"),
        ({"batch_size": "0"}, "at least 1"),
        ({"lr": "0"}, "above 0"),
        ({"lr": "inf"}, "a number"),
        ({"other_lr": "0.1"}, "other_lr=none"),
        ({"augment": "maybe"}, "true or false or alternating"),
        ({"optimizer": "adamm"}, "adam, adamw, sgd, muon"),
        ({"epoch": "3"}, "did you mean `epochs`?"),
    ],
)
def test_invalid_settings_get_the_allowed_values(setting: dict[str, str], hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        TrainConfig().replace(setting)
    assert hint in (caught.value.hint or "")


def test_complex_parameters_are_trained_as_their_real_and_imaginary_parts() -> None:
    draw = torch.Generator().manual_seed(0)
    start = torch.randn(3, 4, generator=draw, dtype=torch.cfloat)
    target = torch.randn(3, 4, generator=draw, dtype=torch.cfloat)
    ended = []
    for begun in (start, torch.view_as_real(start)):
        weight = nn.Parameter(begun.clone())
        optimizer = make_optimizer(TrainConfig(optimizer="adam", lr=0.1), [weight])
        for _ in range(5):
            optimizer.zero_grad()
            value = weight if weight.is_complex() else torch.view_as_complex(weight)
            (value - target).abs().square().sum().backward()
            optimizer.step()
        ended.append(
            torch.view_as_real(weight.detach()) if weight.is_complex() else weight.detach()
        )
    torch.testing.assert_close(*ended)
