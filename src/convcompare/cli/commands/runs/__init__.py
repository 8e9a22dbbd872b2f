"""``convcompare runs``: what is in a store. A file beside this one is a command of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convcompare.core import formatting
from convcompare.core.errors import UsageError, one_of, quote
from convcompare.output.tables.formats import chosen_format
from convcompare.output.tables.table import Column, Table
from convcompare.store.json_fields import to_record

from ... import completions as c
from ... import options as o
from ...output import View, emit_assessment, emit_json, emit_table, emit_text, end

if TYPE_CHECKING:
    from convcompare.store.run import Epoch
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
EXPORTED = (
    *(COLUMNS[0], Column("model", "model", "left"), Column("code", "code", "left")),
    *(COLUMNS[2], COLUMNS[3], Column("epochs_done", "epochs"), Column("epochs_asked", "of epochs")),
    *COLUMNS[5:],
)
"""Columns for programs: no cell that a spreadsheet takes for a date."""


STATUSES = ("finished", "diverged", "failed", "running", "incomplete")


def runs(
    name: Annotated[
        str | None,
        typer.Argument(
            help="A run by the beginning of its id, a comparison by its name, or `latest`.",
            autocompletion=c.run_names,
        ),
    ] = None,
    store: o.Store = Path("runs"),
    model: Annotated[
        str | None,
        o.option(
            "--model",
            metavar="PATTERN",
            panel=o.STORE,
            help="Only networks so called: fcn, 'cnn:*'.",
        ),
    ] = None,
    dataset: Annotated[
        str | None, o.option("--dataset", "-d", panel=o.STORE, help="Only runs on this data set.")
    ] = None,
    status: Annotated[
        str | None,
        o.option(
            "--status",
            metavar="STATUS",
            panel=o.STORE,
            help="Only finished, diverged, failed, running or incomplete ones.",
            autocompletion=c.one_of(*STATUSES),
        ),
    ] = None,
    comparison: Annotated[
        str | None,
        o.option(
            "--comparison",
            metavar="NAME",
            panel=o.STORE,
            help="Only runs of this comparison.",
            autocompletion=c.comparison_names,
        ),
    ] = None,
    columns: o.Columns = None,
    all_pairs: o.AllPairs = False,
    verdict_on: o.VerdictOn = None,
    sort: o.Sort = None,
    verbose: o.Verbose = False,
    format: o.Format = "table",
    out: o.Out = None,
) -> None:
    """List the runs, show one, or the table of the latest comparison.

    $ convcompare runs
    $ convcompare runs latest --format markdown
    $ convcompare runs 3fa9
    $ convcompare runs check --repair
    """
    from convcompare.store.run_store import RunStore

    from ...arguments import parse_columns, parse_figures

    kind = chosen_format(format, out)
    names = parse_columns(columns)
    if verdict_on is not None and name is None:
        raise UsageError(
            "`--verdict-on` is for a comparison", "`convcompare runs latest --verdict-on …`"
        )
    opened = RunStore(store)
    if status is not None:
        one_of(STATUSES, status, f"no run is {quote(status)}", ", ".join(STATUSES))
    if name is not None and _is_comparison(opened, name):
        from convcompare.comparison.assessment import Assessment
        from convcompare.comparison.selection import select

        latest = select(opened, [name])
        figures = parse_figures(verdict_on) or latest.verdict_on
        assessment = Assessment(replace(latest, verdict_on=figures), opened, all_pairs)
        emit_assessment(assessment, kind, out, View.parse(names, sort, verbose))
        end(opened)
        return
    if name is not None:
        emit_json(_record(opened, name), out)
        return
    part = RunFilter(model, dataset, status, _trials_of(opened, comparison))
    rows = [row for row in _rows(opened) if part.holds(row)]
    if kind == "json":
        emit_json({"runs": rows}, out)
    elif rows:
        emit_table(Table(COLUMNS if kind == "table" else EXPORTED, tuple(rows)), kind, out)
    elif part.asked:
        emit_text("no run is so: `convcompare runs` lists all", None)
    elif not opened.damage:
        raise UsageError(
            f"there are no runs in {quote(store)}", "`convcompare compare fcn simple` makes some"
        )
    end(opened)


@dataclass(frozen=True)
class RunFilter:
    """Which runs are listed; None for all of them."""

    model: str | None
    dataset: str | None
    status: str | None
    ids: frozenset[str] | None

    @property
    def asked(self) -> bool:
        """Whether anything is left out."""
        return any(one is not None for one in (self.model, self.dataset, self.status, self.ids))

    def holds(self, row: Mapping[str, Any]) -> bool:
        """Whether a run is among them."""
        return (
            (self.model is None or fnmatchcase(row["model"], self.model))
            and (self.dataset is None or row["dataset"] == self.dataset)
            and (self.status is None or row["status"] == self.status)
            and (self.ids is None or row["id"] in self.ids)
        )


def _is_comparison(store: RunStore, name: str) -> bool:
    from convcompare.comparison.selection import LATEST, known_records

    return name == LATEST or name in known_records(store)


def _trials_of(store: RunStore, comparison: str | None) -> frozenset[str] | None:
    if comparison is None:
        return None
    from convcompare.comparison.selection import select

    record = select(store, [comparison]).record()
    return frozenset(run_id for model in record["models"] for run_id in model["trials"])


def _rows(store: RunStore) -> list[dict[str, Any]]:
    rows = []
    for run_id in store.ids():
        with store.noting():
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
    trial = store.trial(run_id)
    history = run.history if run else store.history(run_id)
    return {
        "id": run_id,
        "model": trial.label or trial.model,
        "code": trial.code,
        "dataset": trial.dataset,
        "seed": trial.seed,
        "epochs": f"{len(history)}/{trial.config.epochs}",
        "epochs_done": len(history),
        "epochs_asked": trial.config.epochs,
        "status": run.status if run else _state(store, run_id),
        "test_accuracy": history[-1].test_accuracy if history else None,
        "train_seconds": run.train_seconds if run else _seconds(history),
        "ended": run.ended if run else None,
    }


def _state(store: RunStore, run_id: str) -> str:
    """Of a run that has not ended: whether a process works on it."""
    return "running" if store.held(run_id) else "incomplete"


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
        return {"id": run_id, "status": _state(store, run_id), "trial": trial, "history": history}
    return run.to_json()
