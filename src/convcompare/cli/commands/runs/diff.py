"""``convcompare runs diff``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convcompare.core import formatting
from convcompare.output.tables.formats import check_format
from convcompare.output.tables.table import Column, Table
from convcompare.store.json_fields import to_record

from ... import completions as c
from ... import options as o
from ...output import emit_json, emit_table, emit_text, end

if TYPE_CHECKING:
    from convcompare.comparison.comparison import Comparison
    from convcompare.store.run import Trial
    from convcompare.store.run_store import RunStore

Facts = Mapping[str, Sequence[str]]
"""The values of what identifies runs, by its name."""
RunName = Annotated[
    str,
    typer.Argument(
        help="A comparison by its name, a study, a network or a run.",
        autocompletion=c.selected_names,
    ),
]
COLUMNS = (
    Column("what", "what differs", "left", names=True),
    Column("first", "", "left", names=True, priority=-1),
    Column("second", "", "left", names=True, priority=-1),
)


def diff(
    first: RunName, second: RunName, store: o.Store = Path("runs"), format: o.Format = "table"
) -> None:
    """Show what differs between two comparisons or two runs: settings, data, code, accuracy.

    $ convcompare runs diff kernels kernels-2
    $ convcompare runs diff 3fa9 50ad
    $ convcompare runs diff fcn simple --format json
    """
    from convcompare.comparison.selection import select
    from convcompare.store.run_store import RunStore

    kind = check_format(format)
    opened = RunStore(store)
    sides = [select(opened, [name]) for name in (first, second)]
    single = all(len(side.labels) == 1 for side in sides)
    facts = [_facts(opened, side, single) for side in sides]
    rows = tuple(_differing(*facts))
    if kind == "json":
        emit_json({"first": first, "second": second, "differences": rows})
    elif rows:
        what, one, other = COLUMNS
        columns = (what, replace(one, title=first), replace(other, title=second))
        emit_table(Table(columns, rows), kind)
    else:
        emit_text(f"{first} and {second} do not differ", None)
    end(opened)


def _differing(first: Facts, second: Facts) -> Iterator[dict[str, str | None]]:
    """What has not the same values on both sides, in whatever order; several with commas."""
    for what in dict.fromkeys((*first, *second)):
        sides = [side.get(what, []) for side in (first, second)]
        if set(sides[0]) != set(sides[1]):
            texts = [", ".join(values) or None for values in sides]
            yield {"what": what, "first": texts[0], "second": texts[1]}


def _facts(store: RunStore, comparison: Comparison, single: bool) -> Facts:
    """Everything that identifies the runs, and their results.

    Results bear the label of their network, unless each side has a `single` one: then they stand
    side by side.
    """
    from convcompare.comparison.estimate_words import plus_minus

    found: dict[str, list[str]] = {}

    def note(what: str, value: Any) -> None:
        values = found.setdefault(what, [])
        if value not in (None, "") and str(value) not in values:
            values.append(str(value))

    def note_trial(trial: Trial) -> None:
        note("network", trial.model)
        note("code", (trial.code or "")[:12])
        note("data set", trial.dataset)
        note("data", trial.data[:12])
        for name, value in to_record(trial.config).items():
            note(name.replace("_", " "), value)
        note("arithmetic", trial.numerics)

    for group in comparison.groups:
        of = "" if single else f" of {group.label}"
        for run in group.runs:
            note_trial(run.trial)
            if run.initial_weights:
                note("initial weights", run.initial_weights.sha256[:12])
            note("device", run.environment.device)
            note("threads", run.environment.threads)
            note("torch", run.environment.torch)
            note(f"parameters{of}", formatting.count(run.cost.parameters))
        note(f"seeds{of}", ", ".join(str(run.trial.seed) for run in group.runs))
        note(f"status{of}", "" if group.status == "finished" else group.status)
        accuracy = group.shown("test_accuracy") if group.finished else None
        if accuracy is not None:
            note(f"test accuracy{of}", f"{plus_minus(accuracy, 100)} %")
    for label, run_id in comparison.unfinished:
        with store.skipping_damage():
            trial = store.trial(run_id)
            note_trial(trial)
            note(f"seeds{'' if single else f' of {label}'}, not ended", trial.seed)
    return found
