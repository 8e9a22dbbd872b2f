"""``convcompare models``."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convcompare.core import formatting
from convcompare.core.errors import UsageError, quote
from convcompare.core.spec import Spec
from convcompare.experiment.foreign_code import Network, call, resolve
from convcompare.experiment.shapes import shape_for, shape_for_network
from convcompare.output.tables.formats import Format, chosen_format
from convcompare.output.tables.table import Column, Table

from .. import completions as c
from .. import options as o
from ..arguments import parse_channels
from ..console import show_warning
from ..output import emit_json, emit_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convcompare.core.registry import Entry
    from convcompare.models.shape import Shape

DEFAULT = "mnist"
"""Data set that networks are built for by default."""
Dataset = Annotated[
    str | None,
    o.option(
        "--dataset",
        "-d",
        panel=o.TRAINING,
        help="Data set of the images [default: mnist; for a library's network its own size].",
    ),
]
ImageSize = Annotated[
    int | None,
    o.option("--image-size", "-i", panel=o.TRAINING, min=1, help="Side of the images, in pixels."),
]
COLUMNS = (
    Column("model", "model", "left", names=True),
    Column("parameters", "parameters", show=formatting.count, priority=1),
    Column("macs", "MACs", show=formatting.large, priority=1),
    Column("summary", "about", "left", priority=2, prose=True),
    Column("options", "options", "left", priority=3),
)
UNCOUNTED = Column("uncounted", "not counted", "left", priority=2)
MACS = "multiply-accumulates of a pass of one image: convolutions and matrix products, no bias"
OPTIONS = (
    Column("option", "option", "left"),
    Column("value", "value", "left"),
    Column("allowed", "allowed", "left", priority=1, prose=True),
)
LAYERS = (
    Column("name", "layer", "left"),
    Column("kind", "kind", "left", priority=1),
    Column("shape", "output", "left", priority=2),
    Column("calls", "calls", priority=4),
    Column("parameters", "parameters", show=formatting.count),
    Column("macs", "MACs", show=formatting.large, missing="not counted"),
    Column("field", "field", priority=3),
)


def models(
    name: Annotated[
        str | None,
        typer.Argument(
            help="A network: shows its options and what it is.", autocompletion=c.model_names
        ),
    ] = None,
    dataset: Dataset = None,
    image_size: ImageSize = None,
    channels: o.Channels = None,
    format: o.Format = "table",
    out: o.Out = None,
) -> None:
    """List the networks, with parameters and MACs for a data set.

    $ convcompare models
    $ convcompare models --dataset cifar10
    $ convcompare models residual
    $ convcompare models torchvision:resnet50 --image-size 160
    """
    kind = chosen_format(format, out)
    requested_channels = parse_channels(channels)
    if name is not None:
        _show(
            name,
            dataset,
            shape_for_network(name, dataset, image_size, requested_channels, DEFAULT),
            kind,
            out,
        )
        return
    from convcompare.output.tables.comparison_table import uncounted

    dataset = dataset or DEFAULT
    shape = shape_for(dataset, image_size, requested_channels)
    rows = _rows(shape)
    if kind == "json":
        emit_json({"models": rows}, out)
        return
    images = f", images of {shape}" if image_size or requested_channels else ""
    notes = (
        f"for {dataset}{images} · MACs: {MACS}",
        *uncounted((row["model"], row.get("uncounted", ())) for row in rows),
        "options of one network: `convcompare models NAME`",
    )
    emit_table(Table(COLUMNS, tuple(rows), notes), kind, out)


def _rows(shape: Shape) -> list[dict[str, Any]]:
    from convcompare.core.memory import without_collection
    from convcompare.core.registry import register

    with without_collection():  # also while modules of torch are imported
        return [_row(entry, shape) for entry in register.model]


def _row(entry: Entry, shape: Shape) -> dict[str, Any]:
    """Return the row of a network; if it does not fit the images, with the reason."""
    row: dict[str, Any] = {"model": entry.name, "parameters": None, "macs": None}
    try:
        builder = resolve(entry.name, shape)
        options = ",".join(f"{n}={v}" for n, v in Spec.parse(builder.spec).options)
        row |= _counts(builder) | {"summary": entry.summary, "options": options}
    except UsageError as error:
        row["summary"] = f"{entry.summary} ({error.message})"
    return row


def _counts(builder: Network) -> dict[str, Any]:
    description = builder.description
    return {
        "parameters": description.parameters,
        "macs": description.macs,
        "uncounted": list(description.uncounted),
    }


def _show(name: str, dataset: str | None, shape: Shape, kind: Format, out: Path | None) -> None:
    """Print one network: description, options and layers."""
    from convcompare.analysis.layer_summary import layers_of_spec
    from convcompare.models.library_network import default_shape

    builder = resolve(name, shape)
    counts = _counts(builder)
    for finding in builder.description.found:
        show_warning(f"{quote(name)} {finding.text}", finding.hint)
    options = _options(name)
    layers = [dict(vars(layer)) for layer in call(name, layers_of_spec, name, shape)]
    named = {layer["name"]: layer for layer in layers}
    for layer_name, field in _fields(name, shape).items():  # the last, if a layer is called twice
        if layer_name in named:
            named[layer_name]["field"] = field
    if kind == "json":
        record = {"model": name, **counts, "options": options, "layers": layers}
        emit_json(record, out)
        return
    total = f"{formatting.count(counts['parameters'])} parameters, {_macs(counts, layers)}"
    own = default_shape(Spec.parse(name).name) if dataset is None else None
    on = f"{shape.num_classes} classes" if own else f"on {dataset or DEFAULT}"
    about = _about(Spec.parse(name).name)
    notes = (f"{name} {on}, images of {builder.shape}: {total}", *about)
    if options and kind != "csv" and out is None:  # one table per file
        emit_table(Table(OPTIONS, tuple(options)), kind)
    columns = (*LAYERS, UNCOUNTED) if counts["uncounted"] else LAYERS
    emit_table(Table(columns, tuple(map(_cells, layers)), notes), kind, out)


def _cells(layer: dict[str, Any]) -> dict[str, Any]:
    """Return the row of a layer with its shape and uncounted operations as text."""
    shape, uncounted = layer["shape"], layer["uncounted"]
    sides = None if shape is None else "×".join(map(str, shape))
    return {**layer, "shape": sides, "uncounted": ", ".join(uncounted) or None}


def _macs(counts: dict[str, Any], layers: Sequence[dict[str, Any]]) -> str:
    """Return the MACs as text; if some are not counted, those of the other layers."""
    if counts["macs"] is not None:
        return f"{formatting.large(counts['macs'])} MACs"
    others = formatting.large(sum(layer["macs"] or 0 for layer in layers))
    names = ", ".join(counts["uncounted"])
    return f"MACs not counted: {names} ({others} MACs in the layers without)"


def _options(name: str) -> list[dict[str, Any]]:
    from convcompare.core.spec import bind, format_value
    from convcompare.models.build import options

    known = call(name, options, name)
    values = bind(Spec.parse(name), known)
    return [
        {"option": o.name, "value": format_value(values[o.name]), "allowed": o.allowed}
        for o in known.values()
    ]


def _fields(name: str, shape: Shape) -> dict[str, str]:
    """Return the receptive field of each layer that has one, in pixels."""
    from convcompare.analysis.receptive_field.of_network import field_of_spec
    from convcompare.output.tables.receptive_field_table import show_size

    found = call(name, field_of_spec, name, shape).modules
    return {name: show_size(layer) for name, layer in found.items()}


def _about(name: str) -> list[str]:
    """Return the paragraphs of a registered network's docstring."""
    from convcompare.core.registry import register

    text = inspect.getdoc(register.model[name].function) if name in register.model else None
    parts = (text or "").replace("``", "`").split("\n\n")
    return [" ".join(part.split()) for part in parts if part.strip()]
