"""A small comparison, what an uninterrupted one leaves behind, and what must be equal to it."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from convcompare.store.run_store import RunStore

from .harness import Ended, must, nursery

EPOCHS = 4
DATA = ("-d", "shapes:train=192,test=48")
NETWORKS = ("cnn:depth=2,hidden=8", "fcn:hidden=8,dropout=0.2")
SMALL = ("compare", *DATA, *NETWORKS, "-e", str(EPOCHS), "-b", "64", "--threads", "1")
ONE = ("compare", *DATA, NETWORKS[0], "-e", "2", "-b", "64", "--threads", "1")
BINARY = ("weights.safetensors", "test_logits.npz", "analyses/gradients.npz")
CLOCKS = ("train_seconds", "evaluation_seconds", "waited_seconds", "jobs", "stopped_seconds")
"""What is measured in an epoch, and differs between any two runs."""
_SAVED = re.compile(r"([\w:=.,-]+)(?: · seed \d+)? .*?epoch (\d+)/(\d+)")


@dataclass(frozen=True)
class Whole:
    """A comparison that nothing disturbed: its results by run, and the seconds that it took."""

    results: dict[str, dict[str, Any]]
    seconds: float


@lru_cache
def whole(command: tuple[str, ...] = SMALL) -> Whole:
    """The uninterrupted run of a command; made once a process."""
    with TemporaryDirectory(prefix="torture-whole-") as folder:
        nurse = nursery()
        started = time.monotonic()
        nurse.run(command, Path(folder)).clean(0)
        seconds = time.monotonic() - started
        return Whole(results(Path(folder, "runs")), seconds)


def results(store: Path) -> dict[str, dict[str, Any]]:
    """Metrics by epoch, final weights, logits and analyses of each finished run of a store."""
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
    """Broken unless a store holds what the uninterrupted command leaves, and no litter.

    One part of the results, `but`, may differ.
    """
    wanted, found = whole(command).results, results(store)
    must(set(found) == set(wanted), f"runs {sorted(found)}, want {sorted(wanted)}")
    for run_id, run in wanted.items():
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
    """How many epochs each begun run has behind it, as a reader sees it."""
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
    """The epochs that a command said it had finished, by network."""
    found: dict[str, list[int]] = {}
    for line in ended.err.splitlines():
        match = _SAVED.match(line)
        if match:
            found.setdefault(match[1], []).append(int(match[2]))
    return found


def labels(store: Path) -> dict[str, str]:
    """Ids by the names of the networks."""
    opened = RunStore(store)
    return {opened.trial(run_id).label: run_id for run_id in opened.ids()}


def check_kept(store: Path, said: dict[str, list[int]]) -> None:
    """Broken where an epoch that was announced is not in the store, or was announced twice."""
    counts, ids = saved(store), labels(store)
    for label, epochs in said.items():
        must(epochs == sorted(set(epochs)), f"{label} announced {epochs}")
        kept = counts.get(ids.get(label, ""), 0)
        must(kept >= max(epochs), f"{label}: epoch {max(epochs)} announced, {kept} kept")


def check_readable(folder: Path, report: bool = False) -> None:
    """Broken unless the readers answer, now, whatever state the store is in."""
    begun = bool(RunStore(folder / "runs").ids())
    nursery().run(["runs"], folder).clean(*((0,) if begun else (2,)))
    nursery().run(["runs", "latest", "--format", "json"], folder).clean(0, 1, 2)
    nursery().run(["plot", "learning-curves", "--format", "json"], folder).clean(0, 2)
    if report:
        nursery().run(["report", "--out", "report"], folder).clean(0, 2)


def stored(path: Path) -> Any:
    """A record as JSON, unchecked."""
    return json.loads(path.read_bytes())
