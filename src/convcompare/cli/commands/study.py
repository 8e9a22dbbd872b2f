"""``convcompare study``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from convcompare.comparison.study import MAIN, study_named
from convcompare.core.errors import UsageError, did_you_mean, quote
from convcompare.experiment.request import ModelRequest, Request
from convcompare.output.tables.formats import Format, chosen_format
from convcompare.store.run_store import RunStore

from .. import completions as c
from .. import options as o
from ..arguments import build_request
from ..option_groups import (
    ContrastOptions,
    ExecutorOptions,
    MachineOptions,
    OutputOptions,
    SeedOptions,
    StoreOptions,
    TrainingOptions,
    grouped,
)
from ..output import View, emit_assessment, emit_json, emit_plan, emit_table, end
from ..study_tables import list_of_studies, plan_of_conclusions, plan_of_studies

if TYPE_CHECKING:
    from convcompare.comparison.study import Study, StudyRow


@grouped
def study(
    *,
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME...",
            help="Studies, or `all` for the six [default: list them].",
            autocompletion=c.study_names,
            show_default=False,
        ),
    ] = None,
    dataset: Annotated[
        str | None,
        o.option(
            "--dataset", "-d", panel=o.TRAINING, help="Data set [default: that of the report]."
        ),
    ] = None,
    epochs: Annotated[
        str | None,
        o.option("--epochs", "-e", panel=o.TRAINING, help="Epochs [default: those of the report]."),
    ] = None,
    skip: Annotated[
        list[str] | None,
        o.option(
            "--skip",
            metavar="MODEL",
            panel=o.TRAINING,
            help="Leave out this network; may be repeated.",
        ),
    ] = None,
    channels: o.Channels = None,
    seeds: SeedOptions,
    settings: o.Settings = None,
    all_pairs: o.AllPairs = False,
    verdict_on: o.VerdictOn = None,
    machine: MachineOptions,
    executor: ExecutorOptions,
    store: StoreOptions,
    output: OutputOptions,
    plan: Annotated[
        bool,
        o.option(
            "--plan",
            panel=o.OUTPUT,
            help="Print which seeds and epochs would decide the open conclusions; run nothing.",
        ),
    ] = False,
) -> None:
    """Reproduce the studies of the reports: train what is missing, print the tables.

    $ convcompare study mnist --seeds 3
    $ convcompare study all --epochs 1 --dataset mnist-mini --skip Bottleneck
    $ convcompare study depth depth-003 --dry-run
    $ convcompare study --plan
    """
    kind = chosen_format(output.format, output.out)
    if plan:
        opened = RunStore(store.store)
        emit_table(plan_of_conclusions(opened, list(_studies(names or []))), kind, output.out)
        end(opened)
        return
    if not names:
        emit_table(list_of_studies(), kind, output.out)
        return
    chosen = _studies(names)
    rows = {name: _rows(name, found, skip or []) for name, found in chosen.items()}
    _check_skip(skip or [], chosen)
    requests = [
        build_request(
            _models(found, rows[name]),
            dataset or found.dataset,
            seeds=seeds,
            contrasts=ContrastOptions(all_pairs=all_pairs, verdict_on=verdict_on),
            training=TrainingOptions(epochs=epochs, channels=channels, settings=settings),
            machine=machine,
            executor=executor,
            store=store,
            output=output,
            columns=tuple(found.columns),
            study=name,
        )
        for name, found in chosen.items()
    ]
    if output.dry_run:
        emit_plan(plan_of_studies(requests), output)
        return
    raise typer.Exit(_run(requests, kind, output))


def _studies(names: Sequence[str]) -> dict[str, Study]:
    expanded = [one for name in names for one in (MAIN if name == "all" else (name,))]
    return {name: study_named(name) for name in dict.fromkeys(expanded)}


def _rows(name: str, study: Study, skip: Sequence[str]) -> list[StudyRow]:
    left = [row for row in study.rows if row.name not in skip and row.spec not in skip]
    if not left:
        raise UsageError(f"`--skip` leaves nothing of study {quote(name)}")
    return left


def _check_skip(skip: Sequence[str], studies: dict[str, Study]) -> None:
    known = {name for s in studies.values() for row in s.rows for name in (row.name, row.spec)}
    for name in skip:
        if name not in known:
            raise UsageError(
                f"none of these studies has a network {quote(name)}",
                did_you_mean(name, known) or "`convcompare study NAME --dry-run` lists them",
            )


def _models(study: Study, rows: Iterable[StudyRow]) -> tuple[ModelRequest, ...]:
    """Return the networks of a study, each with the epochs of its row."""
    return tuple(
        ModelRequest(row.name, row.spec, {**study.settings, "epochs": str(row.epochs)})
        for row in rows
    )


def _run(requests: Sequence[Request], kind: Format, output: OutputOptions) -> int:
    """Run each study in turn; print a table after each, or one JSON object at the end."""
    from convcompare.comparison.claims.findings import with_conclusions
    from convcompare.experiment.planning import prepare
    from convcompare.experiment.session import run

    from ..console_reporter import ConsoleReporter
    from ..run_comparison import perform_part, print_durations

    failed, records = False, []
    reporter = ConsoleReporter(output.quiet)
    for request in requests:
        began = datetime.now(UTC)
        plan = prepare(request, reporter)
        if request.is_part:
            failed = bool(perform_part(plan, reporter)) or failed
            continue
        assessment = run(plan, reporter)
        failed = failed or bool(assessment.comparison.failed)
        records.append(with_conclusions(assessment))
        if kind != "json":
            path = _path(output.out, request, several=len(requests) > 1)
            view = View(request.columns, output.sort, output.verbose)
            emit_assessment(assessment, kind, path, view)
        if not output.quiet:
            print_durations(assessment, began)
    if kind == "json" and records:
        emit_json({"studies": records}, output.out)
    return 1 if failed else 0


def _path(out: Path | None, request: Request, several: bool) -> Path | None:
    """Return the output file of a study; each has its own if there are several."""
    if out is None or not several:
        return out
    return out.with_stem(f"{out.stem}-{request.study}")
