"""``kill -9`` of the whole process group at random moments, then the same command again."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

from .harness import Command, Outcome, cases, fork_server, must, repeat
from .small import (
    EPOCHS,
    SMALL,
    announced,
    check_equal,
    check_kept,
    check_readable,
    reference,
    saved,
)


def kills(n: int, seed: int) -> Outcome:
    """Kill a comparison of two networks at a random moment, `n` times."""
    return repeat(n, "a kill", _one_kill, seed)


def several_kills(n: int, seed: int) -> Outcome:
    """Kill two to six times before the end; every fifth case runs two trials in parallel."""
    kinds = [*[("several kills", _several)] * 4, ("several kills, two jobs", _several_jobs)]
    return cases([kinds[number % 5] for number in range(n)], seed)


def _one_kill(rng: random.Random, folder: Path) -> None:
    command = fork_server().start(SMALL, folder)
    first = _kill(command, rng.uniform(0, 1.1 * reference().seconds))
    check_readable(folder, report=rng.random() < 0.1)
    _finish(folder, [first])


def _several(rng: random.Random, folder: Path, *more: str) -> None:
    seconds = reference().seconds + (4 if more else 0)
    before = []
    for _ in range(rng.randint(2, 4 if more else 6)):
        command = fork_server().start([*SMALL, *more], folder)
        before.append(_kill(command, rng.uniform(0.1, 1) * seconds))
    check_readable(folder)
    _finish(folder, before, *more)


def _several_jobs(rng: random.Random, folder: Path) -> None:
    _several(rng, folder, "--jobs", "2")


def _kill(command: Command, seconds: float) -> dict[str, list[int]]:
    """Kill a command and its workers after a time; return the epochs that it had announced."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and command.runs():
        time.sleep(min(0.005, max(0.0, end - time.monotonic())))
    command.signal(signal.SIGKILL)
    ended = command.wait()
    must(ended.code in (0, -signal.SIGKILL), ended)
    return announced(ended)


def _finish(folder: Path, before: list[dict[str, list[int]]], *more: str) -> None:
    """Run the command to its end: nothing is lost or repeated, and the bits are the same."""
    store = folder / "runs"
    for epochs_announced in before:
        check_kept(store, epochs_announced)
    kept = {
        label: max(epochs)
        for epochs_announced in before
        for label, epochs in epochs_announced.items()
    }
    behind = saved(store)
    last = fork_server().run([*SMALL, *more], folder).clean(0)
    for label, epochs in announced(last).items():
        must(min(epochs) > kept.get(label, 0), f"{label}: epoch {min(epochs)} was done twice")
        must(epochs == list(range(min(epochs), EPOCHS + 1)), f"{label}: epochs {epochs}")
    done = sum(len(epochs) for epochs in announced(last).values())
    must(done == 2 * EPOCHS - sum(behind.values()), f"{done} epochs after {behind}: {last}")
    check_equal(store)
    again = fork_server().run([*SMALL, *more], folder).clean(0)
    must(not announced(again), f"trained again: {again}")
