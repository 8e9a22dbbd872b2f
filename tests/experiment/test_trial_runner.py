"""The runner of single trials: the network that it trains for each."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from convcompare.core.config import Runtime, TrainConfig
from convcompare.core.errors import UsageError
from convcompare.data.dataset import Dataset
from convcompare.experiment.events import Ended, EpochFinished
from convcompare.experiment.shapes import shape_of
from convcompare.experiment.trial_grid import Candidate
from convcompare.experiment.trial_runner import TrialRunner, execute
from convcompare.models.build import resolve
from convcompare.store.checkpoints import Checkpoint
from convcompare.store.json_fields import to_record
from convcompare.store.json_records import write_record
from convcompare.store.run_store import RunStore

NET = """
from torch import nn

with open("imports", "a") as imports:
    imports.write("x")

def Net(in_channels: int, image_size: int, num_classes: int):
    return nn.Sequential(nn.Flatten(), nn.Linear(in_channels * image_size**2, num_classes))
"""
DRAWING = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, in_channels: int, image_size: int, num_classes: int):
        super().__init__()
        self.fc = nn.Linear(in_channels * image_size**2, num_classes)

    def initialise_from(self, images):
        self.fc.bias.copy_(torch.rand_like(self.fc.bias))

    def forward(self, x):
        return self.fc(x.flatten(1))
"""
TRAIN = ("train", "net.py:Net", "-d", "shapes:train=96,test=48", "-e", "1", "-b", "32", "-q")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(NET)
    return tmp_path


@pytest.mark.usefixtures("own_code_here")
def test_command_resolves_a_spec_once_for_all_its_trials(
    run: Callable[..., Any], folder: Path
) -> None:
    assert run("compare", "fcn:hidden=8", *TRAIN[1:], "--seeds", "2").code == 0
    assert (folder / "imports").read_text() == "x"


def test_runner_refuses_a_trial_of_another_file_version(folder: Path, tiny: Dataset) -> None:
    builder = resolve("net.py:Net", shape_of(tiny))
    trial = Candidate("net.py:Net", builder, TrainConfig(epochs=1, batch_size=32)).trial(tiny, 0)
    given = TrialRunner(RunStore(folder / "a"), Runtime("cpu", 1), tiny, networks=[builder])
    (folder / "net.py").write_text(NET + "# changed")
    list(given(trial))
    other = TrialRunner(RunStore(folder / "b"), Runtime("cpu", 1), tiny)
    with pytest.raises(UsageError, match="has changed meanwhile"):
        list(other(trial))


def test_resumed_run_reads_its_checkpoint_once(folder: Path, tiny: Dataset) -> None:
    """It is as large as the weights and the optimizer state, and verified while it is read."""

    class Counting(RunStore):
        reads = 0

        def checkpoint(self, run_id: str) -> tuple[Checkpoint | None, str]:
            self.reads += 1
            return super().checkpoint(run_id)

    builder = resolve("net.py:Net", shape_of(tiny))
    trial = Candidate("net.py:Net", builder, TrainConfig(epochs=2, batch_size=32)).trial(tiny, 0)
    for epoch in (1, 2):
        store = Counting(folder / "a")
        runner = TrialRunner(store, Runtime("cpu", 1), tiny, networks=[builder])
        with closing(iter(runner(trial))) as events:
            trained = (one.epoch.epoch for one in events if isinstance(one, EpochFinished))
            assert next(trained) == epoch
        assert store.reads == 1


@pytest.mark.usefixtures("own_code_here")
def test_network_that_draws_in_its_setup_uses_the_newer_numerics(
    run: Callable[..., Any], folder: Path
) -> None:
    """A run of the previous version is another trial; one that cannot be repeated is refused."""
    (folder / "net.py").write_text(DRAWING)
    assert run("compare", "fcn:hidden=8", *TRAIN[1:]).code == 0
    store = RunStore(folder / "runs")
    found = {store.trial(run_id).label: store.run(run_id) for run_id in store.ids()}
    assert found["fcn:hidden=8"].trial.numerics == 1
    drawn = found["net.py:Net"]
    assert drawn.trial.numerics == 2
    assert run("runs", "verify", drawn.id, "-q").code == 0
    old = replace(drawn, trial=replace(drawn.trial, numerics=1))
    (folder / "runs" / drawn.id).rename(folder / "runs" / old.id)
    for name, record in (("trial.json", to_record(old.trial)), ("run.json", old.to_json())):
        write_record(folder / "runs" / old.id / name, record)
    refused = run("runs", "verify", old.id)
    assert refused.code == 2
    assert "cannot be repeated: `initialise_from` drew from the stream of the" in refused.err
    assert run(*TRAIN).code == 0
    assert {*store.ids()} == {found["fcn:hidden=8"].id, drawn.id, old.id}


def test_finished_runs_come_first(folder: Path, tiny: Dataset) -> None:
    """So the count of finished trials is right from the start, even if interrupted."""
    builder = resolve("fcn:hidden=8", shape_of(tiny))
    of = Candidate("fcn:hidden=8", builder, TrainConfig(epochs=1, batch_size=32)).trial
    trials = [of(tiny, seed) for seed in range(3)]
    runner = TrialRunner(RunStore(folder / "runs"), Runtime("cpu", 1), tiny, networks=[builder])
    list(runner(trials[2]))
    ended = [one for one in execute(trials, runner) if isinstance(one, Ended)]
    assert [(one.run.trial.seed, one.reused) for one in ended] == [
        (2, True),
        (0, False),
        (1, False),
    ]
