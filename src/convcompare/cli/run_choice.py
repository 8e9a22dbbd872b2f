"""Selects runs by names, patterns and ids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import completions as c
from .console import show_warning

if TYPE_CHECKING:
    from convcompare.comparison.comparison import Comparison
    from convcompare.store.run_store import RunStore

_NAMED = typer.Argument(
    help="Runs by the beginnings of their ids, networks, or patterns such as 'cnn:*'.",
    metavar="[RUN | MODEL]...",
    autocompletion=c.selected_names,
)
Named = Annotated[list[str], _NAMED]
OptionalNamed = Annotated[list[str] | None, _NAMED]


def is_comparison(store: RunStore, name: str) -> bool:
    """Return whether `name` is a comparison or ``latest``."""
    from convcompare.comparison.selection import LATEST, known_records

    return name == LATEST or name in known_records(store)


def selected(store: RunStore, names: Sequence[str]) -> Comparison:
    """Return the comparison that the names select; warn if others have its name."""
    from convcompare.comparison.selection import select

    found = select(store, names)
    for text, hint in found.name_warnings:
        show_warning(text, hint)
    return found


def trials_of(store: RunStore, comparison: str) -> list[str]:
    """Return the ids of a comparison's runs, including missing ones."""
    return trials_in(selected(store, [comparison]).record())


def trials_in(record: Mapping[str, Any]) -> list[str]:
    """Return the ids in the record of a comparison, including those at every learning rate."""
    compared = [run_id for model in record["models"] for run_id in model["trials"]]
    tried = [run_id for rate in record.get("rates", ()) for run_id in rate["runs"]]
    return list(dict.fromkeys([*compared, *tried]))


def named_runs(store: RunStore, names: Sequence[str]) -> list[str]:
    """Return the ids of runs whose network matches a name, or whose id starts with it.

    Raises:
        UsageError: if a name matches no run.
    """
    labels: dict[str, list[str]] = {}
    for run_id in store.ids():
        with store.skipping_damage():
            trial = store.trial(run_id)
            labels.setdefault(trial.name, []).append(run_id)
    found: list[str] = []
    for name in names:
        matching = [one for label in labels if fnmatchcase(label, name) for one in labels[label]]
        found += matching or [found_run(store, name, labels)]
    return list(dict.fromkeys(found))


def found_run(store: RunStore, prefix: str, known: Iterable[str]) -> str:
    """Return the only id that starts with `prefix`.

    Raises:
        UsageError: if there is no such id or several; the hint is the nearest of the `known` names.
    """
    from convcompare.core.errors import UsageError, did_you_mean

    try:
        return store.find(prefix)
    except UsageError as error:
        several = any(run_id.startswith(prefix) for run_id in store.ids())
        nearest = None if several else did_you_mean(prefix, known)
        raise UsageError(error.message, nearest or error.hint) from None
