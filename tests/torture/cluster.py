"""``make torture-cluster``: trials on a Ray cluster while workers, nodes and drivers are killed.

A head without a CPU and two nodes of one CPU, on this machine. Every death comes at a random
moment: after a random number of trials have ended, and a random time after that. The results must
be equal to those of the same trials one after another in one process. The counts go into
docs/reliability.md.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.ray_cluster import (
    COMMAND,
    Nodes,
    assert_same_results,
    await_end,
    descendants,
    files,
)

from .harness import ROOT, processor
from .table import put

EPOCHS = 4
MODELS = ("fcn:hidden=8", "fcn:dropout=0.2")
LONGEST = 1500.0
"""Seconds after which the trials hang."""
EPOCH = re.compile(r"^(\S+ · seed \d+ · epoch \d+)/\d+", re.MULTILINE)


@dataclass
class Counts:
    """What was done to the cluster, and what came of it."""

    trials: int
    workers_killed: int = 0
    nodes_removed: int = 0
    drivers_killed: int = 0
    tried_again: int = 0
    """Deaths that a driver lived to tell."""
    went_on: int = 0
    """Trials that went on after an epoch that another process had trained."""
    finished: int = 0
    findings: list[str] = field(default_factory=list)

    def must(self, holds: object, otherwise: str) -> None:
        if not holds:
            self.findings.append(otherwise)


class Torture:
    """One comparison on a cluster, and all that is done to it until it has ended."""

    def __init__(self, asked: argparse.Namespace, cluster: Nodes, folder: Path) -> None:
        self.cluster, self.folder = cluster, folder
        self.store = folder / "ray"
        self.chance = random.Random(asked.seed)
        self.counts = Counts(2 * asked.seeds)
        self.trials = ["compare", "-d", "mnist-mini", "--threads", "1", "--precision", "fp32"]
        self.trials += [*MODELS, "--seeds", str(asked.seeds), "-e", str(EPOCHS), "--shard", "1/1"]
        deaths = ["worker"] * asked.kills + ["node"] * asked.nodes + ["driver"] * asked.drivers
        self.chance.shuffle(deaths)
        moments = sorted(self.chance.uniform(0, 0.95 * self.counts.trials) for _ in deaths)
        self.retries = list(zip(moments, deaths, strict=True))
        self.killed: list[str] = []
        self.seen: dict[str, bytes] = {}
        self.said = ""

    def run(self) -> Counts:
        """Start the command again and again until it comes to its end."""
        began, codes = time.monotonic(), list[int]()
        while not codes or codes[-1] == -signal.SIGKILL:
            codes.append(self._drive(began + LONGEST))
        counts = self.counts
        counts.must(codes[-1] == 0, f"exit code {codes[-1]}: {self.said[-700:]}")
        counts.must(not self.retries, f"{len(self.retries)} deaths came too late")
        counts.must("Traceback" not in self.said, "a traceback was shown")
        counts.tried_again = len(re.findall(r" died: try \d", self.said))
        counts.went_on = self.said.count(" · resumes after epoch ")
        twice = [line for line, n in Counter(EPOCH.findall(self.said)).items() if n > 1]
        counts.must(not twice, f"trained twice: {twice[:3]}")
        self._look()
        counts.finished = len(self.seen)
        counts.must(counts.finished == counts.trials, f"{counts.finished} trials have ended")
        self._compare()
        return counts

    def _drive(self, deadline: float) -> int:
        """One life of the command: what is due is done to it and its cluster; its exit code."""
        address = ("--executor", "ray", "--ray-address", self.cluster.address)
        log = self.folder / "said"
        with (
            log.open("wb") as said,
            subprocess.Popen(
                [*COMMAND, *self.trials, *address, "--store", str(self.store)],
                cwd=self.folder,
                env=self.cluster.environment,
                stdout=subprocess.DEVNULL,
                stderr=said,
            ) as process,
        ):
            while process.poll() is None:
                time.sleep(self.chance.uniform(0.05, 0.7))
                if time.monotonic() > deadline:
                    process.kill()
                    self.counts.must(False, "it hangs")
                    self.retries.clear()
                    process.wait()
                    return -signal.SIGABRT
                if self.retries and self._look() >= self.retries[0][0]:
                    self._strike(process)
        self.said += log.read_text(errors="replace")
        return process.returncode

    def _strike(self, process: subprocess.Popen[bytes]) -> None:
        """The next death, where there is something to kill."""
        kind, counts = self.retries[0][1], self.counts
        if kind == "worker":
            trial = self.cluster.kill_worker(self.chance, self.killed)
            if trial is None:
                return
            self.killed.append(trial)
            counts.workers_killed += 1
        elif kind == "node":
            self.cluster.change("remove")
            counts.nodes_removed += 1
            time.sleep(self.chance.uniform(0, 4))
            self.cluster.change("add")
        else:
            left = descendants(process.pid)
            process.kill()
            process.wait()
            counts.drivers_killed += 1
            counts.must(not await_end(left), "a process outlived its driver")
        del self.retries[0]
        print(f"{self._look()} trials have ended; a {kind} died", flush=True)

    def _look(self) -> int:
        """How many trials have ended; a record that is there stays as it is."""
        now = files(self.store, "run.json")
        changed = [name for name, data in self.seen.items() if now.get(name) != data]
        self.counts.must(not changed, f"records that changed: {changed[:3]}")
        self.seen = {**now, **self.seen}
        return len(now)

    def _compare(self) -> None:
        command = [*COMMAND, *self.trials, "--store", "local", "-q"]
        environment = self.cluster.environment
        subprocess.run(command, cwd=self.folder, env=environment, check=True)
        try:
            assert_same_results(self.store, self.folder / "local", self.counts.trials)
        except AssertionError:
            self.counts.must(False, "results differ from those of one process")


def table(counts: Counts, seconds: float, command: str) -> str:
    """The counts in Markdown, with what they were on and when."""
    wrong = "; ".join(counts.findings) or "nothing"
    rows = {
        "trials": counts.trials,
        "workers killed by SIGKILL while they ran a trial": counts.workers_killed,
        "nodes removed": counts.nodes_removed,
        "drivers killed by SIGKILL": counts.drivers_killed,
        "deaths after which a driver sent the trial again": counts.tried_again,
        "times a trial went on after a saved epoch": counts.went_on,
        "trials that ended, each once": counts.finished,
        "found wrong": wrong,
    }
    today = datetime.datetime.now(datetime.UTC).date()
    place = f"{processor()}, {os.cpu_count()} cores, {platform.system()}"
    lines = ["| | |", "|---|--:|", *(f"| {name} | {value} |" for name, value in rows.items())]
    said = f"{today} · `{command}` · {place} · {seconds / 60:.0f} min"
    return "\n".join([*lines, "", said])


def main() -> int:
    parser = argparse.ArgumentParser(prog="make torture-cluster", description=__doc__)
    parser.add_argument("--seeds", type=int, default=50, help="of two networks each")
    parser.add_argument("--kills", type=int, default=30, help="workers")
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--drivers", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    started = time.monotonic()
    cluster = Nodes()
    with tempfile.TemporaryDirectory(prefix="torture-", ignore_cleanup_errors=True) as folder:
        try:
            counts = Torture(asked, cluster, Path(folder)).run()
        finally:
            left = cluster.close()
    counts.must(not left, f"{len(left)} processes are left behind")
    command = " ".join(["python -m tests.torture.cluster", *sys.argv[1:]])
    text = table(counts, time.monotonic() - started, command)
    if len(sys.argv) == 1:
        put(text, "cluster", ROOT / "docs" / "reliability.md")
    print(text)
    return 1 if counts.findings else 0


if __name__ == "__main__":
    sys.exit(main())
