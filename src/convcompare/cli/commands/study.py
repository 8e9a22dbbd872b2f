"""``convcompare study``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convcompare.comparison.study import MAIN
from convcompare.core import formatting
from convcompare.core.errors import UsageError, did_you_mean, quote
from convcompare.output.tables.table import Column, Format, Table, check_format

from .. import options as o
from ..output import emit_assessment, emit_table, emit_text

if TYPE_CHECKING:
    from convcompare.comparison.study import Study, StudyRow

    from ..request import Request

LISTED = (
    Column("study", "study", "left"),
    Column("dataset", "data set", "left", priority=2),
    Column("networks", "networks", priority=1),
    Column("epochs", "epochs", priority=3),
    Column("summary", "", "left", priority=4),
)


def study(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME...",
            help="Studies, or `all` for the six; none lists them.",
            autocompletion=o.study_names,
            show_default=False,
        ),
    ] = None,
    dataset: Annotated[
        str | None,
        o.option("--dataset", "-d", panel=o.TRAINING, help="Another data set than the report's."),
    ] = None,
    seeds: o.Seeds = None,
    seed: o.FirstSeed = 0,
    epochs: Annotated[
        str | None,
        o.option("--epochs", "-e", metavar="N", panel=o.TRAINING, help="Instead of the report's."),
    ] = None,
    skip: Annotated[
        list[str] | None,
        o.option("--skip", metavar="MODEL", panel=o.TRAINING, help="Leave a network out."),
    ] = None,
    settings: o.Settings = None,
    device: o.Device = "auto",
    precision: o.Precision = "auto",
    threads: o.Threads = None,
    compile: o.Compile = "auto",
    devices: o.Devices = None,
    jobs: o.Jobs = None,
    executor: o.Executor = None,
    ray_address: o.RayAddress = None,
    gpu_share: o.GpuShare = 1.0,
    weights: o.KeepWeights = True,
    shard: o.Shard = None,
    worker: o.Worker = False,
    store: o.Store = Path("runs"),
    data_dir: o.DataDir = None,
    fresh: o.Fresh = False,
    dry_run: o.DryRun = False,
    columns: o.Columns = None,
    all_pairs: o.AllPairs = False,
    format: o.Format = "table",
    out: o.Out = None,
    quiet: o.Quiet = False,
) -> None:
    """Run the studies of the reports: what is missing is trained, the tables are printed.

    $ convcompare study mnist --seeds 3
    $ convcompare study all --epochs 1 --dataset mnist-mini --skip Bottleneck
    $ convcompare study depth depth-003 --dry-run
    """
    from ..arguments import parse_columns, parse_compile, parse_jobs, parse_seeds, parse_settings
    from ..part import parse_shard
    from ..request import Request

    kind = check_format(format)
    if not names:
        emit_table(_listing(), kind, out)
        return
    chosen = _studies(names)
    rows = {name: _rows(name, found, skip or []) for name, found in chosen.items()}
    _check_skip(skip or [], chosen)
    shared = Request(
        models=(),
        dataset=dataset or "",
        seeds=parse_seeds(seeds, seed),
        recipe="report",
        settings=parse_settings(settings, epochs=epochs, devices=devices),
        precision=precision,
        device=device,
        threads=threads,
        compile=parse_compile(compile),
        executor=executor,
        jobs=parse_jobs(jobs, executor),
        ray_address=ray_address,
        gpu_share=gpu_share,
        weights=weights,
        shard=parse_shard(shard),
        worker=worker,
        store=store,
        data_dir=data_dir,
        fresh=fresh,
        dry_run=dry_run,
        format=format,
        out=out,
        quiet=quiet,
        columns=parse_columns(columns),
        all_pairs=all_pairs,
    )
    requests = [_request(shared, name, found, rows[name]) for name, found in chosen.items()]
    raise typer.Exit(_plan(requests, kind) if dry_run else _run(requests, kind))


def _studies(names: Sequence[str]) -> dict[str, Study]:
    from convcompare.core.registry import register

    expanded = [one for name in names for one in (MAIN if name == "all" else (name,))]
    return {name: register.study[name].function() for name in dict.fromkeys(expanded)}


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
                f"no study asked for has a network {quote(name)}",
                did_you_mean(name, known) or "`convcompare study NAME --dry-run` lists them",
            )


def _request(shared: Request, name: str, study: Study, rows: Iterable[StudyRow]) -> Request:
    """The request of one study: its networks, each with the epochs of its row."""
    from dataclasses import replace

    from ..request import ModelRequest

    models = [
        ModelRequest(row.name, row.spec, {**study.settings, "epochs": str(row.epochs)})
        for row in rows
    ]
    columns = dict.fromkeys([*study.columns, *shared.columns])
    dataset = shared.dataset or study.dataset
    return replace(shared, models=models, dataset=dataset, study=name, columns=tuple(columns))


def _run(requests: Sequence[Request], kind: Format) -> int:
    """Each study in turn; a table after each, one JSON object after all."""
    from convcompare.comparison.assessment import Assessment

    from ..job import prepare
    from ..part import work
    from ..run_comparison import now, say_durations
    from ..session import run_job, say_conditions

    failed, records = False, []
    for request in requests:
        began = now()
        job = prepare(request)
        if not request.quiet:
            say_conditions(job, request)
        if request.is_part:
            failed = bool(work(job, request)) or failed
            continue
        assessment = Assessment(run_job(job, request), job.store, request.all_pairs)
        failed = failed or bool(assessment.comparison.failed)
        records.append(assessment.to_json())
        if kind != "json":
            path = _path(request, several=len(requests) > 1)
            emit_assessment(assessment, kind, path, request.columns)
        if not request.quiet:
            say_durations(assessment.comparison, began)
    if kind == "json" and records:
        record = {"schema_version": 1, "studies": records}
        emit_text(json.dumps(record, indent=1, ensure_ascii=False), requests[0].out)
    return 1 if failed else 0


def _path(request: Request, several: bool) -> Path | None:
    """Where the table of a study goes: with several studies each has a file of its own."""
    if request.out is None or not several:
        return request.out
    return request.out.with_stem(f"{request.out.stem}-{request.study}")


def _plan(requests: Sequence[Request], kind: Format) -> int:
    planned = [_planned(request) for request in requests]
    columns = (
        Column("study", "study", "left"),
        Column("name", "network", "left"),
        Column("model", "model", "left", priority=3),
        Column("dataset", "data set", "left", priority=2),
        Column("parameters", "parameters", show="{:,}".format, priority=1),
        Column("published_parameters", "published", show="{:,}".format, priority=2),
        Column("macs", "MACs", show=formatting.large, priority=4),
        Column("epochs", "epochs", priority=1),
        Column("seeds", "seeds", priority=3),
    )
    notes = (
        "published: parameters as printed in the report",
        *(
            sentence
            for request, rows in zip(requests, planned, strict=True)
            for sentence in _counted(request, rows)
        ),
        "nothing was run: this is the plan",
    )
    emit_table(Table(columns, tuple(chain(*planned)), notes), kind, requests[0].out)
    return 0


def _study_of(request: Request) -> Study:
    from convcompare.core.registry import register

    found: Study = register.study[str(request.study)].function()
    return found


def _counted(request: Request, rows: Sequence[dict[str, Any]]) -> list[str]:
    """The conclusions that need no run; none where the images are not the report's."""
    from convcompare.comparison.claims import counted

    study = _study_of(request)
    if request.dataset != study.dataset:
        return []
    return counted(study, {row["name"]: row for row in rows})


