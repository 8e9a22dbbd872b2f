"""Training over two processes with real gloo: numbers of one device, kills, invalid input."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from convcompare.core.config import RECIPES, Runtime, TrainConfig, recipe_name
from convcompare.core.errors import UsageError
from convcompare.core.seeding import TrialSeeds
from convcompare.data.dataset import Dataset
from convcompare.experiment.shapes import shape_of
from convcompare.experiment.trial_grid import Candidate
from convcompare.experiment.trial_runner import TrialRunner
from convcompare.models.build import resolve
from convcompare.store.run_store import RunStore
from convcompare.training import hardware
from convcompare.training.device_group import ALONE, DeviceGroup
from tests.support import device_process
from tests.support.cli import ENDED_BY, each_signal
from tests.support.ray_cluster import await_end
from tests.support.stores import assert_same_bits
from tests.torture.harness import fork_server

Run = Callable[..., Any]
KILLS = int(os.environ.get("CONVCOMPARE_KILLS", "1"))
"""Number of trainings with a killed process; `make torture-devices` sets more."""
EPOCHS = 8
"""Epochs of such a training: enough that some remain after the kill."""
TRAIN = ("train", "-d", "mnist-mini", "--threads", "2", "--devices", "2")
NET = """
import os
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.head = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(784), nn.Dropout(0.2),
                                  nn.Linear(784, num_classes))
        self.register_buffer("steps", torch.zeros(()))
        print("a line that must not pass for an event")

    def forward(self, x):
        self.steps += self.training
        if self.steps == 100 and {when}:
            raise ValueError("no such luck")
        return self.head(x)
"""


# The numbers


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Tensor]]]:
    """Return the folder of the results of two processes, and the tensors of each."""
    folder = tmp_path_factory.mktemp("two")
    root = Path(device_process.__file__).parents[2]
    sides = []
    for rank in ("0", "1"):
        place = {"RANK": rank, "WORLD_SIZE": "2", "GLOO_SOCKET_IFNAME": "lo"}
        environment = {**os.environ, **place, "TORCH_CPP_LOG_LEVEL": "ERROR"}
        command = [sys.executable, "-W", "error", "-m", device_process.__name__, str(folder)]
        sides.append(subprocess.Popen(command, env=environment, cwd=root))
    assert [side.wait() for side in sides] == [0, 0]
    return folder, [torch.load(folder / f"{rank}.pt") for rank in (0, 1)]


Two = tuple[Path, list[dict[str, Tensor]]]


def test_all_devices_have_the_same_bits(two: Two) -> None:
    folder, (first, second) = two
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        assert torch.equal(tensor, second[name]), name
    assert (folder / "0.json").read_text() == (folder / "1.json").read_text()


@pytest.mark.parametrize("size", device_process.SIZES)
def test_gradient_equals_that_of_one_device(two: Two, size: int) -> None:
    alone = device_process.gradients(ALONE, size)
    assert len(alone) == 4
    for name, gradient in alone.items():
        torch.testing.assert_close(two[1][0][f"gradient.{name}"], gradient, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("size", device_process.SIZES)
def test_every_image_is_evaluated_once_and_in_order(two: Two, size: int) -> None:
    found = two[1][0][f"logits.{size}"]
    assert found.shape == (size, 4)
    torch.testing.assert_close(found, device_process.logits(ALONE, size), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", device_process.SETTINGS)
def test_training_equals_that_of_one_device_up_to_rounding(two: Two, name: str) -> None:
    job, history = device_process.trained(
        device_process.Plain, ALONE, **device_process.SETTINGS[name]
    )
    told = json.loads((two[0] / "0.json").read_text())
    for one, other in zip(history, told[name], strict=True):
        assert one == pytest.approx(other, rel=5e-3)
    for key, tensor in job.model.state_dict().items():
        found = two[1][0][f"{name}.model.{key}"]
        torch.testing.assert_close(found, tensor, rtol=2e-2, atol=2e-3)


def test_batchnorm_and_buffers_are_those_of_the_first_device(two: Two) -> None:
    job, _ = device_process.trained(device_process.Irregular, ALONE, batch_size=50)
    found = two[1][0]
    assert found["whimsical.model.mask"].all()
    assert not torch.allclose(found["whimsical.model.seen"], job.model.seen, rtol=0.1)
    assert found["whimsical.model.norm.num_batches_tracked"] == 2 * 5


def test_divergence_is_reported_as_on_one_device(two: Two) -> None:
    told = json.loads((two[0] / "0.json").read_text())["diverged"]
    assert told == device_process.diverged(ALONE) != ""


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_parts_of_a_batch_make_up_the_batch(size: int) -> None:
    for images in range(1, 70):
        rows: list[int] = []
        shares = []
        for rank in range(size):
            devices = DeviceGroup.__new__(DeviceGroup)
            devices.rank, devices.size = rank, size
            part = devices.shard(images)
            rows += range(images)[part.rows] if part.share else []
            shares.append(part.share)
            assert len(range(images)[part.rows]) >= min(2, images)
        assert rows == list(range(images))
        assert sum(shares) == pytest.approx(1)


def test_each_device_draws_its_own_dropout() -> None:
    seeds = TrialSeeds(3)
    assert seeds.dropout(2, rank=0) == seeds.dropout(2)
    assert len({seeds.dropout(2, rank) for rank in range(8)}) == 8


def test_several_devices_are_part_of_the_id() -> None:
    config = TrainConfig()
    assert "devices" not in config.identity()
    assert config.replace({"devices": "2"}).identity() == {**config.identity(), "devices": 2}
    assert recipe_name(RECIPES["modern"].replace({"devices": "2"})) == "modern"


# The command line


def ranks_of(pid: int) -> dict[int, int]:
    """Return the device processes that a command has started, by rank, from /proc.

    The launcher has rank -1.
    """
    parents: dict[int, int] = {}
    found: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                parents[int(stat.parent.name)] = int(parent)
        except OSError:
            continue
    for process, launcher in parents.items():
        if parents.get(launcher) == pid:
            try:
                variables = Path(f"/proc/{process}/environ").read_bytes().split(b"\0")
            except OSError:
                continue
            mine = {int(v[5:]): process for v in variables if v.startswith(b"RANK=")}
            found |= {**mine, -1: launcher} if mine else {}
    return found


def train_whole(folder: Path, epochs: int) -> None:
    """Train without interruption into the store ``whole`` of the folder."""
    (folder / "net.py").write_text(NET.replace("{when}", "False"))
    command = [*TRAIN, "net.py:Net", "-e", str(epochs), "--store", "whole", "--seed", "1"]
    error = fork_server().run(command, folder).clean(0).err
    assert "2 × cpu, 1 thread each" in error
    assert error.count(f"epoch {epochs}/{epochs}") == 1
    assert "Warning" not in error


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of an uninterrupted training."""
    folder = tmp_path_factory.mktemp("whole")
    train_whole(folder, EPOCHS)
    return folder


