"""SIGINT and SIGTERM, once and twice, from the first import to the last commit."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

from .harness import LONGEST, Command, Outcome, cases, fork_server, must, real, session
from .small import SMALL, announced, check_equal, check_kept, check_readable, reference

EXITS = {signal.SIGINT: 130, signal.SIGTERM: 143}
START_SECONDS = 8.0
"""Approximate duration of starting Python, torch and a small comparison."""


def signals(n: int, seed: int) -> Outcome:
    """Send one or two signals; every fourth while Python starts, every eighth with two jobs."""
    kinds = []
    for number in range(n):
        mode = "jobs" if number % 8 == 7 else "start" if number % 4 == 1 else "run"
        twice = number % 2 == 0
        kinds.append((f"signal {'twice' if twice else 'once'} ({mode})", _case(mode, twice)))
    return cases(kinds, seed)


def _case(mode: str, twice: bool):  # type: ignore[no-untyped-def]
    def case(rng: random.Random, folder: Path) -> None:
        number = rng.choice(list(EXITS))
        if mode == "start":
            command = real(SMALL, folder, folder / "said")
            _sleep(command, rng.uniform(0, START_SECONDS))
        else:
            more = ["--jobs", "2"] if mode == "jobs" else []
            command = fork_server().start([*SMALL, *more], folder)
            _sleep(command, rng.uniform(0.02, reference().seconds + (4 if more else 0)))
        command.signal(number, group=False)
        if twice:
            time.sleep(rng.uniform(0, 0.5))
            command.signal(number, group=False)
        ended = command.wait()
        # a process that has not reached main is killed by the signal
        early = {-number, 128 + number} if mode != "run" else set()
        silent = {0, EXITS[number]} | early
        if ended.code in early and "Traceback" in ended.err and "convcompare" not in ended.err:
            ended.err = ""  # Python's own traceback during its start
        must(ended.code in silent, f"exit code, want {EXITS[number]}: {ended}")
        must("Traceback" not in ended.err, f"traceback: {ended}")
        _no_orphans(command.pid)
        check_readable(folder)
        check_kept(folder / "runs", announced(ended))
        fork_server().run(SMALL, folder).clean(0)
        check_equal(folder / "runs")

    return case


def _sleep(command: Command, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and command.runs():
        time.sleep(0.005)


def _no_orphans(pid: int) -> None:
    end = time.monotonic() + LONGEST
    while (left := session(pid)) and time.monotonic() < end:
        time.sleep(0.05)
    must(not left, f"processes left: {left}")
