"""SIGINT and SIGTERM, once and twice, at random moments, from the first import to the commit."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

from .harness import LONGEST, Command, Outcome, cases, must, nursery, real, session
from .small import SMALL, announced, check_equal, check_kept, check_readable, whole

EXITS = {signal.SIGINT: 130, signal.SIGTERM: 143}
START_SECONDS = 8.0
"""About what starting Python, torch and a small comparison take together."""


def signals(n: int, seed: int) -> Outcome:
    """One signal or two; every fourth from the very start of Python, every eighth with two jobs."""
    kinds = []
    for number in range(n):
        how = "jobs" if number % 8 == 7 else "start" if number % 4 == 1 else "run"
        twice = number % 2 == 0
        kinds.append((f"signal {'twice' if twice else 'once'} ({how})", _case(how, twice)))
    return cases(kinds, seed)


def _case(how: str, twice: bool):  # type: ignore[no-untyped-def]
    def case(dice: random.Random, folder: Path) -> None:
        number = dice.choice(list(EXITS))
        if how == "start":
            command = real(SMALL, folder, folder / "said")
            _sleep(command, dice.uniform(0, START_SECONDS))
        else:
            more = ["--jobs", "2"] if how == "jobs" else []
            command = nursery().start([*SMALL, *more], folder)
            _sleep(command, dice.uniform(0.02, whole().seconds + (4 if more else 0)))
        command.signal(number, group=False)
        if twice:
            time.sleep(dice.uniform(0, 0.5))
            command.signal(number, group=False)
        ended = command.wait()
        # a process that has not reached main dies of the signal as any other does
        early = {-number, 128 + number} if how != "run" else set()
        silent = {0, EXITS[number]} | early
        if ended.code in early and "Traceback" in ended.err and "convcompare" not in ended.err:
            ended.err = ""  # Python's own, while it started
        must(ended.code in silent, f"exit code, want {EXITS[number]}: {ended}")
        must("Traceback" not in ended.err, f"traceback: {ended}")
        _no_orphans(command.pid)
        check_readable(folder)
        check_kept(folder / "runs", announced(ended))
        nursery().run(SMALL, folder).clean(0)
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
