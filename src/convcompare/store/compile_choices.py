"""Whether the steps of a network are compiled: one choice for all its seeds on a machine.

    <store>/compile-choices/<network>.<place>.json

The choice depends on a measurement. If each seed measured for itself, seeds could differ in it, and
their times would not be comparable. The first choice that is written is used by all.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from . import atomic_files
from .cost import Environment
from .json_records import stamp
from .layout import COMPILE_CHOICES
from .run import Trial
from .run_store import RunStore


def known(store: RunStore, trial: Trial, place: Environment) -> bool | None:
    """Return whether the seeds of a trial are compiled; None if there is no choice yet.

    Raises:
        StoreError: if the record is damaged.
    """
    path = _path(store, trial, place)
    if not store.files.exists(path):
        return None
    return store.files.read_parsed(path, lambda record: bool(record["compiled"]))


def agree(store: RunStore, trial: Trial, place: Environment, compiled: bool) -> bool:
    """Record a choice unless another seed recorded one first, and return the recorded choice."""
    path = _path(store, trial, place)
    atomic_files.make_folder(path.parent)
    atomic_files.write_first(path, stamp({"compiled": compiled}))
    first = known(store, trial, place)
    return compiled if first is None else first


def forget(store: RunStore, trials: Iterable[Trial]) -> None:
    """Delete the choices for the networks of these trials, of every machine."""
    networks = {trial.network_id for trial in trials}
    folder = store.root / COMPILE_CHOICES
    for name in store.files.names(folder):
        if name.partition(".")[0] in networks:
            atomic_files.remove(folder / name)


def _path(store: RunStore, trial: Trial, place: Environment) -> Path:
    return store.root / COMPILE_CHOICES / f"{trial.network_id}.{place.speed_id()}.json"