def test_record_has_the_devices_and_their_shares(tmp_path: Path) -> None:
    train_whole(tmp_path, 2)
    store = RunStore(tmp_path / "whole")
    (run,) = (store.run(run_id) for run_id in store.ids())
    assert (run.trial.config.devices, run.environment.devices) == (2, 2)
    assert (run.environment.threads, run.jobs, run.trial.config.batch_size) == (1, 1, 64)
    assert run.train_seconds == sum(epoch.train_seconds for epoch in run.history) > 0
    assert run.history[-1].test_accuracy > 0.8


@pytest.mark.torture
@pytest.mark.parametrize("number", range(KILLS))
def test_killed_device_changes_nothing(whole: Path, number: int) -> None:
    chance = random.Random(number)
    store = f"killed-{number}"
    epoch, rank = (chance.choice((0, 1, 2)), chance.choice((0, 1, -1))) if number else (1, 1)
    command = [*TRAIN, "net.py:Net", "-e", str(EPOCHS), "--seed", "1", "--store", store]
    job = fork_server().start(command, whole)
    if epoch:
        job.until(f"epoch {epoch}/{EPOCHS}")
    while job.runs() and not ranks_of(job.pid):
        time.sleep(0.05)
    time.sleep(chance.uniform(0, 0.3 if epoch else 3) if number else 0)
    victim = ranks_of(job.pid).get(rank)
    if victim is not None:
        os.kill(victim, signal.SIGKILL)
    said = job.wait().clean(0).err
    assert_same_bits(whole / "whole", whole / store)
    if number == 0:
        assert "its process was killed (signal 9, SIGKILL): try 2" in said
        assert "resumes after epoch" in said


def test_all_devices_restart_if_a_checkpoint_is_missing(tmp_path: Path) -> None:
    """Devices that resumed from the saved epoch had other images and waited for ever."""
    hidden = NET.replace('register_buffer("steps", torch.zeros(()))', "steps = 0")
    (tmp_path / "net.py").write_text(hidden.replace("{when}", "False"))
    command = [*TRAIN, "net.py:Net", "-e", str(EPOCHS)]
    job = fork_server().start(command, tmp_path)
    job.until(f"epoch 1/{EPOCHS}")
    job.signal(signal.SIGINT, group=False)
    said = [job.wait().err, fork_server().start(command, tmp_path).wait().clean(0).err]
    first, again = (re.findall(rf"epoch 1/{EPOCHS} · (.*) ·", one) for one in said)
    assert first == again != []
    assert "starts again" in said[1]


