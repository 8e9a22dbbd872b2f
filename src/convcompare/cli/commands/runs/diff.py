"""``convcompare runs diff``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convcompare.core import formatting
from convcompare.core.errors import UsageError, quote
from convcompare.output.tables.formats import check_format
from convcompare.output.tables.table import Column, Table
from convcompare.store.json_fields import to_record

from ... import completions as c
from ... import options as o
from ...output import emit_json, emit_table, emit_text, end
from ...run_choice import selected

if TYPE_CHECKING:
    from convcompare.comparison.comparison import Comparison
    from convcompare.store.run import Trial
    from convcompare.store.run_store import RunStore


@dataclass(frozen=True)
class Fact:
    """A property of runs: its value, and the text that shows it."""

    value: Any
    text: str


Facts = Mapping[str, Sequence[Fact]]
"""Values of the properties of one side, by name."""
_NAME = "A comparison by its name, a study, a network or a run{}."
COLUMNS = (
    Column("what", "what differs", "left", names=True),
    Column("first", "", "left", names=True, priority=-1),
    Column("second", "", "left", names=True, priority=-1),
)


def diff(
    first: Annotated[str, typer.Argument(help=_NAME.format(""), autocompletion=c.selected_names)],
    second: Annotated[
        str | None,
        typer.Argument(
            help=_NAME.format(" [with --other: FIRST]"),
            autocompletion=c.selected_names,
            show_default=False,
        ),
    ] = None,
    other: Annotated[
        Path | None,
        o.option(
            "--other",
            metavar="STORE",
            panel=o.STORE,
            help="Store of SECOND, or a pack of it [default: that of --store].",
        ),
    ] = None,
    store: o.Store = Path("runs"),
    format: o.Format = "table",
) -> None:
    """Show what differs between two comparisons or two runs: settings, data, code, accuracy.

    $ convcompare runs diff kernels kernels-2
    $ convcompare runs diff 3fa9 50ad
    $ convcompare runs diff kernels --other laptop.ccpack
    $ convcompare runs diff fcn simple --format json

    With `--other`, runs that both stores have are compared epoch by epoch: each whose figures
    differ is listed.
    """
    from convcompare.store.run_store import RunStore

    kind = check_format(format)
    if second is None and other is None:
        raise UsageError(
            f"nothing to compare {quote(first)} with", "a second name, or `--other STORE`"
        )
    names = (first, second or first)
    stores = [RunStore(store), RunStore(other or store)]
    sides = [selected(opened, [name]) for opened, name in zip(stores, names, strict=True)]
    single = all(len(side.labels) == 1 for side in sides)
    facts = [_facts(opened, side, single) for opened, side in zip(stores, sides, strict=True)]
    rows = (*_differing(*facts), *_other_figures(*sides))
    titles = [name if other is None else f"{name} in {place}"
              for name, place in zip(names, (store, other), strict=True)]  # fmt: skip
    if kind == "json":
        place = {} if other is None else {"other": str(other)}
        emit_json({"first": first, "second": names[1], **place, "differences": rows})
    elif rows:
        columns = [replace(column, title=title)
                   for column, title in zip(COLUMNS[1:], titles, strict=True)]  # fmt: skip
        emit_table(Table((COLUMNS[0], *columns), rows), kind)
    else:
        emit_text(f"{titles[0]} and {titles[1]} do not differ", None)
    for opened in stores:
        end(opened)


def _differing(first: Facts, second: Facts) -> Iterator[dict[str, Any]]:
    """Iterate over the properties whose values differ, in any order of values."""
    for what in dict.fromkeys((*first, *second)):
        row = _row(what, *(side.get(what, ()) for side in (first, second)))
        if sorted(map(repr, row["first_values"])) != sorted(map(repr, row["second_values"])):
            yield row


def _other_figures(first: Comparison, second: Comparison) -> Iterator[dict[str, Any]]:
    """Iterate over the runs with equal ids and different figures, at the first such epoch."""
    there = {run.id: run for run in second.runs}
    for one in first.runs:
        run = there.get(one.id, one)
        if not one.same_figures(run):
            pairs = zip_longest(*([e.figures for e in each.history] for each in (one, run)))
            number, epochs = next(
                (found for found in enumerate(pairs, start=1) if found[1][0] != found[1][1]),
                (0, ({}, {})),
            )
            what = f"figures of {one.trial.name}, seed {one.trial.seed}, epoch {number}"
            sides = zip((one, run), epochs, strict=True)
            yield _row(what, *([_ended(each.status, epoch or {})] for each, epoch in sides))


def _ended(status: str, figures: Mapping[str, float | None]) -> Fact:
    """Return the status of a run with the losses and accuracies of one epoch."""
    shown = [
        f"{name.replace('_', ' ')} {value}"
        for name, value in figures.items()
        if value is not None and name.endswith(("_loss", "_accuracy"))
    ]
    return Fact({"status": status, **figures}, f"{status}: {', '.join(shown)}")


def _row(what: str, first: Sequence[Fact], second: Sequence[Fact]) -> dict[str, Any]:
    """Return a row: texts, in full precision if they would be equal, and the values."""
    values = [[fact.value for fact in side] for side in (first, second)]
    texts = [", ".join(fact.text for fact in side) or None for side in (first, second)]
    if texts[0] == texts[1]:
        texts = [", ".join(map(str, side)) or None for side in values]
    return {
        "what": what,
        "first": texts[0],
        "second": texts[1],
        "first_values": values[0],
        "second_values": values[1],
    }


def _facts(store: RunStore, comparison: Comparison, single: bool) -> Facts:
    """Return everything that identifies the runs, and their results.

    Results are labelled with their network, unless each side has a `single` one.
    """
    from convcompare.comparison.estimate_words import plus_minus

    found: dict[str, list[Fact]] = {}

    def note(what: str, value: Any, text: str | None = None) -> None:
        facts = found.setdefault(what, [])
        fact = Fact(value, str(value) if text is None else text)
        if value not in (None, "") and fact not in facts:
            facts.append(fact)

    def note_trial(trial: Trial) -> None:
        note("network", trial.model)
        note("code", trial.code, (trial.code or "")[:12])
        note("data set", trial.dataset)
        note("data", trial.data, trial.data[:12])
        for name, value in to_record(trial.config).items():
            note(name.replace("_", " "), value)
        note("arithmetic", trial.numerics)

    for group in comparison.groups:
        of = "" if single else f" of {group.label}"
        for run in group.runs:
            note_trial(run.trial)
            if run.initial_weights:
                weights = run.initial_weights.sha256
                note("initial weights", weights, weights[:12])
            note("device", run.environment.device)
            note("processor", run.environment.processor)
            note("threads", run.environment.threads)
            note("torch", run.environment.torch)
            note(f"parameters{of}", run.cost.parameters, formatting.count(run.cost.parameters))
            note(f"seeds{of}", run.trial.seed)
        note(f"status{of}", "" if group.status == "finished" else group.status)
        accuracy = group.shown("test_accuracy") if group.finished else None
        if accuracy is not None:
            note(f"test accuracy{of}", accuracy.value, f"{plus_minus(accuracy, 100)} %")
    for label, run_id in comparison.unfinished:
        with store.skipping_damage():
            trial = store.trial(run_id)
            note_trial(trial)
            note(f"seeds{'' if single else f' of {label}'}, not ended", trial.seed)
    return found
