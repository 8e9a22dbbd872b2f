"""``convcompare runs``: the content of a store. The other files here are its subcommands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convcompare.core.errors import UsageError, one_of, quote
from convcompare.output.tables.formats import Format, chosen_format
from convcompare.store.json_fields import to_record

from ... import completions as c
from ... import options as o
from ...arguments import parse_columns, parse_figures
from ...output import View, emit_assessment, emit_json, emit_table, emit_text, end
from ...run_choice import found_run, is_comparison, trials_of
from ...run_list import STATUSES, listed, matches, run_table, state

if TYPE_CHECKING:
    from convcompare.comparison.assessment import Assessment
    from convcompare.output.tables.table import Table
    from convcompare.store.run_store import RunStore


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
            help="Only networks with this name or pattern: fcn, 'cnn:*'.",
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
            help="Only runs in this state: finished, diverged, failed, running or incomplete.",
            autocompletion=c.one_of(*STATUSES),
        ),
    ] = None,
    comparison: Annotated[
        str | None,
        o.option("--comparison", panel=o.STORE, help="Only runs of this comparison."),
    ] = None,
    tag: Annotated[
        str | None,
        o.option(
            "--tag",
            metavar="TAG",
            panel=o.STORE,
            help="Only runs with this tag (`runs tag`).",
            autocompletion=c.tag_names,
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
    $ convcompare runs --tag baseline --verbose
    $ convcompare runs check --repair
    """
    from convcompare.store.run_store import RunStore

    kind = chosen_format(format, out)
    names = parse_columns(columns)
    figures = parse_figures(verdict_on)
    opened = RunStore(store)
    if status is not None:
        one_of(STATUSES, status, f"no run is {quote(status)}", ", ".join(STATUSES))
    of_list = {"--model": model, "--dataset": dataset, "--status": status, "--tag": tag,
               "--comparison": comparison}  # fmt: skip
    of_table = {"--columns": columns, "--all-pairs": all_pairs, "--verdict-on": verdict_on,
                "--sort": sort}  # fmt: skip
    if name is None:
        _refuse(of_table, "a comparison", "`convcompare runs latest {} …`")
    elif is_comparison(opened, name):
        _refuse(of_list, "the list of runs", "`convcompare runs {} …`")
    else:
        _refuse({**of_list, **of_table}, "several runs", "`convcompare runs ID` shows all of one")
    if name is None:
        among = None if comparison is None else trials_of(opened, comparison)
        rows = [r for r in listed(opened) if matches(r, model, dataset, status, among, tag)]
        _list(opened, rows, any(of_list.values()), kind, out, verbose)
    elif is_comparison(opened, name):
        view = View.parse(names, sort, verbose)
        emit_assessment(_assessed(opened, name, figures, all_pairs), kind, out, view)
    elif kind == "json":
        emit_json(_record(opened, name), out)
    else:
        emit_table(_epochs(opened, name), kind, out)
    end(opened)


def _refuse(options: Mapping[str, object], about: str, hint: str) -> None:
    """Raise UsageError for the first given option, since all `options` are for something else."""
    for option in (option for option, value in options.items() if value):
        raise UsageError(f"`{option}` is for {about}", hint.format(option))


def _list(
    store: RunStore,
    rows: Sequence[dict[str, Any]],
    chosen: bool,
    kind: Format,
    out: Path | None,
    verbose: bool,
) -> None:
    """Print the runs of a store, or those that were `chosen` by an option."""
    if kind == "json":
        emit_json({"runs": rows}, out)
    elif rows:
        emit_table(run_table(rows, whole=kind != "table", notes=verbose), kind, out)
    elif chosen:
        emit_text("no run matches: `convcompare runs` lists all", None)
    elif not store.damage:
        raise UsageError(
            f"there are no runs in {store.place}",
            "`convcompare compare fcn simple` creates some",
        )


def _assessed(store: RunStore, name: str, figures: tuple[str, ...], all_pairs: bool) -> Assessment:
    """Return a comparison with verdicts on the given figures, or on its own."""
    from convcompare.comparison.assessment import Assessment
    from convcompare.comparison.selection import select

    found = select(store, [name])
    return Assessment(replace(found, verdict_on=figures or found.verdict_on), store, all_pairs)


def _run_id(store: RunStore, name: str) -> str:
    """Return the run id that starts with `name`.

    Raises:
        UsageError: if there is none; for a network, the hint lists its runs.
    """
    from convcompare.comparison.selection import LATEST, known_records

    for run_id in store.ids():
        with store.skipping_damage():
            if name == store.trial(run_id).name:
                listed = f"`convcompare runs --model {name}` lists its runs"
                raise UsageError(f"{quote(name)} is a network", listed)
    return found_run(store, name, (LATEST, *known_records(store)))


def _record(store: RunStore, prefix: str) -> dict[str, Any]:
    """Return the record of a run, with its tags and note."""
    run_id = _run_id(store, prefix)
    annotation = to_record(store.annotation(run_id))
    run = store.outcome(run_id)
    if run is None:
        history = [to_record(epoch) for epoch in store.history(run_id)]
        trial = to_record(store.trial(run_id))
        head = {"id": run_id, "status": state(store, run_id), **annotation}
        return {**head, "trial": trial, "history": history}
    return {**run.to_json(), **annotation}


def _epochs(store: RunStore, prefix: str) -> Table:
    """Return a run as a table of its epochs."""
    from convcompare.output.tables.epoch_table import epoch_table

    run_id = _run_id(store, prefix)
    run = store.outcome(run_id)
    history = run.history if run else store.history(run_id)
    status = run.status if run else state(store, run_id)
    return epoch_table(store.trial(run_id), history, run, status, store.annotation(run_id))