@each_signal
def test_interrupted_training_leaves_no_process_and_no_folder(
    tmp_path: Path, number: signal.Signals
) -> None:
    (tmp_path / "temporary").mkdir()
    command = [*TRAIN, "fcn:hidden=8", "-e", "50"]
    job = fork_server().start(command, tmp_path, env={"TMPDIR": str(tmp_path / "temporary")})
    job.until("epoch 1/50")
    ranks = ranks_of(job.pid)
    assert sorted(ranks) == [-1, 0, 1]
    job.signal(number, group=False)
    ended = job.wait()
    assert ended.code == ENDED_BY[number]
    assert "Traceback" not in ended.err
    assert number == signal.SIGKILL or "the same command resumes" in ended.err
    assert not await_end(list(ranks.values()))
    while list((tmp_path / "temporary").glob("convcompare-*")):
        time.sleep(0.05)


@pytest.mark.torture  # as for one in its own process: experiment/test_foreign_code.py
@pytest.mark.usefixtures("own_code_here")
@pytest.mark.parametrize("when", ['os.environ["RANK"] == "1"', "True"])
def test_error_of_a_network_is_reported_and_not_retried(
    run: Run, tmp_path: Path, when: str
) -> None:
    (tmp_path / "net.py").write_text(NET.replace("{when}", when))
    result = run(*TRAIN, "net.py:Net", "-e", "1")
    assert result.code == 1
    assert "failed: ValueError: no such luck (net.py, line 17)" in result.err
    assert "try 2" not in result.err
    (row,) = run("runs", "--format", "json").json()["runs"]
    assert row["status"] == "failed"


def test_plan_reports_that_it_measured_one_device(run: Run) -> None:
    result = run(*TRAIN, "fcn", "--dry-run")
    assert "batch 64 split among 2, 5 epochs · 2 × cpu, 1 thread each" in result.err
    assert "from a few measured steps per model on one device" in result.out


def test_another_executor_refuses_the_trials_of_several_devices(
    run: Run, tmp_path: Path, tiny: Dataset
) -> None:
    result = run("compare", *TRAIN[1:], "fcn", "--executor", "local")
    assert (result.code, "trains each network on one device, not 2" in result.err) == (2, True)
    config = TrainConfig(devices=2, batch_size=32)
    trial = Candidate("fcn", resolve("fcn", shape_of(tiny)), config).trial(tiny, 0)
    runner = TrialRunner(RunStore(tmp_path), Runtime("cpu", 1), tiny)
    with pytest.raises(UsageError, match="is for 2 devices together"):
        list(runner(trial))


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (("--devices", "0"), "invalid value for `--devices`: `0`", "allowed"),
        (("--devices", "two"), "invalid value for `--devices`: `two`", "allowed"),
        (("--devices", "2", "--jobs", "2"), "`--devices` and `--jobs` cannot be combined", "a"),
        (("--devices", "2", "--compile", "on"), "`--devices` and `--compile on` cannot be", "one"),
        (("--devices", "9", "-b", "8"), "a batch of 8 cannot be split among 9", "at most 8"),
        (("--devices", "65", "-b", "128"), "65 devices are more than the CPU", "at most 64"),
    ],
)
def test_invalid_device_requests_are_refused(
    run: Run, arguments: tuple[str, ...], message: str, hint: str
) -> None:
    result = run("compare", "-d", "mnist-mini", "fcn", *arguments)
    assert result.code == 2
    assert f"error: {message}" in result.err
    assert "hint: " in result.err and hint in result.err
    assert len(result.err.splitlines()) == 2


def test_missing_gpus_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.distributed, "is_nccl_available", lambda: True)
    monkeypatch.setattr(hardware, "device_count", lambda kind: 2)
    assert hardware.spread(Runtime("cuda", 8), 2) == Runtime("cuda", 4, devices=2)
    with pytest.raises(UsageError, match="there are not 4 devices `cuda` here, but 2"):
        hardware.spread(Runtime("cuda", 8), 4)
    with pytest.raises(UsageError, match="`--device cuda:1` is one device, not 2"):
        hardware.spread(Runtime("cuda:1", 8), 2)


def test_torch_without_distributed_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.distributed, "is_available", lambda: False)
    with pytest.raises(UsageError, match="was built without support for several devices"):
        hardware.spread(Runtime("cpu", 2), 2)
    assert hardware.spread(Runtime("cpu", 2), 1) == Runtime("cpu", 2)
