"""Parallel trials in real processes: same bits, killed workers, interrupts, exclusive timing."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from convcompare.comparison.comparison import Comparison
from convcompare.comparison.run_flags import SHARED, ChanceLevel, disturbed, marks
from convcompare.output.tables.comparison_table import time_words
from convcompare.store.run_store import RunStore
from tests.support.cli import ENDED_BY, each_signal
from tests.support.own_code import own_code_here
from tests.support.ray_cluster import await_end
from tests.support.stores import assert_same_bits
from tests.torture.harness import Ended, fork_server

Run = Callable[..., Any]
MINI = ("-d", "mnist-mini", "--threads", "1")
SHAPES = ("-d", "shapes:train=256,test=64", "-b", "64", "--threads", "1")
MODELS = ("fcn:dropout=0.2", "fcn:hidden=8")
PAIR = ("compare", *MINI, *MODELS, "-e", "2")
NET = """
import os, signal
import torch
from pathlib import Path
from torch import nn

class Net(nn.Module):
    def __init__(self, in_channels, image_size, num_classes):
        super().__init__()
        self.head = nn.Linear(in_channels * image_size**2, num_classes)
        self.register_buffer("steps", torch.zeros(()))
        print("a line that must not pass for an event")

    def forward(self, x):
        {body}
        return self.head(x.flatten(1))
"""
DIES = """
        self.steps += self.training and len(x) == 64  # of a training, not of the tries before it
        if self.steps == 6:
            os.kill(os.getpid(), signal.SIGKILL)
"""
RAISES = """
        self.steps += self.training and len(x) == 64  # of a training, not of the tries before it
        if self.steps == 6:
            raise ValueError("no such luck")
"""
DIES_ONCE = """
        self.steps += self.training and len(x) == 64  # of a training, not of the tries before it
        if self.steps == 6 and not Path("died").exists():
            Path("died").touch()
            os.kill(os.getpid(), signal.SIGKILL)
"""
"""In its second epoch of four steps."""


@pytest.fixture(autouse=True)
def one_thread_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def workers_of(pid: int) -> list[int]:
    """Return the child processes of a process, from /proc."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(parent) == pid and state != "Z":
            found.append(int(stat.parent.name))
    return found


@pytest.fixture(scope="module")
def jobs_2(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ended]:
    """Return the store of a comparison with two parallel trials, and its output."""
    folder = tmp_path_factory.mktemp("jobs")
    return folder / "two", fork_server().run(
        [*PAIR, "--store", "two", "--jobs", "2"], folder
    ).clean(0)


@pytest.fixture
def result(jobs_2: tuple[Path, Ended], tmp_path: Path) -> Ended:
    """Return the output of that comparison, with a copy of its store as ``two``."""
    shutil.copytree(jobs_2[0], tmp_path / "two")
    return jobs_2[1]


def test_parallel_runs_have_the_same_bits_and_exclusive_times(
    result: Ended, run: Run, tmp_path: Path
) -> None:
    assert run(*PAIR, "--store", "one").code == 0
    assert_same_bits(tmp_path / "one", tmp_path / "two")
    assert result.err.count("epoch 2/2") == 2
    assert "2 at a time, 1 thread each" in result.err
    assert (
        "steps of each run timed alone on cpu, 1 thread, after the trainings (which ran 2"
        in result.out
    )
    record = run("runs", "latest", "--store", "two", "--format", "json").json()
    store = RunStore(tmp_path / "two")
    for model in record["models"]:
        (shown,) = model["runs"]
        stored = store.run(shown["id"])
        timing = stored.timing
        assert timing is not None
        assert (stored.jobs, timing.environment.jobs, timing.steps) == (2, 1, 157)
        assert timing.low <= timing.seconds_per_step <= timing.high
        assert shown["train_seconds"] == pytest.approx(2 * 157 * timing.seconds_per_step)
        assert shown["inference"] == [vars(latency) for latency in timing.inference]
        assert "timing" not in json.loads((store.folder(stored.id) / "run.json").read_text())
        assert timing.waited is None or 0 <= timing.waited < 1
        assert disturbed(stored) == ((timing.waited or 0) > SHARED)
    busy = "shared the machine" in result.err
    assert busy or all(contrast["ratio"] for contrast in record["cost_contrasts"])
    again = run(*PAIR, "--store", "two", "--jobs", "2")
    assert ("timing " in again.err) == busy, "what was measured with the device alone is kept"
    assert " plain steps of each run timed alone" in time_words(
        _as_compiled(Comparison.latest(store))
    )


def _as_compiled(comparison: Comparison) -> Comparison:
    """Return the comparison as if training had compiled its steps and timing had not."""
    groups = []
    for group in comparison.groups:
        runs = [
            replace(run, environment=replace(run.environment, compiled=True)) for run in group.runs
        ]
        groups.append(replace(group, runs=tuple(runs)))
    return replace(comparison, groups=tuple(groups))


def test_missing_time_is_measured_by_the_next_call(result: Ended, run: Run, tmp_path: Path) -> None:
    for path in (tmp_path / "two").glob("*/timing.json"):
        path.unlink()
    comparison = Comparison.latest(RunStore(tmp_path / "two"))
    (one, *_), *_ = (group.runs for group in comparison.groups)
    assert (one.train_seconds, one.epoch_seconds, one.inference) == (None, None, ())
    assert all(mark.name != "shared" for mark in marks(one, ChanceLevel(0.1, 2000)))
    assert time_words(comparison).startswith("none of 2 that ran 2 at a time")
    shown = run("runs", "latest", "--store", "two", "--format", "json").json()
    assert [model["train_seconds"] for model in shown["models"]] == [None, None]
    assert "no time was measured" in shown["cost_contrasts"][0]["verdict"]
    assert run("runs", "--store", "two").code == 0
    with_one_more = run(*PAIR, "fcn:hidden=16", "--store", "two")
    assert "timing 2 runs" in with_one_more.err
    assert "of 1 of 3 runs their training, alone; of the others scaled from" in with_one_more.out


