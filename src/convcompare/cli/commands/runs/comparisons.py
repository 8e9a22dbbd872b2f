"""``convcompare runs comparisons``."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convcompare.core import formatting
from convcompare.core.errors import UsageError, quote
from convcompare.output.tables.formats import check_format
from convcompare.output.tables.table import Column, Table

from ... import options as o
from ...output import emit_json, emit_table, end
from ...run_choice import trials_in

if TYPE_CHECKING:
    from convcompare.store.run_store import RunStore

COLUMNS = (
    Column("name", "name", "left", names=True, priority=-1),
    Column("created", "started (UTC)", "left", show=formatting.minute, priority=5),
    Column("dataset", "data set", "left", priority=3),
    Column("models", "networks", priority=1),
    Column("runs", "runs", priority=1),
    Column("state", "state", "left", priority=0),
    Column("command", "command", "left", names=True, priority=4),
)


def comparisons(store: o.Store = Path("runs"), format: o.Format = "table") -> None:
    """List the comparisons, the oldest first.

    $ convcompare runs comparisons
    $ convcompare runs comparisons --format json

    `convcompare compare --name NAME` names one; without a name, use the time of its start.
    `runs NAME`, `plot --comparison NAME` and `report NAME` show it.
    """
    from convcompare.comparison.selection import dated
    from convcompare.store.run_store import RunStore

    kind = check_format(format)
    opened = RunStore(store)
    known = dated(opened.comparison_records())
    rows = tuple(_row(opened, name, record) for name, record in known.items())
    if kind == "json":
        emit_json({"comparisons": rows})
    elif rows:
        emit_table(Table(COLUMNS, rows), kind)
    elif not opened.damage:
        raise UsageError(
            f"there are no comparisons in {quote(store)}",
            "`convcompare compare fcn simple --name first` creates one",
        )
    end(opened)


def _row(store: RunStore, started: str, record: Mapping[str, Any]) -> dict[str, Any]:
    trials = trials_in(record)
    ended = sum(map(store.finished, trials))
    running = any(map(store.held, (one for one in trials if not store.finished(one))))
    state = "finished" if ended == len(trials) else "running" if running else "incomplete"
    return {
        "name": record.get("name") or record.get("study") or started,
        "created": record["created"],
        "dataset": record["conditions"]["dataset"],
        "models": len(record["models"]),
        "runs": f"{ended} of {len(trials)}",
        "state": state,
        "command": shlex.join(record["command"]),
    }
