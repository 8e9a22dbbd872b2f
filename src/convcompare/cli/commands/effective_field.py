"""``convcompare receptive-field --effective``: measures, prints, writes arrays, figure and data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from convcompare.core import formatting
from convcompare.core.errors import ModelError, UsageError, one_of, printable, quote
from convcompare.experiment.foreign_code import call, resolve
from convcompare.experiment.request import no_network
from convcompare.experiment.shapes import shape_for, shape_for_network
from convcompare.output.tables.formats import Format
from convcompare.output.tables.receptive_field_table import WITHOUT_GATES
from convcompare.output.tables.table import Column, Table
from convcompare.store.npz import to_npz

from ..console import err
from ..output import emit_json, emit_table, write_file

if TYPE_CHECKING:
    from torch import Tensor, nn

    from convcompare.analysis.receptive_field.effective import EffectiveField
    from convcompare.models.build import Builder
    from convcompare.models.shape import Shape
    from convcompare.store.run import Run

NAME = "effective-field"
Measure = Literal["squared", "absolute"]
COLUMNS = (
    Column("model", "model", "left", names=True),
    Column("layer", "layer", "left", priority=1),
    Column("theoretical", "theoretical field", priority=1),
    Column("mass_size", "95 % of gradient", show=lambda v: f"{v:.1f}"),
    Column("gaussian_size", "Gaussian fit", show=lambda v: f"{v:.1f}", priority=1),
    Column("share", "of field", show=formatting.whole_percent),
    Column("gated", "", "left", show=lambda v: "without gates" if v else "", priority=2),
    Column("cut", "", "left", show=lambda v: "cut by the image" if v else "", priority=2),
)
OPTIONAL = ("gated", "cut")


@dataclass(frozen=True)
class FieldRequest:
    """A requested measurement of effective fields."""

    models: tuple[str, ...]
    dataset: str | None
    image_size: int | None
    channels: int | None
    layer: str | None
    images: int
    measure: str
    seed: int
    run: str | None
    store: Path
    data_dir: Path | None
    out: Path
    format: Format


def perform(request: FieldRequest) -> None:
    """Measure each network, write the files and print the table."""
    measure = _measure(request.measure)
    run = None if request.run is None else _find_run(request)
    models = request.models or (() if run is None else (_label(run),))
    if not models:
        raise no_network()
    dataset = request.dataset or ("cifar10" if run is None else run.trial.dataset)
    named = None if request.dataset is None and run is None else dataset
    fields = {}
    for model in models:
        shape = shape_for_network(model, named, request.image_size, request.channels)
        images, what = _images(request, shape)
        fields[model] = call(model, _field, model, shape, images, request, measure, run)
    weights = f"weights of seed {request.seed}" if run is None else f"weights of run {run.id}"
    caption = f"mean {measure} gradient of the central unit · {what} · {weights}, eval mode"
    _write(request.out, fields, caption)
    rows = [_row(model, field) for model, field in fields.items()]
    if request.format == "json":
        emit_json({"layers": rows})
        return
    notes = (
        caption,
        "sizes in pixels: sides of squares with the area that holds 95.45 % of the gradient",
        *((WITHOUT_GATES,) if any(row["gated"] for row in rows) else ()),
        f"figure, arrays and data in {request.out}",
    )
    columns = tuple(c for c in COLUMNS if c.key not in OPTIONAL or any(r[c.key] for r in rows))
    emit_table(Table(columns, tuple(rows), notes), request.format)


def _measure(name: str) -> Measure:
    message = f"invalid value for `--measure`: {quote(name)}"
    return one_of(get_args(Measure), name, message, "squared or absolute")


def _find_run(request: FieldRequest) -> Run:
    from convcompare.store.run_store import RunStore

    store = RunStore(request.store)
    run_id = store.find(str(request.run))
    run = store.outcome(run_id)
    if run is None or not run.keeps_weights:
        raise UsageError(
            f"run {run_id} has no final weights",
            "finished runs have them, unless they ran with `--no-weights`",
        )
    return run


def _label(run: Run) -> str:
    """Return a run's network as typed, if that still resolves to the same spec."""
    label = run.trial.label
    same = label and resolve(label, shape_for(run.trial.dataset, None)).spec == run.trial.model
    return label if same else run.trial.model


