"""``convcompare models``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import units
from ..tables import Column, Table, check_format
from . import options as o
from .output import emit_table, emit_text

if TYPE_CHECKING:
    from ..build import Shape

COLUMNS = (
    Column("model", "model", "left"),
    Column("parameters", "parameters", show=units.count, priority=1),
    Column("macs", "MACs", show=units.large, priority=1),
    Column("summary", "", "left", priority=2),
)
OPTIONS = (
    Column("option", "option", "left"),
    Column("default", "default", "left"),
    Column("allowed", "allowed", "left", priority=1),
)


def models(
    name: Annotated[
        str | None,
        typer.Argument(
            help="A network: shows its options and what it is.", autocompletion=o.model_names
        ),
    ] = None,
    dataset: o.Dataset = "mnist",
    format: o.Format = "table",
) -> None:
    """List the networks, with parameters and MACs for a data set.

    [bold]convcompare models[/bold]

    [bold]convcompare models --dataset cifar10[/bold]

    [bold]convcompare models residual[/bold]
    """
    kind = check_format(format)
    if name is not None:
        emit_table(_options(name, dataset), kind)
        return
    rows = _rows(dataset)
    if kind == "json":
        emit_text(json.dumps(rows, indent=1, ensure_ascii=False), None)
        return
    note = f"for {dataset} · MACs: multiply-accumulates of one image, conv and linear, no bias"
    emit_table(Table(COLUMNS, tuple(rows), (note, "options: convcompare models NAME")), kind)


def _rows(dataset: str) -> list[dict[str, Any]]:
    from .. import register
    from ..build import resolve
    from ..errors import UsageError

    shape = _shape(dataset)
    rows = []
    for entry in register.model:
        row: dict[str, Any] = {"model": entry.name, "parameters": None, "macs": None}
        try:
            counts = resolve(entry.name, shape).description
            row |= {"parameters": counts.parameters, "macs": counts.macs, "summary": entry.summary}
        except UsageError as error:
            row["summary"] = f"{entry.summary} ({error.message})"
        rows.append(row)
    return rows


def _options(name: str, dataset: str) -> Table:
    from ..build import options as options_of
    from ..build import resolve
    from ..library_network import is_library
    from ..own_network import is_own
    from ..spec import Spec, bind, format_value

    builder = resolve(name, _shape(dataset))
    counts = builder.description
    options = options_of(name)
    values = bind(Spec.parse(name), options)
    rows = tuple(
        {
            "option": option.name,
            "default": format_value(values[option.name]),
            "allowed": option.allowed,
        }
        for option in options.values()
    )
    foreign = is_own(name) or is_library(name)
    about = "" if foreign else (builder.function.__doc__ or "").strip()
    counted = f"{units.count(counts.parameters)} parameters, {units.large(counts.macs)} MACs"
    lines = [" ".join(part.split()) for part in about.split("\n\n") if part.strip()]
    return Table(OPTIONS, rows, (f"{name} on {dataset}: {counted}", *lines))


def _shape(dataset: str) -> Shape:
    """What a network must fit to take a data set; only a folder of images has to be opened."""
    from .. import register
    from ..build import Shape
    from ..data import Sources
    from ..load import default_cache, load_dataset

    name = dataset.partition(":")[0]
    info = register.dataset[name].info
    if info.get("image_size"):
        return Shape(info["channels"], info["image_size"], info["classes"])
    loaded = load_dataset(dataset, Sources(default_cache()))
    return Shape(loaded.channels, loaded.image_size, len(loaded.classes))
