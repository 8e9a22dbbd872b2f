"""``convcompare gradients``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convcompare.output.tables.table import Column, Table, check_format

from .. import options as o
from ..output import emit_drawings, emit_table, emit_text

if TYPE_CHECKING:
    from convcompare.store.gradient_record import GradientRecord

    from ..job import ExperimentPlan
    from ..request import Request


def _scientific(value: float) -> str:
    return f"{value:.1e}"


COLUMNS = (
    Column("model", "model", "left"),
    Column("layers", "layers", priority=3),
    Column("first_start", "first layer, start", show=_scientific, priority=1),
    Column("first_end", "first layer, end", show=_scientific, priority=1),
    Column("last_end", "last layer, end", show=_scientific, priority=2),
    Column("ratio", "last / first", show=lambda v: f"{v:.2g}"),
    Column("verdict", "verdict", "left"),
    Column("mean_abs_start", "first layer, mean |g|, start", exported=True),
    Column("mean_abs_end", "first layer, mean |g|, end", exported=True),
)


def gradients(
    models: o.Models,
    dataset: o.Dataset = "mnist",
    epochs: Annotated[
        str,
        o.option("--epochs", "-e", panel=o.TRAINING, help="Train so long first (0: do not)."),
    ] = "0",
    seed: Annotated[int, o.option("--seed", panel=o.TRAINING, min=0, help="The seed (0).")] = 0,
    threshold: Annotated[
        float,
        o.option(
            "--threshold",
            metavar="RATIO",
            panel=o.OUTPUT,
            min=1,
            help="Ratio that counts as vanishing (100).",
        ),
    ] = 100.0,
    recipe: o.Recipe = "report",
    image_size: o.ImageSize = None,
    settings: o.Settings = None,
    device: o.Device = "auto",
    threads: o.Threads = None,
    store: o.Store = Path("runs"),
    data_dir: o.DataDir = None,
    format: o.Format = "table",
    out: Annotated[
        Path | None,
        o.option("--out", "-o", panel=o.OUTPUT, help="Draw the figures into this folder."),
    ] = None,
    quiet: o.Quiet = False,
) -> None:
    """Gradient of each layer on one fixed batch, at initialisation and after each epoch.

    $ convcompare gradients plain-56 resnet-56 --dataset cifar10
    $ convcompare gradients simple residual --epochs 3 --out figures
    """
    from ..arguments import parse_settings
    from ..request import Request, wanted

    trained = epochs != "0"
    given = parse_settings(settings, epochs=epochs if trained else None, image_size=image_size)
    request = Request(
        models=wanted(models),
        dataset=dataset,
        seeds=[seed],
        recipe=recipe,
        settings=given,
        precision="auto",
        device=device,
        threads=threads,
        executor=None,
        store=store,
        data_dir=data_dir,
        fresh=False,
        dry_run=not trained,
        format=format,
        out=None,
        quiet=quiet,
    )
    raise typer.Exit(_perform(request, threshold, out))


def _perform(request: Request, threshold: float, out: Path | None) -> int:
    from ..job import prepare
    from ..session import run_job, say_conditions

    kind = check_format(request.format)
    job = prepare(request)
    if request.dry_run:
        records: Mapping[str, GradientRecord] = _at_initialisation(job)
        failed = False
    else:
        if not request.quiet:
            say_conditions(job, request)
        comparison = run_job(job, request)
        records, failed = _recorded(job, comparison), bool(comparison.failed)
    table = Table(
        COLUMNS, tuple(_row(*item, threshold) for item in records.items()), _notes(job, threshold)
    )
    if kind == "json":
        models = [{"model": m, **r.to_json(threshold)} for m, r in records.items()]
        emit_text(json.dumps({"schema_version": 1, "models": models}, indent=1), None)
    else:
        emit_table(table, kind)
    if out is not None:
        from convcompare.output.plots.figure import styled
        from convcompare.output.plots.kinds.gradients import draw_gradients
        from convcompare.output.plots.style import looks

        with styled():
            emit_drawings(draw_gradients(records, looks(list(records))), out, "png")
    return 1 if failed else 0


def _at_initialisation(job: ExperimentPlan) -> dict[str, GradientRecord]:
    from convcompare.training.batches import Batches
    from convcompare.training.hardware import prepare
    from convcompare.training.memory_format import channels_last
    from convcompare.training.recording import GradientRecorder

    device = prepare(job.runtime)
    config = job.trials[0].config
    train = Batches(job.dataset.train, job.dataset, device).resized(config.image_size)
    records = {}
    for candidate in job.candidates:
        recorder = GradientRecorder(train)
        recorder.measure(channels_last(candidate.builder.build(job.trials[0].seed), device))
        records[candidate.label] = recorder.record
    return records


def _recorded(job: ExperimentPlan, comparison: Any) -> Mapping[str, GradientRecord]:
    from convcompare.data.dataset import Sources
    from convcompare.data.load import default_cache
    from convcompare.output.plots.source import Source

    return dict(Source(comparison, job.store, Sources(default_cache())).gradients())


def _row(label: str, record: GradientRecord, threshold: float) -> dict[str, Any]:
    trained = len(record.norm) > 1
    return {
        "model": label,
        "layers": len(record.layers),
        "first_start": record.norm[0, 0],
        "first_end": record.norm[-1, 0] if trained else None,
        "last_end": record.norm[-1, -1],
        "ratio": record.ratio(),
        "verdict": record.verdict(threshold=threshold),
        "mean_abs_start": record.mean_abs[0, 0],
        "mean_abs_end": record.mean_abs[-1, 0],
    }


def _notes(job: ExperimentPlan, threshold: float) -> tuple[str, ...]:
    from convcompare.analysis.gradient_flow import fixed_batch
    from convcompare.store.gradient_record import CEILING, FLOOR

    n = len(fixed_batch(job.conditions.train_images))
    return (
        f"L2 norm of the weights' gradient, one fixed batch of {n} images of {job.dataset.name}, "
        f"seed {job.trials[0].seed}, float32, training mode",
        "start: initialisation · end: after the last epoch, where there was one",
        f"vanishing: the last layer's is {threshold:g} times the first's or more (`--threshold`), "
        f"or the first's is below {FLOOR:g}; exploding: the other way round, or above {CEILING:g}",
    )
