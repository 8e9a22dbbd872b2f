"""The runs of a store as rows: which of them, and what is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from convcompare.core import formatting
from convcompare.core.memory import without_collection
from convcompare.output.tables.table import Column, Table

if TYPE_CHECKING:
    from convcompare.store.run import Epoch, Run
    from convcompare.store.run_store import RunStore

COLUMNS = (
    Column("id", "run", "left"),
    Column("shown_model", "model", "left", names=True),
    Column("dataset", "data set", "left", priority=2),
    Column("seed", "seed", priority=3),
    Column("epochs", "epochs", "left", priority=4),
    Column("status", "status", "left", priority=1),
    Column("test_accuracy", "test accuracy", show=formatting.fraction, priority=1),
    Column("train_seconds", "time (s)", show=lambda s: f"{s:,.1f}", priority=5),
    Column("ended", "ended", "left", priority=6),
)
TAGS = Column("tags", "tags", "left", show=", ".join, priority=2)
NOTE = Column("note", "note", "left", priority=7)
EXPORTED = (
    *(COLUMNS[0], Column("model", "model", "left"), Column("code", "code", "left")),
    *(COLUMNS[2], COLUMNS[3], Column("epochs_done", "epochs"), Column("epochs_asked", "of epochs")),
    *COLUMNS[5:],
    Column("tags", "tags", "left"),
    NOTE,
)
"""Columns for programs: no cell that a spreadsheet takes for a date."""
STATUSES = ("finished", "diverged", "failed", "running", "incomplete")


@dataclass(frozen=True)
class RunFilter:
    """Which runs are listed; None for all of them."""

    model: str | None
    dataset: str | None
    status: str | None
    ids: frozenset[str] | None
    tag: str | None = None

    @property
    def asked(self) -> bool:
        """Whether anything is left out."""
        return any(one is not None for one in vars(self).values())

    def holds(self, row: Mapping[str, Any]) -> bool:
        """Whether a run is among them."""
        return (
            (self.model is None or fnmatchcase(row["model"], self.model))
            and (self.dataset is None or row["dataset"] == self.dataset)
            and (self.status is None or row["status"] == self.status)
            and (self.ids is None or row["id"] in self.ids)
            and (self.tag is None or self.tag in row["tags"])
        )


def run_table(rows: Sequence[Mapping[str, Any]], whole: bool, notes: bool) -> Table:
    """The rows as a table, `whole` for programs; notes among them if they are asked for."""
    if whole:
        return Table(EXPORTED, tuple({**row, "tags": " ".join(row["tags"])} for row in rows))
    columns = [*COLUMNS]
    columns += [TAGS] if any(row["tags"] for row in rows) else []
    columns += [NOTE] if notes and any(row["note"] for row in rows) else []
    return Table(tuple(columns), tuple(rows))


def listed(store: RunStore) -> list[dict[str, Any]]:
    """Every run of a store as a row, in the order in which they ended; damaged ones are noted."""
    rows = []
    with without_collection():
        for run_id in store.ids():
            with store.skipping_damage():
                rows.append(_row(store, run_id))
    rows.sort(key=lambda row: (row["ended"] or "~", row["id"]))
    versions: dict[str, set[str | None]] = {}
    for row in rows:
        versions.setdefault(row["model"], set()).add(row["code"])
    for row in rows:
        several = len(versions[row["model"]]) > 1 and row["code"]
        row["shown_model"] = f"{row['model']} ({row['code'][:7]})" if several else row["model"]
    return rows


def _row(store: RunStore, run_id: str) -> dict[str, Any]:
    run = store.outcome(run_id)
    trial, said = store.trial(run_id), store.annotation(run_id)
    history = run.history if run else store.history(run_id)
    return {
        "id": run_id,
        "model": trial.name,
        "code": trial.code,
        "dataset": trial.dataset,
        "seed": trial.seed,
        "epochs": f"{len(history)}/{trial.config.epochs}",
        "epochs_done": len(history),
        "epochs_asked": trial.config.epochs,
        "status": run.status if run else state(store, run_id),
        "test_accuracy": _accuracy(run, history),
        "train_seconds": run.train_seconds if run else _seconds(history),
        "ended": run.ended if run else None,
        "tags": list(said.tags),
        "note": said.note,
    }


def state(store: RunStore, run_id: str) -> str:
    """Of a run that has not ended: whether a process works on it."""
    return "running" if store.held(run_id) else "incomplete"


def _accuracy(run: Run | None, history: Sequence[Epoch]) -> float | None:
    """Of the epoch that counts; of a run that has not ended, of its last so far."""
    if run is not None:
        return run.figure("test_accuracy")
    return history[-1].test_accuracy if history else None


def _seconds(history: Sequence[Epoch]) -> float | None:
    """Seconds of the training so far; None where others trained meanwhile."""
    alone = all(epoch.jobs == 1 for epoch in history)
    return sum(epoch.train_seconds for epoch in history) if alone else None
