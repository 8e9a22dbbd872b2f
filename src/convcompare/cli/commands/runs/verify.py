"""``convcompare runs verify``."""

from __future__ import annotations

import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convcompare.core.errors import quote
from convcompare.output.tables.formats import check_format
from convcompare.output.tables.table import Column, Table

from ... import completions as c
from ... import options as o
from ...console import err, out
from ...output import emit_json, emit_table

if TYPE_CHECKING:
    from convcompare.data.dataset import Sources
    from convcompare.experiment.reproduce import Repetition
    from convcompare.store.run import Run
    from convcompare.store.run_store import RunStore

COLUMNS = (
    Column("part", "part", "left"),
    Column("equal", "bit-identical", "left", show=lambda equal: "yes" if equal else "no"),
    Column("detail", "differs", "left"),
)


def verify(
    run: Annotated[
        str,
        typer.Argument(
            help="A run that has ended, by the beginning of its id.",
            metavar="RUN",
            autocompletion=c.run_names,
        ),
    ],
    threads: o.Threads = None,
    device: Annotated[
        str | None,
        o.option(
            "--device",
            panel=o.MACHINE,
            help="cpu or a kind of accelerator [default: that of the run].",
        ),
    ] = None,
    store: o.Store = Path("runs"),
    data_dir: o.DataDir = None,
    format: o.Format = "table",
    quiet: o.Quiet = False,
) -> int:
    """Train a run again from its record, and report whether it is bit-identical.

    $ convcompare runs verify 3fa9
    $ convcompare runs verify 3fa9 --threads 1

    The trial is repeated with the same number of threads in a temporary folder; the run itself is
    only read. Exit code 0 if metrics, logits and weights are bit-identical, otherwise 1.
    """
    from convcompare.data.load import default_sources
    from convcompare.experiment.reproduce import Repetition, check_repeatable
    from convcompare.store.run_store import RunStore

    kind = check_format(format)
    opened = RunStore(store)
    found = check_repeatable(opened, opened.find(run))
    place = found.environment
    place = replace(place, threads=threads or place.threads, device=device or place.device)
    repeated = replace(found, environment=place)
    sources = default_sources(data_dir, quiet=quiet)
    with tempfile.TemporaryDirectory(prefix="convcompare-verify-") as folder:
        again, scratch = _again(repeated, Path(folder), sources, quiet)
        return _show(Repetition(opened, found, scratch, again), kind)


def _again(run: Run, folder: Path, sources: Sources, quiet: bool) -> tuple[Run, RunStore]:
    """Train the run again with progress shown; return the new run and its store."""
    from convcompare.experiment.events import Ended
    from convcompare.experiment.reproduce import repeat
    from convcompare.experiment.trial_tracker import Tracker
    from convcompare.store.run_store import RunStore

    from ...progress_view import follow

    tracker = Tracker([run.trial], {})
    ended = run
    with (
        follow(tracker, err(), quiet) as view,
        closing(repeat(run, folder, sources, run.environment)) as events,
    ):
        for event in events:
            view.show(event)
            if isinstance(event, Ended):
                ended = event.run
    return ended, RunStore(folder)


def _show(repetition: Repetition, kind: Any) -> int:
    """Print how far the two runs agree, and return the exit code."""
    differences = repetition.environment()
    parts = [dict(vars(part)) for part in repetition.agreements]
    if kind == "json":
        record = {
            "id": repetition.run.id,
            "equal": repetition.equal,
            "parts": parts,
            "environment": [
                {"name": name, "then": then, "now": now} for name, then, now in differences
            ],
        }
        emit_json(record)
        return 0 if repetition.equal else 1
    emit_table(Table(COLUMNS, tuple(parts)), kind)
    if kind == "table":
        for line in _words(repetition):
            out().print(f" {line}", soft_wrap=True)
    return 0 if repetition.equal else 1


def _words(repetition: Repetition) -> list[str]:
    run, differences = repetition.run, repetition.environment()
    label = quote(run.trial.name)
    verdict = "bit-identical" if repetition.equal else "not bit-identical"
    lines = [f"run {run.id} of {label}, trained again: {verdict}"]
    if differences:
        changes = ", ".join(f"{name} {then} then, {now} now" for name, then, now in differences)
        lines.append(f"the environment differs: {changes}")
    else:
        lines.append("the environment is the same, as far as it is recorded")
    return lines
