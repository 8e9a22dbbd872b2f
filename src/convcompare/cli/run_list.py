"""The runs of a store as rows of a table."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
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
    Column("progress", "epochs", "left", priority=4),
    Column("status", "status", "left", priority=1),
    Column("test_accuracy", "test accuracy", show=formatting.fraction, priority=1),
    Column("train_seconds", "time (s)", show=lambda s: f"{s:,.1f}", priority=5),
    Column("ended", "ended (UTC)", "left", show=formatting.minute, priority=6),
)
TAGS = Column("tags", "tags", "left", show=", ".join, priority=2)
NOTE = Column("note", "note", "left", priority=7)
EXPORTED = (
    *(COLUMNS[0], Column("model", "model", "left"), Column("code", "code", "left")),
    *(COLUMNS[2], COLUMNS[3], Column("epochs", "epochs"), Column("epochs_planned", "planned")),
    *COLUMNS[5:],
    Column("tags", "tags", "left"),
    NOTE,
)
"""Columns for programs; no cell looks like a date to a spreadsheet."""
STATUSES = ("finished", "diverged", "failed", "running", "incomplete")


def matches(
    row: Mapping[str, Any],
    model: str | None,
    dataset: str | None,
    status: str | None,
    ids: Collection[str] | None,
    tag: str | None,
) -> bool:
    """Return whether a run is listed; None lists all."""
    return (
        (model is None or fnmatchcase(row["model"], model))
        and dataset in (None, row["dataset"])
        and status in (None, row["status"])
        and (ids is None or row["id"] in ids)
        and (tag is None or tag in row["tags"])
    )


def run_table(rows: Sequence[Mapping[str, Any]], whole: bool, notes: bool) -> Table:
    """Return the rows as a table, with notes on request.

    With `whole`, it has all columns, for programs.
    """
    if whole:
        return Table(EXPORTED, tuple({**row, "tags": " ".join(row["tags"])} for row in rows))
    versions: dict[str, set[str | None]] = {}
    for row in rows:
        versions.setdefault(row["model"], set()).add(row["code"])
    columns = [*COLUMNS]
    columns += [TAGS] if any(row["tags"] for row in rows) else []
    columns += [NOTE] if notes and any(row["note"] for row in rows) else []
    return Table(tuple(columns), tuple(_shown(row, len(versions[row["model"]])) for row in rows))


def _shown(row: Mapping[str, Any], versions: int) -> dict[str, Any]:
    """Return a row for people: epochs as ``1/5``, and a network with its code if it has several."""
    code = f" ({row['code'][:7]})" if versions > 1 and row["code"] else ""
    progress = f"{row['epochs']}/{row['epochs_planned']}"
    return {**row, "shown_model": f"{row['model']}{code}", "progress": progress}


def listed(store: RunStore) -> list[dict[str, Any]]:
    """Return every run of a store as a row, in the order of their ends; damage is recorded."""
    rows = []
    with without_collection():
        for run_id in store.ids():
            with store.skipping_damage():
                rows.append(_row(store, run_id))
    rows.sort(key=lambda row: (row["ended"] or "~", row["id"]))
    return rows


def _row(store: RunStore, run_id: str) -> dict[str, Any]:
    run = store.outcome(run_id)
    trial, annotation = store.trial(run_id), store.annotation(run_id)
    history = run.history if run else store.history(run_id)
    return {
        "id": run_id,
        "model": trial.name,
        "code": trial.code,
        "dataset": trial.dataset,
        "seed": trial.seed,
        "epochs": len(history),
        "epochs_planned": trial.config.epochs,
        "status": run.status if run else state(store, run_id),
        "test_accuracy": _accuracy(run, history),
        "train_seconds": run.train_seconds if run else _seconds(history),
        "ended": run.ended if run else None,
        "tags": list(annotation.tags),
        "note": annotation.note,
    }


def state(store: RunStore, run_id: str) -> str:
    """Return whether an unfinished run is ``running`` in a process or ``incomplete``."""
    return "running" if store.held(run_id) else "incomplete"


def _accuracy(run: Run | None, history: Sequence[Epoch]) -> float | None:
    """Return the test accuracy of the selected epoch; of an unfinished run, of its last epoch."""
    if run is not None:
        return run.figure("test_accuracy")
    return history[-1].test_accuracy if history else None


def _seconds(history: Sequence[Epoch]) -> float | None:
    """Return the seconds of training so far; None if other trials ran at the same time."""
    alone = all(epoch.jobs == 1 for epoch in history)
    return sum(epoch.train_seconds for epoch in history) if alone else None
