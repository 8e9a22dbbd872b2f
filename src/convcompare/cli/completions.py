"""What a shell completes: names, values, options of a spec, networks in a file; without torch."""

from __future__ import annotations

import ast
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import typer

Complete = Callable[[str], list[str]]
_CONTEXT = ("in_channels", "image_size", "num_classes", "sources")
"""Parameters of networks and data sets that the tool fills in."""


def one_of(*names: str) -> Complete:
    """Completes one of several names."""
    return lambda incomplete: _beginning(incomplete, names)


def listed(names: Callable[[], Iterable[str]]) -> Complete:
    """Completes the last of several names with commas between them."""

    def complete(incomplete: str) -> list[str]:
        before, comma, last = incomplete.rpartition(",")
        taken = before.split(",")
        rest = [name for name in names() if name not in taken]
        return [f"{before}{comma}{name}" for name in _beginning(last, rest)]

    return complete


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]


def _registered(kind: str) -> Complete:
    def complete(incomplete: str) -> list[str]:
        from convcompare.core.registry import register

        return _beginning(incomplete, getattr(register, kind).names())

    return complete


plot_names = _registered("plot")
study_names = _registered("study")
export_names = _registered("export")
executor_names = _registered("executor")


def dataset_names(incomplete: str) -> list[str]:
    """Data sets, and the options of one whose name is there."""
    return _specs("dataset", incomplete)


def model_names(incomplete: str) -> list[str]:
    """Networks, the options of one whose name is there, and the networks that a file defines."""
    path, colon, name = incomplete.rpartition(":")
    if colon and path.endswith(".py"):
        return [f"{path}:{found}" for found in _beginning(name, _defined(Path(path)))]
    files = [str(path) for path in Path().glob("*.py")] if incomplete else []
    return [*_specs("model", incomplete), *(f"{one}:" for one in _beginning(incomplete, files))]


def _specs(kind: str, incomplete: str) -> list[str]:
    from convcompare.core.registry import register

    registry = getattr(register, kind)
    name, colon, options = incomplete.partition(":")
    if not colon:
        return _beginning(incomplete, registry.names())
    before, comma, last = options.rpartition(",")
    if "=" in last:
        return []
    known = [one for one in registry.parameters(name) if one not in _CONTEXT]
    return [f"{name}:{before}{comma}{one}=" for one in _beginning(last, known)]


def _defined(file: Path) -> list[str]:
    """The classes and functions that a file defines, read without running it."""
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return []
    kinds = (ast.ClassDef, ast.FunctionDef)
    return [one.name for one in tree.body if isinstance(one, kinds) and one.name[0] != "_"]


def columns() -> list[str]:
    """The columns beyond those of the reports."""
    from convcompare.core.registry import register
    from convcompare.output.tables.columns import EXTRA

    return [*EXTRA, *register.metric.names(), "all"]


def sortable(incomplete: str) -> list[str]:
    """The columns that every table can be sorted by."""
    from convcompare.output.tables.sorting import ALWAYS

    return _beginning(incomplete, [name.replace("_", "-") for name in ALWAYS])


def figures() -> list[str]:
    """The figures that verdicts can be about."""
    from convcompare.comparison.figures.catalogue import MEASURES
    from convcompare.core.registry import register

    return [*(one.name for one in MEASURES), *register.metric.names()]


def run_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """The ids of the runs of the store, and ``latest``."""
    from convcompare.store.run_store import RunStore

    store = ctx.params.get("store") or os.environ.get("CONVCOMPARE_STORE") or "runs"
    return _beginning(incomplete, ["latest", *RunStore(Path(store)).ids()])


def comparison_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """The names of the comparisons of the store."""
    from convcompare.store.reader import RunReader

    store = ctx.params.get("store") or os.environ.get("CONVCOMPARE_STORE") or "runs"
    records = RunReader(Path(store)).comparison_records()
    names = dict.fromkeys(str(record["name"]) for record in records if record.get("name"))
    return _beginning(incomplete, names)


def tag_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """The tags of the runs of the store."""
    from convcompare.store.reader import RunReader

    store = ctx.params.get("store") or os.environ.get("CONVCOMPARE_STORE") or "runs"
    reader, found = RunReader(Path(store)), set[str]()
    for run_id in reader.ids():
        with reader.noting():
            found.update(reader.annotation(run_id).tags)
    return _beginning(incomplete, sorted(found))


def selected_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """What a figure or a report may be of: comparisons, studies, networks, runs."""
    named = [*comparison_names(ctx, incomplete), *study_names(incomplete)]
    named += model_names(incomplete)
    return [*named, *run_names(ctx, incomplete)]
