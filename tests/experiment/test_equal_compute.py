"""Networks trained for the number of steps that a compute budget allows."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from convcompare.core.config import TrainConfig
from convcompare.core.errors import UsageError
from convcompare.experiment.budget import Budget
from convcompare.experiment.equal_compute import Price, passes
from convcompare.experiment.request import Request, model_requests
from convcompare.store.run import Run
from convcompare.store.run_store import RunStore
from tests.support.cli import Result

RunCommand = Callable[..., Result]
SMALL, LARGE = "fcn:hidden=8", "fcn:hidden=20"
MACS = {SMALL: 784 * 8 + 80, LARGE: 784 * 20 + 200}
IMAGES, BATCH = 10_000, 64
SCHEMA = Path(__file__).parents[2] / "docs" / "reference" / "comparison.schema.json"
MINI = ("--dataset", "mnist-mini", "--threads", "1")


def finished() -> dict[str, Run]:
    store = RunStore(Path("runs"))
    return {run.trial.label: run for run in map(store.run, store.ids())}


def steps_by_hand(paid: int, images: int, batch: int) -> int:
    """Count batches while the budget covers their images."""
    steps, at = 0, 0
    while (size := min(batch, images - at)) <= paid:
        paid, steps, at = paid - size, steps + 1, (at + size) % images
    return steps


@pytest.mark.parametrize("paid", [0, 1, 9, 10, 99, 103, 104, 206, 215, 1000])
@pytest.mark.parametrize("batch", [1, 10, 103, 50])
def test_steps_match_the_images_of_the_budget(paid: int, batch: int) -> None:
    images, each = 103, 7
    price = Price(images, batch, each=each)
    steps = price.steps(each * paid + each - 1)
    assert steps == steps_by_hand(paid, images, batch)
    assert price.of(steps) <= each * paid < price.of(steps + 1)


def test_seconds_are_counted_in_steps() -> None:
    price = Price(100, 32, step=0.1)
    assert (price.steps(0.3), price.steps(0.29), price.of(7)) == (3, 2, pytest.approx(0.7))
    assert price.steps(price.of(12345)) == 12345, "a round trip loses no step"


def test_passes_count_the_part_of_the_last_epoch() -> None:
    assert passes(TrainConfig(epochs=3), 100) == 3
    assert passes(TrainConfig(epochs=3, batch_size=30, steps=9), 100) == 2.3


def test_each_network_trains_for_the_same_macs(run: RunCommand) -> None:
    asked = 3 * MACS[LARGE] * 7_000
    result = run("compare", SMALL, LARGE, *MINI, "--budget", f"macs={asked}", "-f", "json")
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.validate(result.json(), json.loads(SCHEMA.read_text()))
    assert result.code == 0, result.err
    comparison = result.json()
    for one in comparison["models"]:
        steps = steps_by_hand(asked // (3 * MACS[one["model"]]), IMAGES, BATCH)
        found = finished()[one["model"]]
        assert found.trial.config.steps == steps
        whole, rest = divmod(steps, -(-IMAGES // BATCH))
        assert one["runs"][0]["epochs"] == pytest.approx(whole + rest * BATCH / IMAGES, abs=1e-4)
        assert 0 <= asked - 3 * MACS[one["model"]] * IMAGES * found.passes < 3 * BATCH * MACS[LARGE]
    assert comparison["conditions"]["budget"] == "333 M MACs of training each"
    (contrast,) = comparison["contrasts"]
    assert contrast["difference"] is not None, "other epochs are what was asked for"
    again = run("compare", SMALL, LARGE, *MINI, "--budget", f"macs={asked}")
    assert again.out.count("fcn:hidden") and "epoch 1/" not in again.err, "both are reused"


def test_matched_training_leaves_the_baseline_unchanged(run: RunCommand) -> None:
    """The runs of the baseline are those without the option, and are reused."""
    assert run("train", LARGE, *MINI, "-e", "1").code == 0
    result = run("compare", LARGE, SMALL, *MINI, "-e", "1", "--match", "training-macs")
    assert result.code == 0, result.err
    store = RunStore(Path("runs"))
    assert len(store.ids()) == 2
    assert finished()[LARGE].trial.config.steps is None
    paid = MACS[LARGE] * IMAGES // MACS[SMALL]
    assert finished()[SMALL].trial.config.steps == steps_by_hand(paid, IMAGES, BATCH)


def test_baseline_of_a_matched_time_is_timed_once(run: RunCommand) -> None:
    """A plan stores no time: a second measurement would change the epochs of the baseline."""
    plan = run("compare", LARGE, SMALL, *MINI, "-e", "3", "--match", "time", "-n", "-f", "json")
    epochs = {row["model"]: row["epochs"] for row in plan.json()["models"]}
    assert (epochs[LARGE], plan.err.count(f"the steps of `{LARGE}` were timed") <= 1) == (3, True)


def test_time_budget_gives_the_same_trials_again(run: RunCommand) -> None:
    command = ("compare", SMALL, LARGE, *MINI, "--budget", "time=0.2s", "-f", "json")
    assert run(*command).code == 0
    first = {run.id for run in finished().values()}
    kept = list(Path("runs", "step-times").iterdir())
    assert len(kept) == 2
    for one in finished().values():
        times = [json.loads(path.read_text())["seconds_per_step"] for path in kept]
        config = one.trial.config
        steps = config.steps or config.epochs * -(-IMAGES // BATCH)
        assert steps in [int(0.2 * (1 + 1e-9) / seconds) for seconds in times]
    assert run(*command).code == 0
    assert {run.id for run in finished().values()} == first
    assert run("runs", "check").code == 0
    kept[0].write_text("{}")
    assert run("runs", "check").code != 0


@pytest.mark.parametrize("text", ["", "macs", "macs=", "macs=0", "macs=nan", "time=0", "steps=3"])
def test_invalid_budget_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--budget") as caught:
        Budget.parse(text)
    assert caught.value.hint == "macs=1e15 or time=2m"


def test_conflicting_options_are_refused() -> None:
    models = model_requests([SMALL, LARGE])
    for wrong in (
        {"budget": "macs=1e9", "match": "time"},
        {"budget": "macs=1e9", "settings": {"epochs": "3"}},
        {"match": "time", "settings": {"steps": "3"}},
        {"budget": "time=2m", "worker": True},
    ):
        with pytest.raises(UsageError):
            Request(models=models, **wrong)  # type: ignore[arg-type]


@pytest.mark.usefixtures("own_code_here")
def test_a_budget_that_pays_for_nothing_or_cannot_be_counted(
    run: RunCommand, tmp_path: Path
) -> None:
    result = run("compare", SMALL, *MINI, "--budget", "macs=100")
    assert result.code == 2
    assert "are less than one step of `fcn:hidden=8`" in result.err
    (tmp_path / "net.py").write_text(UNCOUNTED)
    result = run("compare", "net.py:Net", *MINI, "--budget", "macs=1e9")
    assert result.code == 2
    assert "not counted are `aten::_fft" in result.err


UNCOUNTED = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, in_channels, image_size, num_classes):
        super().__init__()
        self.fc = nn.Linear(in_channels * image_size**2, num_classes)

    def forward(self, x):
        return self.fc(torch.fft.fft2(x).real.flatten(1))
"""
