"""Trials that run out of memory: reported as such, others continue, nothing is made smaller."""

from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from convcompare.core import failures
from convcompare.store.run_store import RunStore
from tests.torture.harness import fork_server

Run = Callable[..., Any]
HERE = "tests.training.test_out_of_memory"
"""Import of this module in another process."""
DATA = ("-d", "shapes:train=192,test=48", "-b", "64", "--threads", "1")
GREEDY = """
import numpy, torch
from torch import nn


class Net(nn.Sequential):
    def __init__(self, in_channels, image_size, num_classes):
        super().__init__(nn.Flatten(), nn.Linear(in_channels * image_size**2, num_classes))
        self.epoch = 0

    def begin_epoch(self, epoch):
        self.epoch = epoch

    def forward(self, images):
        if self.epoch and self.training:
            {body}
        return super().forward(images)
"""
HINT = "a smaller `--batch-size`, fewer `--jobs`"


def greedy(folder: Path, body: str) -> None:
    (folder / "net.py").write_text(GREEDY.replace("{body}", body))


@pytest.mark.parametrize(
    ("body", "jobs"),
    [
        pytest.param("torch.zeros(1 << 45)", "2", marks=pytest.mark.torture),
        ("numpy.zeros(1 << 55)", "1"),
    ],
)
def test_out_of_memory_is_located_and_the_others_continue(
    run: Run, tmp_path: Path, body: str, jobs: str
) -> None:
    greedy(tmp_path, body)
    result = run("compare", *DATA, "net.py:Net", "fcn:hidden=8", "-e", "2", "--jobs", jobs)
    assert result.code == 1
    (line,) = [line for line in result.err.splitlines() if line.startswith("warning: net.py")]
    assert "net.py:Net (seed 0) failed: out of memory" in line
    assert "in epoch 2, step 1; the state after epoch 1 is kept" in line
    assert HINT in line
    rows = {row["model"]: row for row in run("runs", "--format", "json").json()["runs"]}
    assert (rows["net.py:Net"]["status"], rows["fcn:hidden=8"]["status"]) == ("failed", "finished")
    failed = rows["net.py:Net"]["id"]
    store = RunStore(tmp_path / "runs")
    assert store.trial(failed).config.batch_size == 64, "nothing was made smaller"
    checkpoint, _ = store.checkpoint(failed)
    assert checkpoint is not None and len(checkpoint.history) == 1


@pytest.mark.usefixtures("own_code_here")
def test_network_that_cannot_fit_is_refused_before_training(run: Run, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(
        "from torch import nn\ndef Net(num_classes):\n    return nn.Linear(1 << 22, 1 << 22)\n"
    )
    result = run("compare", *DATA, "net.py:Net", "fcn:hidden=8", "-e", "1")
    assert result.code == 2
    assert "error: `net.py:Net`: out of memory (tried to allocate 65,536.00 GiB)" in result.err
    assert not (tmp_path / "runs").exists()


def limit() -> None:
    """Limit the address space of the process of a command to five gigabytes."""
    resource.setrlimit(resource.RLIMIT_AS, (5 << 30, 5 << 30))


def test_process_limit_ends_only_one_trial(tmp_path: Path) -> None:
    large = "fcn:hidden=60000x60000"
    command = ("compare", *DATA, large, "fcn:hidden=8", "-e", "1")
    done = fork_server().run(command, tmp_path, before=f"{HERE}:limit").clean(1)
    assert f"{large} (seed 0) failed: out of memory" in done.err
    assert HINT in done.err
    store = RunStore(tmp_path / "runs")
    runs = [store.outcome(run_id) for run_id in store.ids()]
    assert sorted(run.status for run in runs if run) == ["failed", "finished"], done.err


@contextlib.contextmanager
def memory_group(limit: int) -> Iterator[Path]:
    """Create a control group with this limit in bytes; skip the test if that is impossible."""
    for root, name in (("memory", "memory.limit_in_bytes"), ("", "memory.max")):
        group = Path("/sys/fs/cgroup", root, f"convcompare-{os.getpid()}")
        with contextlib.suppress(OSError):
            group.mkdir()
            try:
                (group / name).write_text(str(limit))
                yield group
                return
            finally:
                group.rmdir()
    pytest.skip("no group of processes with less memory can be made here")


def enter(group: str) -> None:
    """Move the process of a command, and so its children, into a control group."""
    Path(group, "cgroup.procs").write_text(str(os.getpid()))


@pytest.mark.torture  # the short suite has process limits and kills (experiment/test_jobs.py)
@pytest.mark.usefixtures("only_victim")
def test_worker_killed_by_the_system_is_out_of_memory(tmp_path: Path) -> None:
    greedy(tmp_path, "torch.ones(1 << 30)")
    command = ("compare", *DATA, "net.py:Net", "fcn:hidden=8", "-e", "2", "--jobs", "2")
    with memory_group(2 << 30) as group:
        how = {"before": f"{HERE}:enter", "group": str(group)}
        done = fork_server().run(command, tmp_path, **how).clean(1)
    assert "net.py:Net (seed 0) failed: out of memory: its process was killed" in done.err
    assert "the state after epoch 1 is kept" in done.err
    assert "try 2" not in done.err
    assert HINT in done.err


def test_other_errors_are_not_reported_as_out_of_memory() -> None:
    for error in (RuntimeError("shape mismatch"), ValueError("out of memory"), OSError(2, "gone")):
        assert not failures.is_out_of_memory(error)
    gpu = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has …")
    assert failures.in_words(gpu) == "out of memory (tried to allocate 20.00 GiB)"
    assert failures.is_out_of_memory(gpu)


def test_operation_without_bfloat16_is_named_in_the_hint() -> None:
    with pytest.raises(RuntimeError) as error:
        torch.sparse.mm(torch.eye(2).to_sparse(), torch.ones(2, 2, dtype=torch.bfloat16))
    message = failures.reason(error.value)
    assert failures.hint_of(message, "bf16").startswith("`--precision fp32`")
    assert failures.hint_of(message, "fp32") == "the same command tries again"
    assert failures.hint_of(failures.in_words(MemoryError()), "bf16").startswith(HINT)