def _images(request: FieldRequest, shape: Shape) -> tuple[Tensor, str]:
    """Return the normalised images to average over, (n, c, h, w), and their description."""
    if request.dataset is None:
        from convcompare.models.randomness import noise

        images = noise(shape, request.images, request.seed)
        return images, f"{request.images} images of normal noise"
    import torch

    from convcompare.data.channels import spec_with_channels
    from convcompare.data.dataset import Split
    from convcompare.data.load import default_sources, load_dataset
    from convcompare.training.batches import Batches

    name = spec_with_channels(request.dataset, request.channels)
    dataset = load_dataset(name, default_sources(request.data_dir))
    if request.image_size not in (None, dataset.image_size):
        raise UsageError(
            f"the images of {quote(request.dataset)} have {dataset.image_size} pixels, "
            f"not {request.image_size}",
            "leave out `--dataset` for noise of any size",
        )
    count = min(request.images, len(dataset.test))
    split = Split(dataset.test.images[:count], dataset.test.labels[:count])
    batches = Batches(split, dataset, torch.device("cpu"))
    return batches.normalise(batches.images), f"{count} test images of {dataset.name}"


def _field(
    name: str, shape: Shape, images: Tensor, request: FieldRequest,
    measure: Literal["squared", "absolute"], run: Run | None,
) -> EffectiveField:  # fmt: skip
    from convcompare.analysis.receptive_field.effective import effective_field, pick_layer
    from convcompare.analysis.receptive_field.of_network import field_of_network
    from convcompare.models import build

    builder = build.resolve(name, shape)
    layer = pick_layer(field_of_network(builder), request.layer, quote(name))
    model = builder.build(request.seed)
    if run is not None:
        _load(model, builder, run, request.store)
    return effective_field(model, images, layer, measure)


def _load(model: nn.Module, builder: Builder, run: Run, store: Path) -> None:
    """Load the final weights of a run.

    Raises:
        ModelError: if they do not fit the network.
    """
    from convcompare.store.run_store import RunStore
    from convcompare.training.state import fit, from_bytes

    weights = from_bytes(RunStore(store).weights(run))
    if not fit(weights, model):
        raise ModelError(
            f"run {run.id} has the weights of {quote(run.trial.model)}, "
            f"which do not fit {quote(builder.spec)}",
            "leave out the network: the run knows its own",
        )
    model.load_state_dict(weights)


def _row(model: str, field: EffectiveField) -> dict[str, Any]:
    sides = [last - first + 1 for first, last in (field.rows, field.columns)]
    return {
        "model": model,
        "layer": field.layer,
        "theoretical": "×".join(str(side) for side in sides),
        "mass_size": field.mass_size,
        "gaussian_size": field.gaussian_size,
        "share": field.share,
        "cut": field.cut,
        "gated": field.gated,
        "unit": list(field.unit),
        "measure": field.measure,
        "images": field.images,
    }


def _write(folder: Path, fields: Mapping[str, EffectiveField], caption: str) -> None:
    import numpy as np

    from convcompare.output.plots.figure import styled
    from convcompare.output.plots.kinds.receptive_field import Panel, effective_fields, share_words

    panels = [
        Panel(
            model,
            f"{field.layer} · {share_words(field.mass_size, field.share, field.gated)}",
            field.gradient, field.rows, field.columns, field.mass_size,
        )
        for model, field in fields.items()
    ]  # fmt: skip
    arrays: dict[str, Any] = {"models": np.array(list(fields))}
    for i, field in enumerate(fields.values()):
        arrays |= {
            f"gradient_{i}": field.gradient,
            f"field_{i}": np.array([field.rows, field.columns]),
        }
    write_file(folder / f"{NAME}.npz", to_npz(arrays))
    with styled():
        path = effective_fields(panels, caption).save(folder)
    err().print(f"drew {len(panels)} fields: {printable(path)}", soft_wrap=True)
