"""Many processes in one store: equal and different trials, readers beside them, dead owners."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from pathlib import Path

from .harness import LONGEST, Command, Ended, Outcome, cases, fork_server, must
from .small import DATA, EPOCHS, NETWORKS, SMALL, announced, check_equal, reference, saved

POOL = (*NETWORKS, "fcn:hidden=4", "cnn:depth=2,hidden=4")
REST = ("-e", str(EPOCHS), "-b", "64", "--threads", "1")
ALL = ("compare", *DATA, *POOL, *REST)
IMPATIENT = "tests.torture.many:impatient"


def together(n: int, seed: int) -> Outcome:
    """Run `n` rounds of processes that compare into one store, 12 per round, 3 if n is 1."""
    processes = 12 if n > 1 else 3
    return cases([(f"{processes} processes", _together(processes))] * n, seed)


def owners(n: int, seed: int) -> Outcome:
    """Alternate between an owner that dies and one that is stopped for too long."""
    kinds = [("dead owner", _dead_owner), ("late owner", _late_owner)]
    return cases([kinds[number % 2] for number in range(n)], seed)


def impatient() -> None:
    """Shorten the timing of leases, so that a stopped owner is detected in two seconds."""
    from convcompare.store import lease

    lease.HEARTBEAT_SECONDS, lease.PATIENCE_SECONDS = 0.2, 2.0


def _together(processes: int):  # type: ignore[no-untyped-def]
    def case(rng: random.Random, folder: Path) -> None:
        networks_of_each = [
            rng.sample(POOL, rng.randint(1, len(POOL))) for _ in range(processes - 1)
        ]
        started = []
        for networks in [list(POOL), *networks_of_each]:
            started.append(fork_server().start(["compare", *DATA, *networks, *REST], folder))
            time.sleep(rng.uniform(0, 0.3))
        _read_meanwhile(started, folder)
        ended = [command.wait(LONGEST).clean(0) for command in started]
        _check_trained_once(ended)
        check_equal(folder / "runs", ALL)

    return case


def _read_meanwhile(writers: list[Command], folder: Path) -> None:
    """List and plot while commands write; no incomplete record may be read."""
    end = time.monotonic() + LONGEST
    while any(writer.runs() for writer in writers) and time.monotonic() < end:
        if not list(folder.glob("runs/*/trial.json")):
            time.sleep(0.05)
            continue
        for argv in (
            ["runs"],
            ["runs", "latest", "--format", "json"],
            ["plot", "learning-curves", "--format", "json"],
        ):
            fork_server().run(argv, folder).clean(0, 2)


def _check_trained_once(ended: list[Ended]) -> None:
    """Assert that every epoch of every network was trained exactly once."""
    announced_epochs: Counter[tuple[str, int]] = Counter()
    for one in ended:
        for label, epochs in announced(one).items():
            announced_epochs.update((label, epoch) for epoch in epochs)
    networks_of_each = {(label, epoch) for label in POOL for epoch in range(1, EPOCHS + 1)}
    twice = [what for what, count in announced_epochs.items() if count > 1]
    must(
        not twice and set(announced_epochs) == networks_of_each,
        f"trained twice: {twice}, missing {networks_of_each - set(announced_epochs)}",
    )


def _dead_owner(rng: random.Random, folder: Path) -> None:
    owner = fork_server().start(SMALL, folder)
    _await_epoch(owner, folder)
    heir = fork_server().start(SMALL, folder)
    time.sleep(rng.uniform(0, 0.5))
    owner.signal(signal.SIGKILL)
    first, second = owner.wait(), heir.wait().clean(0)
    if first.code != 0:
        must(announced(second), "nobody went on")
    check_equal(folder / "runs")


def _late_owner(rng: random.Random, folder: Path) -> None:
    owner = fork_server().start(SMALL, folder, before=IMPATIENT)
    _await_epoch(owner, folder)
    time.sleep(rng.uniform(0, reference().seconds / 3))
    owner.signal(signal.SIGSTOP)
    heir = fork_server().run(SMALL, folder, before=IMPATIENT).clean(0)
    owner.signal(signal.SIGCONT)
    first = owner.wait().clean(0, 1, 4)
    check_equal(folder / "runs")
    if announced(heir):
        by_both = [
            label
            for label, epochs in announced(first).items()
            if EPOCHS in epochs and EPOCHS in announced(heir).get(label, [])
        ]
        must(not by_both, f"committed by both: {by_both}: {first}")


def _await_epoch(owner: Command, folder: Path) -> None:
    end = time.monotonic() + LONGEST
    while owner.runs() and time.monotonic() < end:
        if (folder / "runs").is_dir() and sum(saved(folder / "runs").values()):
            return
        time.sleep(0.01)
