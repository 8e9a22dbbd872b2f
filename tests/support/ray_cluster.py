"""A Ray cluster for tests, its processes, and the comparison of two stores."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from convcompare.core.process import descendants
from convcompare.experiment.workers.ray_task import FOLDER

from .stores import files

COMMAND = [sys.executable, "-c", "from convcompare.cli import main; main()"]
HANGING = 900.0
"""Seconds after which a process that should have ended counts as hanging."""
TOKEN = "0123456789abcdef" * 4
ENVIRONMENT = {
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": TOKEN,
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_enable_pipe_based_agent_to_parent_health_check": "1",
    "OMP_NUM_THREADS": "1",
}


class Nodes:
    """A head without a CPU and two nodes with one CPU each, on this machine."""

    def __init__(self) -> None:
        script = Path(__file__).with_name("ray_nodes.py")
        self.environment = {**os.environ, **ENVIRONMENT}
        self.process = subprocess.Popen(
            [sys.executable, str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=self.environment,
        )
        self.address = self._answer()

    def change(self, action: str) -> None:
        """Remove or add a node, and wait until it is done.

        Args:
            action: ``remove`` or ``add``.
        """
        assert self.process.stdin
        self.process.stdin.write(f"{action}\n")
        self.process.stdin.flush()
        assert self._answer() == action

    def close(self) -> list[int]:
        """Shut the cluster down; return the processes that outlive it."""
        all_ = descendants(self.process.pid)
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        self.process.wait(HANGING)
        self.process.stdout.close()
        return await_end(all_)

    def kill_worker(self, rng: random.Random, spared: Collection[str] = ()) -> str | None:
        """SIGKILL a process that trains and return the id of its trial, which is not in `spared`.

        Returns None if there is no such process.
        """
        mine = set(descendants(self.process.pid))
        found = {pid: trial for pid, trial in training() if pid in mine and trial not in spared}
        if not found:
            return None
        pid = rng.choice(sorted(found))
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        return found[pid]

    def _answer(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()


@contextlib.contextmanager
def nodes() -> Iterator[Nodes]:
    cluster = Nodes()
    try:
        yield cluster
    finally:
        left = cluster.close()
    assert not left, "no process of the cluster outlives it"


def title(pid: int) -> str:
    """Return the command line of a process; empty if it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace").replace("\0", " ").strip()
    except OSError:
        return ""


def training() -> Iterator[tuple[int, str]]:
    """Iterate over processes of this machine that run a trial for a cluster, with its id."""
    for record in Path(tempfile.gettempdir()).glob(f"{FOLDER}*/*/trial.json"):
        yield int(record.parts[-3].removeprefix(FOLDER).partition("-")[0]), record.parts[-2]


def await_end(pids: list[int], seconds: float = HANGING) -> list[int]:
    """Return the processes that have not ended after this time."""
    deadline = time.monotonic() + seconds
    while (left := [pid for pid in pids if title(pid)]) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left


def figures(store: Path) -> dict[str, list[tuple[float, ...]]]:
    """Return the measurements of every epoch by run, without times."""
    names = ("train_loss", "train_accuracy", "test_loss", "test_accuracy", "lr")
    records = {name: json.loads(data) for name, data in files(store, "run.json").items()}
    return {
        name: [tuple(epoch[figure] for figure in names) for epoch in record["history"]]
        for name, record in records.items()
    }


def assert_same_results(one: Path, other: Path, runs: int) -> None:
    """Assert that the runs of two stores have equal files and figures."""
    for name in ("weights.safetensors", "test_logits.npz", "analyses/gradients.npz"):
        found = files(one, name)
        assert len(found) == runs
        assert found == files(other, name)
    assert figures(one) == figures(other)
