"""``convcompare runs``: what is in a store. A file beside this one is a command of its own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convcompare.core import formatting
from convcompare.core.errors import UsageError, quote
from convcompare.output.tables.table import Column, Table, check_format
from convcompare.store.json_fields import to_record

from ... import completions as c
from ... import options as o
from ...output import View, emit_assessment, emit_table, emit_text, end

if TYPE_CHECKING:
    from convcompare.store.run import Epoch
    from convcompare.store.run_store import RunStore

COLUMNS = (
    Column("id", "run", "left"),
    Column("model", "model", "left", names=True),
    Column("dataset", "data set", "left", priority=2),
    Column("seed", "seed", priority=3),
    Column("epochs", "epochs", "left", priority=4),
    Column("status", "status", "left", priority=1),
    Column("test_accuracy", "test accuracy", show=formatting.fraction, priority=1),
    Column("train_seconds", "time (s)", show=lambda s: f"{s:,.1f}", priority=5),
    Column("ended", "ended", "left", priority=6),
)


def runs(
    name: Annotated[
        str | None,
        typer.Argument(
            help="A run, by the beginning of its id, or `latest`: the last comparison.",
            autocompletion=c.run_names,
        ),
    ] = None,
    store: o.Store = Path("runs"),
    columns: o.Columns = None,
    all_pairs: o.AllPairs = False,
    verdict_on: o.VerdictOn = None,
    sort: o.Sort = None,
    verbose: o.Verbose = False,
    format: o.Format = "table",
) -> None:
    """List the runs, show one, or the table of the latest comparison.

    $ convcompare runs
    $ convcompare runs latest --format markdown
    $ convcompare runs 3fa9
    $ convcompare runs check --repair
    """
    from convcompare.store.run_store import RunStore

    from ...arguments import parse_columns, parse_figures

    kind = check_format(format)
    names = parse_columns(columns)
    if verdict_on is not None and name != "latest":
        raise UsageError(
            "`--verdict-on` is for a comparison", "`convcompare runs latest --verdict-on …`"
        )
    opened = RunStore(store)
    if name == "latest":
        from convcompare.comparison.assessment import Assessment
        from convcompare.comparison.comparison import Comparison

        latest = Comparison.latest(opened)
        figures = parse_figures(verdict_on) or latest.verdict_on
        assessment = Assessment(replace(latest, verdict_on=figures), opened, all_pairs)
        emit_assessment(assessment, kind, None, View.parse(names, sort, verbose))
        end(opened)
        return
    if name is not None:
        emit_text(json.dumps(_record(opened, name), indent=1, ensure_ascii=False), None)
        return
    rows = _rows(opened)
    if kind == "json":
        emit_text(json.dumps(rows, indent=1, ensure_ascii=False), None)
    elif rows:
        emit_table(Table(COLUMNS, tuple(rows)), kind)
    elif not opened.damage:
        raise UsageError(
            f"there are no runs in {quote(store)}", "`convcompare compare fcn simple` makes some"
        )
    end(opened)


def _rows(store: RunStore) -> list[dict[str, Any]]:
    rows = []
    for run_id in store.ids():
        with store.noting():
            rows.append(_row(store, run_id))
    rows.sort(key=lambda row: (row["ended"] or "~", row["id"]))
    return rows


def _row(store: RunStore, run_id: str) -> dict[str, Any]:
    run = store.outcome(run_id)
    trial = store.trial(run_id)
    history = run.history if run else store.history(run_id)
    return {
        "id": run_id,
        "model": trial.label or trial.model,
        "dataset": trial.dataset,
        "seed": trial.seed,
        "epochs": f"{len(history)}/{trial.config.epochs}",
        "status": run.status if run else "half-done",
        "test_accuracy": history[-1].test_accuracy if history else None,
        "train_seconds": run.train_seconds if run else _seconds(history),
        "ended": run.ended if run else None,
    }


def _seconds(history: Sequence[Epoch]) -> float | None:
    """Seconds of the training so far; None where others trained meanwhile."""
    alone = all(epoch.jobs == 1 for epoch in history)
    return sum(epoch.train_seconds for epoch in history) if alone else None


def _record(store: RunStore, prefix: str) -> dict[str, Any]:
    run_id = store.find(prefix)
    run = store.outcome(run_id)
    if run is None:
        history = [to_record(epoch) for epoch in store.history(run_id)]
        trial = to_record(store.trial(run_id))
        return {"id": run_id, "status": "half-done", "trial": trial, "history": history}
    return run.to_json()
