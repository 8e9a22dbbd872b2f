"""``make torture-cluster``: trials on a Ray cluster while workers, nodes and drivers are killed.

The cluster is a head without a CPU and two nodes with one CPU each, on this machine. Each death is
at a random time after a random number of trials have ended. The results must equal those of the
same trials run in sequence in one process. The counts are written into docs/reliability.md.
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
from .table import replace_section

EPOCHS = 4
MODELS = ("fcn:hidden=8", "fcn:dropout=0.2")
LONGEST = 1500.0
"""Seconds after which the trials count as hanging."""
EPOCH = re.compile(r"^(\S+ · seed \d+ · epoch \d+)/\d+", re.MULTILINE)


@dataclass
class Counts:
    """Counts of deaths and of their consequences."""

    trials: int
    workers_killed: int = 0
    nodes_removed: int = 0
    drivers_killed: int = 0
    retried: int = 0
    """Deaths after which a driver started the trial again."""
    resumed: int = 0
    """Trials that resumed after an epoch trained by another process."""
    finished: int = 0
    findings: list[str] = field(default_factory=list)

    def must(self, holds: object, finding: str) -> None:
        """Record a finding unless the condition holds."""
        if not holds:
            self.findings.append(finding)


class Torture:
    """One comparison on a cluster, which is disturbed until it has ended."""

    def __init__(self, arguments: argparse.Namespace, cluster: Nodes, folder: Path) -> None:
        self.cluster, self.folder = cluster, folder
        self.store = folder / "ray"
        self.rng = random.Random(arguments.seed)
        self.counts = Counts(2 * arguments.seeds)
        self.trials = ["compare", "-d", "mnist-mini", "--threads", "1", "--precision", "fp32"]
        self.trials += [
            *MODELS,
            "--seeds",
            str(arguments.seeds),
            "-e",
            str(EPOCHS),
            "--shard",
            "1/1",
        ]
        deaths = (
            ["worker"] * arguments.kills
            + ["node"] * arguments.nodes
            + ["driver"] * arguments.drivers
        )
        self.rng.shuffle(deaths)
        moments = sorted(self.rng.uniform(0, 0.95 * self.counts.trials) for _ in deaths)
        self.deaths_due = list(zip(moments, deaths, strict=True))
        self.killed: list[str] = []
        self.seen: dict[str, bytes] = {}
        self.output = ""

    def run(self) -> Counts:
        """Start the command until it ends without being killed."""
        started, codes = time.monotonic(), list[int]()
        while not codes or codes[-1] == -signal.SIGKILL:
            codes.append(self._drive(started + LONGEST))
        counts = self.counts
        counts.must(codes[-1] == 0, f"exit code {codes[-1]}: {self.output[-700:]}")
        counts.must(not self.deaths_due, f"{len(self.deaths_due)} deaths came too late")
        counts.must("Traceback" not in self.output, "a traceback was shown")
        counts.retried = len(re.findall(r" died: try \d", self.output))
        counts.resumed = self.output.count(" · resumes after epoch ")
        twice = [line for line, n in Counter(EPOCH.findall(self.output)).items() if n > 1]
        counts.must(not twice, f"trained twice: {twice[:3]}")
        self._count_ended()
        counts.finished = len(self.seen)
        counts.must(counts.finished == counts.trials, f"{counts.finished} trials have ended")
        self._compare()
        return counts

    def _drive(self, deadline: float) -> int:
        """Run the command once and kill what is due; return its exit code."""
        address = ("--executor", "ray", "--ray-address", self.cluster.address)
        log = self.folder / "said"
        with (
            log.open("wb") as output,
            subprocess.Popen(
                [*COMMAND, *self.trials, *address, "--store", str(self.store)],
                cwd=self.folder,
                env=self.cluster.environment,
                stdout=subprocess.DEVNULL,
                stderr=output,
            ) as process,
        ):
            while process.poll() is None:
                time.sleep(self.rng.uniform(0.05, 0.7))
                if time.monotonic() > deadline:
                    process.kill()
                    self.counts.must(False, "it hangs")
                    self.deaths_due.clear()
                    process.wait()
                    return -signal.SIGABRT
                if self.deaths_due and self._count_ended() >= self.deaths_due[0][0]:
                    self._kill_next(process)
        self.output += log.read_text(errors="replace")
        return process.returncode

    def _kill_next(self, process: subprocess.Popen[bytes]) -> None:
        """Cause the next death, if there is a process to kill."""
        kind, counts = self.deaths_due[0][1], self.counts
        if kind == "worker":
            trial = self.cluster.kill_worker(self.rng, self.killed)
            if trial is None:
                return
            self.killed.append(trial)
            counts.workers_killed += 1
        elif kind == "node":
            self.cluster.change("remove")
            counts.nodes_removed += 1
            time.sleep(self.rng.uniform(0, 4))
            self.cluster.change("add")
        else:
            left = descendants(process.pid)
            process.kill()
            process.wait()
            counts.drivers_killed += 1
            counts.must(not await_end(left), "a process outlived its driver")
        del self.deaths_due[0]
        print(f"{self._count_ended()} trials have ended; a {kind} died", flush=True)

    def _count_ended(self) -> int:
        """Return the number of ended trials; no record may change."""
        now = files(self.store, "run.json")
        changed = [name for name, data in self.seen.items() if now.get(name) != data]
        self.counts.must(not changed, f"records that changed: {changed[:3]}")
        self.seen = {**now, **self.seen}
        return len(now)

    def _compare(self) -> None:
        """Compare the results with those of the same trials in one process."""
        command = [*COMMAND, *self.trials, "--store", "local", "-q"]
        environment = self.cluster.environment
        subprocess.run(command, cwd=self.folder, env=environment, check=True)
        try:
            assert_same_results(self.store, self.folder / "local", self.counts.trials)
        except AssertionError:
            self.counts.must(False, "results differ from those of one process")


def table(counts: Counts, seconds: float, command: str) -> str:
    """Return the counts as Markdown, with machine and date."""
    wrong = "; ".join(counts.findings) or "nothing"
    rows = {
        "trials": counts.trials,
        "workers killed by SIGKILL while they ran a trial": counts.workers_killed,
        "nodes removed": counts.nodes_removed,
        "drivers killed by SIGKILL": counts.drivers_killed,
        "deaths after which a driver sent the trial again": counts.retried,
        "times a trial went on after a saved epoch": counts.resumed,
        "trials that ended, each once": counts.finished,
        "found wrong": wrong,
    }
    today = datetime.datetime.now(datetime.UTC).date()
    place = f"{processor()}, {os.cpu_count()} cores, {platform.system()}"
    lines = ["| | |", "|---|--:|", *(f"| {name} | {value} |" for name, value in rows.items())]
    footer = f"{today} · `{command}` · {place} · {seconds / 60:.0f} min"
    return "\n".join([*lines, "", footer])


def main() -> int:
    parser = argparse.ArgumentParser(prog="make torture-cluster", description=__doc__)
    parser.add_argument("--seeds", type=int, default=50, help="of two networks each")
    parser.add_argument("--kills", type=int, default=30, help="workers")
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--drivers", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    started = time.monotonic()
    cluster = Nodes()
    with tempfile.TemporaryDirectory(prefix="torture-", ignore_cleanup_errors=True) as folder:
        try:
            counts = Torture(arguments, cluster, Path(folder)).run()
        finally:
            left = cluster.close()
    counts.must(not left, f"{len(left)} processes are left behind")
    command = " ".join(["python -m tests.torture.cluster", *sys.argv[1:]])
    text = table(counts, time.monotonic() - started, command)
    if len(sys.argv) == 1:
        replace_section(text, "cluster", ROOT / "docs" / "reliability.md")
    print(text)
    return 1 if counts.findings else 0


if __name__ == "__main__":
    sys.exit(main())
