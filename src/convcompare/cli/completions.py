"""Completers of names, values, spec options and networks in a file, from a precomputed table."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable

TYPE_CHECKING = False  # `typing` takes longer to import than a completion should take
if TYPE_CHECKING:
    from typing import Any, Protocol

    class TypedLine(Protocol):
        """The options that are already typed, by name."""

        params: dict[str, Any]

    Complete = Callable[[str], list[str]]
else:  # the parser evaluates the annotations
    Any = TypedLine = Complete = object

_CONTEXT = ("in_channels", "image_size", "num_classes", "sources")
"""Parameters of networks and data sets that are no options."""


@functools.cache
def table() -> dict[str, Any]:
    """Return the table that `completion_table` computed."""
    import json

    with open(os.path.join(os.path.dirname(__file__), "completion_table.json"), "rb") as file:
        found: dict[str, Any] = json.load(file)
        return found


def names_of(kind: str) -> list[str]:
    """Return the names of a kind: ``model``, ``dataset``, ``column``, …"""
    return list(table()["names"][kind])


def one_of(*names: str) -> Complete:
    """Return a completer of fixed names, which are also its attribute ``names``."""

    def complete(incomplete: str) -> list[str]:
        return _beginning(incomplete, names)

    complete.__dict__["names"] = names
    return complete


def listed(*groups: str | list[str]) -> Complete:
    """Return a completer of the last name in a list with commas, of kinds or of fixed names."""

    def complete(incomplete: str) -> list[str]:
        before, comma, last = incomplete.rpartition(",")
        taken = before.split(",")
        every = (names_of(one) if isinstance(one, str) else one for one in groups)
        rest = [name for names in every for name in names if name not in taken]
        return [f"{before}{comma}{name}" for name in _beginning(last, rest)]

    return complete


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]


def _registered(kind: str) -> Complete:
    def complete(incomplete: str) -> list[str]:
        return _beginning(incomplete, names_of(kind))

    return complete


plot_names = _registered("plot")
study_names = _registered("study")
export_names = _registered("export")
executor_names = _registered("executor")
sortable = _registered("sort")
"""Completer of the columns by which every table can be sorted."""


def dataset_names(incomplete: str) -> list[str]:
    """Complete data sets, and the options of a data set."""
    return _specs("dataset", incomplete)


def model_names(incomplete: str) -> list[str]:
    """Complete networks, the options of a network, and the networks that a file defines."""
    path, colon, name = incomplete.rpartition(":")
    if colon and path.endswith(".py"):
        return [f"{path}:{found}" for found in _beginning(name, _defined(path))]
    files = [name for name in os.listdir() if name.endswith(".py")] if incomplete else []
    return [*_specs("model", incomplete), *(f"{one}:" for one in _beginning(incomplete, files))]


def _specs(kind: str, incomplete: str) -> list[str]:
    names = table()["names"][kind]
    name, colon, options = incomplete.partition(":")
    if not colon:
        return _beginning(incomplete, names)
    before, comma, last = options.rpartition(",")
    if "=" in last:
        return []
    known = [one for one in names.get(name, ()) if one not in _CONTEXT]
    return [f"{name}:{before}{comma}{one}=" for one in _beginning(last, known)]


def _defined(file: str) -> list[str]:
    """Return the classes and functions that a file defines, without running it."""
    import ast

    try:
        with open(file, "rb") as source:
            tree = ast.parse(source.read())
    except (OSError, SyntaxError, ValueError):
        return []
    kinds = (ast.ClassDef, ast.FunctionDef)
    return [one.name for one in tree.body if isinstance(one, kinds) and one.name[0] != "_"]


column_lists = listed("column", "metric", ["all"])
plot_lists = listed(["none"], "plot")
figure_lists = listed("figure", "metric")


def _reader(ctx: TypedLine) -> Any:
    from pathlib import Path

    from convcompare.store.reader import RunReader

    store = ctx.params.get("store") or os.environ.get("CONVCOMPARE_STORE") or "runs"
    return RunReader(Path(store))


def run_names(ctx: TypedLine, incomplete: str) -> list[str]:
    """Complete ids of the store's runs, and ``latest``."""
    return _beginning(incomplete, ["latest", *_reader(ctx).ids()])


def comparison_names(ctx: TypedLine, incomplete: str) -> list[str]:
    """Complete names of the store's comparisons."""
    records = _reader(ctx).comparison_records()
    names = dict.fromkeys(str(record["name"]) for record in records if record.get("name"))
    return _beginning(incomplete, names)


def tag_names(ctx: TypedLine, incomplete: str) -> list[str]:
    """Complete tags of the store's runs."""
    reader, found = _reader(ctx), set()
    for run_id in reader.ids():
        with reader.skipping_damage():
            found.update(reader.annotation(run_id).tags)
    return _beginning(incomplete, sorted(found))


def selected_names(ctx: TypedLine, incomplete: str) -> list[str]:
    """Complete comparisons, studies, networks and runs."""
    named = [*comparison_names(ctx, incomplete), *study_names(incomplete)]
    named += model_names(incomplete)
    return [*named, *run_names(ctx, incomplete)]