def _planned(request: Request) -> list[dict[str, Any]]:
    from convcompare.core.config import recipe
    from convcompare.models.build import resolve

    from .models import shape_for

    study = _study_of(request)
    shape = shape_for(request.dataset)
    found = []
    for one in request.models:
        config = recipe(request.recipe).replace({**one.settings, **request.settings})
        row = study.row(one.label)
        printed = row.published.parameters if row else None
        counts = resolve(one.spec, shape).description
        found.append(
            {
                "study": request.study,
                "name": one.label,
                "model": one.spec,
                "dataset": request.dataset,
                "parameters": counts.parameters,
                "published_parameters": None if printed is None else int(printed),
                "macs": counts.macs,
                "epochs": config.epochs,
                "seeds": len(request.seeds),
            }
        )
    return found


def _listing() -> Table:
    from convcompare.core.registry import register

    rows = []
    for entry in register.study:
        found: Study = entry.function()
        epochs = sorted({row.epochs for row in found.rows})
        rows.append(
            {
                "study": entry.name,
                "dataset": found.dataset,
                "networks": len(found.rows),
                "epochs": "/".join(map(str, epochs)),
                "summary": entry.summary,
            }
        )
    order = {name: place for place, name in enumerate(MAIN)}
    rows.sort(key=lambda row: order.get(str(row["study"]), len(MAIN)))
    return Table(LISTED, tuple(rows), (f"all: {', '.join(MAIN)}",))
