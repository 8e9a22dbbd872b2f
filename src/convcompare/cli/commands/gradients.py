"""``convcompare gradients``."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convcompare.core.spec import Spec
from convcompare.experiment.foreign_code import call
from convcompare.experiment.planning import prepare
from convcompare.experiment.request import ModelRequest, Request, model_requests
from convcompare.experiment.session import run
from convcompare.output.tables.formats import Format, check_format
from convcompare.output.tables.table import Column, Table

from .. import options as o
from ..console_reporter import ConsoleReporter
from ..output import emit_json, emit_paths, emit_table

if TYPE_CHECKING:
    from convcompare.experiment.plan import ExperimentPlan
    from convcompare.store.gradient_record import GradientRecord


COLUMNS = (
    Column("model", "model", "left", names=True),
    Column("layers", "layers", priority=3),
    Column("first_start", "first layer, start", show="{:.1e}".format, priority=1),
    Column("first_end", "first layer, end", show="{:.1e}".format, priority=1),
    Column("last_end", "last layer, end", show="{:.1e}".format, priority=2),
    Column("ratio", "last / first", show=lambda v: f"{v:.2g}", missing="not known"),
    Column("verdict", "verdict", "left"),
    Column("mean_abs_start", "first layer, mean |g|, start", exported=True),
    Column("mean_abs_end", "first layer, mean |g|, end", exported=True),
)


def gradients(
    models: o.Models,
    dataset: Annotated[str | None, o.option("--dataset", "-d", panel=o.TRAINING)] = None,
    epochs: Annotated[
        str,
        o.option("--epochs", "-e", panel=o.TRAINING, help="Epochs to train first [default: 0]."),
    ] = "0",
    seed: Annotated[
        int, o.option("--seed", panel=o.TRAINING, min=0, help="Seed [default: 0].")
    ] = 0,
    threshold: Annotated[
        float,
        o.option(
            "--threshold",
            metavar="RATIO",
            panel=o.OUTPUT,
            min=1,
            help="Ratio of norms that counts as vanishing [default: 100].",
        ),
    ] = 100.0,
    recipe: o.Recipe = "report",
    image_size: o.ImageSize = None,
    channels: o.Channels = None,
    settings: o.Settings = None,
    device: o.Device = "auto",
    threads: o.Threads = None,
    store: o.Store = Path("runs"),
    data_dir: o.DataDir = None,
    format: o.Format = "table",
    out: Annotated[
        Path | None,
        o.option("--out", "-o", panel=o.OUTPUT, help="Folder for the figures."),
    ] = None,
    quiet: o.Quiet = False,
) -> None:
    """Measure the gradient of each layer on a fixed batch, before and in training.

    $ convcompare gradients plain-56 resnet-56 --dataset cifar10
    $ convcompare gradients simple residual --epochs 3 --out figures
    """
    from ..arguments import parse_channels, parse_settings

    trained = epochs != "0"
    requested, requested_channels = model_requests(models), parse_channels(channels)
    if dataset is None:
        requested, own_channels = _at_their_own_size(requested)
        requested_channels = requested_channels or own_channels
    request = Request(
        models=requested,
        dataset=dataset or Request.dataset,
        channels=requested_channels,
        seeds=(seed,),
        recipe=recipe,
        settings=parse_settings(
            settings, epochs=epochs if trained else None, image_size=image_size
        ),
        device=device,
        threads=threads,
        store=store,
        data_dir=data_dir,
        dry_run=not trained,
        command=tuple(sys.argv[1:]),
    )
    kind = check_format(format)
    reporter = ConsoleReporter(quiet)
    plan = prepare(request, reporter)
    comparison = run(plan, reporter).comparison if trained else None
    records = _recorded(plan, comparison) if comparison else _at_initialisation(plan)
    _show(records, _notes(plan, threshold), threshold, kind, out)
    raise typer.Exit(1 if comparison and comparison.failed else 0)


def _at_their_own_size(
    models: Sequence[ModelRequest],
) -> tuple[tuple[ModelRequest, ...], int | None]:
    """Return library networks with their own image size, and the channels of those images."""
    from convcompare.models.library_network import default_shape

    found, channels = [], None
    for model in models:
        shape = default_shape(Spec.parse(model.spec).name)
        settings = {} if shape is None else {"image_size": str(shape.image_size)}
        channels = channels if shape is None else shape.in_channels
        found.append(replace(model, settings={**settings, **model.settings}))
    return tuple(found), channels


def _show(
    records: Mapping[str, GradientRecord],
    notes: tuple[str, ...],
    threshold: float,
    kind: Format,
    out: Path | None,
) -> None:
    if kind == "json":
        models = [{"model": m, **r.to_json(threshold)} for m, r in records.items()]
        emit_json({"models": models})
    else:
        rows = tuple(_row(*item, threshold) for item in records.items())
        remarks = [f"{label}: {remark}" for label, r in records.items() for remark in r.remarks()]
        emit_table(Table(COLUMNS, rows, (*notes, *remarks)), kind)
    if out is not None:
        from convcompare.output.plots.figure import styled
        from convcompare.output.plots.kinds.gradients import draw_gradients
        from convcompare.output.plots.style import looks

        with styled():
            drawings = draw_gradients(records, looks(list(records)))
            emit_paths(drawing.save(out) for drawing in drawings)


def _at_initialisation(plan: ExperimentPlan) -> dict[str, GradientRecord]:
    from convcompare.training.batches import Batches
    from convcompare.training.hardware import prepare
    from convcompare.training.recording import fixed_images, initial_gradients

    device = prepare(plan.runtime)
    train = Batches(plan.dataset.train, plan.dataset, device)
    records = {}
    for candidate in plan.candidates:
        network = candidate.network
        images, labels = fixed_images(train.resized(candidate.config.image_size))
        records[candidate.label] = call(
            network.spec,
            initial_gradients,
            network.spec,
            network.shape,
            plan.trials[0].seed,
            images,
            labels,
        )
    return records


def _recorded(plan: ExperimentPlan, comparison: Any) -> Mapping[str, GradientRecord]:
    from convcompare.data.load import default_sources
    from convcompare.output.plots.source import Source

    return dict(Source(comparison, plan.store, default_sources()).gradients())


def _row(label: str, record: GradientRecord, threshold: float) -> dict[str, Any]:
    trained = len(record.norm) > 1
    return {
        "model": label,
        "layers": len(record.layers),
        "first_start": record.norm[0, 0],
        "first_end": record.norm[-1, 0] if trained else None,
        "last_end": record.norm[-1, -1],
        "ratio": record.ratio() if record.compared() else None,
        "verdict": record.verdict(threshold),
        "mean_abs_start": record.mean_abs[0, 0],
        "mean_abs_end": record.mean_abs[-1, 0],
    }


def _notes(plan: ExperimentPlan, threshold: float) -> tuple[str, ...]:
    from convcompare.analysis.gradient_flow import fixed_batch
    from convcompare.store.gradient_record import CEILING, FLOOR

    n = len(fixed_batch(plan.conditions.train_images))
    return (
        "L2 norm of the gradient by the weights of each layer that trains, one fixed batch of "
        f"{n} images of {plan.dataset.name}, seed {plan.trials[0].seed}, float32, training mode",
        "start: initialisation · end: after the last epoch, if any",
        f"vanishing: the last layer's is {threshold:g} times the first's or more (`--threshold`), "
        f"or the first's is below {FLOOR:g}; exploding: the other way round, or above {CEILING:g}; "
        "layers whose gradient is exactly 0 are excluded",
    )
