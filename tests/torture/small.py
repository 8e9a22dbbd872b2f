"""A small comparison, the results of an uninterrupted run, and comparisons with them."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from convcompare.store.run_store import RunStore

from .harness import Ended, fork_server, must

EPOCHS = 4
DATA = ("-d", "shapes:train=192,test=48")
NETWORKS = ("cnn:depth=2,hidden=8", "fcn:hidden=8,dropout=0.2")
SMALL = ("compare", *DATA, *NETWORKS, "-e", str(EPOCHS), "-b", "64", "--threads", "1")
ONE = ("compare", *DATA, NETWORKS[0], "-e", "2", "-b", "64", "--threads", "1")
BINARY = ("weights.safetensors", "test_logits.npz", "analyses/gradients.npz")
CLOCKS = ("train_seconds", "evaluation_seconds", "waited_seconds", "jobs", "stopped_seconds")
"""Measurements of an epoch that differ between any two runs."""
_SAVED = re.compile(r"([\w:=.,-]+)(?: · seed \d+)? .*?epoch (\d+)/(\d+)")


@dataclass(frozen=True)
class Reference:
    """The results by run of an undisturbed comparison, and its duration in seconds."""

    results: dict[str, dict[str, Any]]
    seconds: float


@lru_cache
def reference(command: tuple[str, ...] = SMALL) -> Reference:
    """Run a command without interruption, once per process; return its results."""
    with TemporaryDirectory(prefix="torture-whole-") as folder:
        server = fork_server()
        started = time.monotonic()
        server.run(command, Path(folder)).clean(0)
        seconds = time.monotonic() - started
        return Reference(results(Path(folder, "runs")), seconds)


def results(store: Path) -> dict[str, dict[str, Any]]:
    """Return epochs, final weights, logits and analyses of each finished run of a store."""
    opened = RunStore(store)
    found = {}
    for run_id in opened.ids():
        if not opened.finished(run_id):
            continue
        run = opened.run(run_id)
        must(run.status == "finished", f"{run_id} is {run.status}: {run.message}")
        opened.weights(run)
        opened.predictions(run)
        epochs = [_without_clocks(vars(epoch)) for epoch in run.history]
        files = {name: (store / run_id / name).read_bytes() for name in BINARY}
        found[run_id] = {"epochs": epochs, "message": run.message, **files}
    return found


def _without_clocks(epoch: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in epoch.items() if name not in CLOCKS}


def check_equal(store: Path, command: tuple[str, ...] = SMALL, but: str = "") -> None:
    """Assert that a store equals that of the uninterrupted command, without temporary files.

    The part `but` of the results may differ.
    """
    expected, found = reference(command).results, results(store)
    must(set(found) == set(expected), f"runs {sorted(found)}, want {sorted(expected)}")
    for run_id, run in expected.items():
        for part, value in run.items():
            other = found[run_id][part]
            shown = f": {other} / {value}" if not isinstance(value, bytes) else ""
            must(
                other == value or part == but,
                f"{part} of {run_id} is not that of the uninterrupted run{shown}",
            )
    litter = [str(p.relative_to(store)) for p in store.rglob(".tmp-*")]
    must(not litter, f"left behind: {litter}")


def saved(store: Path) -> dict[str, int]:
    """Return the number of epochs of each started run, as a reader finds it."""
    opened = RunStore(store)
    counts = {}
    for run_id in opened.ids():
        if opened.finished(run_id):
            counts[run_id] = len(opened.run(run_id).history)
        else:
            history = opened.history(run_id)
            numbers = [epoch.epoch for epoch in history]
            must(numbers == list(range(1, len(history) + 1)), f"epochs {numbers}")
            counts[run_id] = len(history)
    return counts


def announced(ended: Ended) -> dict[str, list[int]]:
    """Return the epochs that a command printed as finished, by network."""
    found: dict[str, list[int]] = {}
    for line in ended.err.splitlines():
        match = _SAVED.match(line)
        if match:
            found.setdefault(match[1], []).append(int(match[2]))
    return found


def ids_by_label(store: Path) -> dict[str, str]:
    """Return the run ids by label of the network."""
    opened = RunStore(store)
    return {opened.trial(run_id).label: run_id for run_id in opened.ids()}


def check_kept(store: Path, announced_epochs: dict[str, list[int]]) -> None:
    """Assert that each announced epoch is in the store and was announced once."""
    counts, ids = saved(store), ids_by_label(store)
    for label, epochs in announced_epochs.items():
        must(epochs == sorted(set(epochs)), f"{label} announced {epochs}")
        kept = counts.get(ids.get(label, ""), 0)
        must(kept >= max(epochs), f"{label}: epoch {max(epochs)} announced, {kept} kept")


def check_readable(folder: Path, report: bool = False) -> None:
    """Assert that the readers work in the present state of the store."""
    started = bool(RunStore(folder / "runs").ids())
    fork_server().run(["runs"], folder).clean(*((0,) if started else (2,)))
    fork_server().run(["runs", "latest", "--format", "json"], folder).clean(0, 1, 2)
    fork_server().run(["plot", "learning-curves", "--format", "json"], folder).clean(0, 2)
    if report:
        fork_server().run(["report", "--out", "report"], folder).clean(0, 2)