def network(tmp_path: Path, name: str, body: str) -> None:
    (tmp_path / name).write_text(NET.replace("{body}", body))


@pytest.mark.usefixtures("only_victim")
def test_killed_trial_resumes_in_a_new_process_with_the_same_bits(run: Run, tmp_path: Path) -> None:
    network(tmp_path, "once.py", DIES_ONCE)
    command = ("compare", *SHAPES, "once.py:Net", "fcn:hidden=8", "-e", "2")
    result = run(*command, "--store", "two", "--jobs", "2")
    assert result.code == 0
    assert "once.py:Net · seed 0 · its process was killed (signal 9, SIGKILL): try 2" in result.err
    assert "once.py:Net · seed 0 · resumes after epoch 1" in result.err
    assert (tmp_path / "died").exists()
    with own_code_here():
        assert run(*command, "--store", "one").code == 0
    assert_same_bits(tmp_path / "one", tmp_path / "two")


@pytest.mark.torture
@pytest.mark.usefixtures("only_victim")
def test_killed_or_failed_trial_is_reported_and_the_others_continue(
    run: Run, tmp_path: Path
) -> None:
    """Killed once: a new process resumes. Three times: a failure. An error: as in process."""
    for name, body in (("once", DIES_ONCE), ("dies", DIES), ("raises", RAISES)):
        network(tmp_path, f"{name}.py", body)
    (tmp_path / "died").touch()
    command = ("compare", *SHAPES, "raises.py:Net", "once.py:Net", "fcn:hidden=8", "-e", "2")
    alone = run(*command, "--store", "one")
    (tmp_path / "died").unlink()
    result = run(*command, "dies.py:Net", "--store", "two", "--jobs", "2")
    assert (alone.code, result.code) == (1, 1)
    told = [
        [line for line in one.err.splitlines() if "no such luck" in line] for one in (alone, result)
    ]
    assert told[0] == told[1] != []
    assert "once.py:Net · seed 0 · its process was killed (signal 9, SIGKILL): try 2" in result.err
    assert "once.py:Net · seed 0 · resumes after epoch 1" in result.err
    assert "out of memory? its process was killed (signal 9, SIGKILL), 3 times" in result.err
    rows = run("runs", "--store", "two", "--format", "json").json()["runs"]
    statuses = {row["model"].partition(".py")[0]: row["status"] for row in rows}
    failed, finished = {"dies", "raises"}, {"once", "fcn:hidden=8"}
    assert statuses == {**dict.fromkeys(failed, "failed"), **dict.fromkeys(finished, "finished")}
    assert_same_bits(tmp_path / "one", tmp_path / "two")


@each_signal
def test_interrupted_command_leaves_no_worker_and_resumes(
    tmp_path: Path, number: signal.Signals
) -> None:
    command = ["compare", *MINI, *MODELS, "-e", "12", "--jobs", "2"]
    process = fork_server().start([*command, "--store", "s"], tmp_path)
    process.until("epoch 2/12")
    workers = workers_of(process.pid)
    assert len(workers) == 2
    process.signal(number, group=False)
    ended = process.wait()
    assert ended.code == ENDED_BY[number]
    assert "Traceback" not in ended.err
    assert number == signal.SIGKILL or "the same command resumes" in ended.err
    assert not await_end(workers)
    if number == signal.SIGTERM:  # resuming after kills is in the torture suite
        again = fork_server().run([*command, "--store", "s"], tmp_path).clean(0)
        assert "resumes after epoch" in again.err
        fork_server().run([*command[:-2], "--store", "whole"], tmp_path).clean(0)
        assert_same_bits(tmp_path / "s", tmp_path / "whole")
        assert not list((tmp_path / "s").rglob(".tmp-*"))


def test_plan_accounts_for_parallel_trials(run: Run) -> None:
    command = ("compare", *MINI, *MODELS, "--dry-run")
    assert "with 2 parallel trials" in run(*command, "--jobs", "2").out
    assert "parallel trials" not in run(*command).out


@pytest.mark.parametrize("jobs", ["0", "-1", "many", "1.5", "100000"])
def test_invalid_number_of_jobs_is_refused(run: Run, jobs: str) -> None:
    result = run("compare", *MINI, "fcn", f"--jobs={jobs}")
    assert result.code == 2
    assert f"error: invalid value for `--jobs`: `{jobs}`" in result.err
    assert "a number from 1 to 256, or auto" in result.err


def test_jobs_and_executor_must_agree(run: Run) -> None:
    result = run("compare", *MINI, "fcn", "--jobs", "2", "--executor", "local")
    assert (result.code, "one trial at a time" in result.err) == (2, True)


def test_more_jobs_than_cores_is_reported(run: Run) -> None:
    many = str(4 * (os.cpu_count() or 1))
    result = run("compare", *MINI, *MODELS, "--dry-run", "--jobs", many)
    assert result.code == 0
    assert f"{many} parallel trials use {many} cores" in result.err
