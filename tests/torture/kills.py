"""``kill -9`` of the whole process group at random moments, then the same command again."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

from .harness import Command, Outcome, cases, must, nursery, repeat
from .small import EPOCHS, SMALL, announced, check_equal, check_kept, check_readable, saved, whole


def kills(n: int, seed: int) -> Outcome:
    """One kill at a random moment of a comparison of two networks."""
    return repeat(n, "a kill", _one_kill, seed)


def several_kills(n: int, seed: int) -> Outcome:
    """Two to six kills until it is done; every fifth case with two trials at a time."""
    kinds = [*[("several kills", _several)] * 4, ("several kills, two jobs", _several_jobs)]
    return cases([kinds[number % 5] for number in range(n)], seed)


def _one_kill(dice: random.Random, folder: Path) -> None:
    command = nursery().start(SMALL, folder)
    first = _kill(command, dice.uniform(0, 1.1 * whole().seconds))
    check_readable(folder, report=dice.random() < 0.1)
    _finish(folder, [first])


def _several(dice: random.Random, folder: Path, *more: str) -> None:
    seconds = whole().seconds + (4 if more else 0)
    before = []
    for _ in range(dice.randint(2, 4 if more else 6)):
        command = nursery().start([*SMALL, *more], folder)
        before.append(_kill(command, dice.uniform(0.1, 1) * seconds))
    check_readable(folder)
    _finish(folder, before, *more)


def _several_jobs(dice: random.Random, folder: Path) -> None:
    _several(dice, folder, "--jobs", "2")


def _kill(command: Command, seconds: float) -> dict[str, list[int]]:
    """Kill a command and its workers after a time; the epochs that it had announced."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and command.runs():
        time.sleep(min(0.005, max(0.0, end - time.monotonic())))
    command.signal(signal.SIGKILL)
    ended = command.wait()
    must(ended.code in (0, -signal.SIGKILL), ended)
    return announced(ended)


def _finish(folder: Path, before: list[dict[str, list[int]]], *more: str) -> None:
    """The same command to its end: nothing lost, nothing doubled, the same bits."""
    store = folder / "runs"
    for said in before:
        check_kept(store, said)
    kept = {label: max(epochs) for said in before for label, epochs in said.items()}
    behind = saved(store)
    last = nursery().run([*SMALL, *more], folder).clean(0)
    for label, epochs in announced(last).items():
        must(min(epochs) > kept.get(label, 0), f"{label}: epoch {min(epochs)} was done twice")
        must(epochs == list(range(min(epochs), EPOCHS + 1)), f"{label}: epochs {epochs}")
    done = sum(len(epochs) for epochs in announced(last).values())
    must(done == 2 * EPOCHS - sum(behind.values()), f"{done} epochs after {behind}: {last}")
    check_equal(store)
    again = nursery().run([*SMALL, *more], folder).clean(0)
    must(not announced(again), f"trained again: {again}")
