"""Whether the steps of a network are compiled: one choice for all its seeds on a machine.

    <store>/compile-choices/<network>.<place>.json

It is measured, so that two seeds could come to two choices, and their times to two meanings. The
first that is written counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from . import atomic_files
from .cost import Environment
from .json_records import stamp
from .layout import COMPILE_CHOICES
from .run import Trial
from .run_store import RunStore


def known(store: RunStore, trial: Trial, place: Environment) -> bool | None:
    """Whether other seeds of a trial are compiled; None if none of them has tried it.

    Raises StoreError where the record is damaged.
    """
    path = _path(store, trial, place)
    if not store.files.exists(path):
        return None
    return store.files.read_parsed(path, lambda record: bool(record["compiled"]))


def agree(store: RunStore, trial: Trial, place: Environment, compiled: bool) -> bool:
    """The choice that counts: this one, or that of a seed that was first meanwhile."""
    path = _path(store, trial, place)
    atomic_files.make_folder(path.parent)
    atomic_files.write_first(path, stamp({"compiled": compiled}))
    first = known(store, trial, place)
    return compiled if first is None else first


def forget(store: RunStore, trials: Iterable[Trial]) -> None:
    """Leave those of the networks of these trials to their next runs, on every machine."""
    networks = {_network(trial) for trial in trials}
    folder = store.root / COMPILE_CHOICES
    for name in store.files.names(folder):
        if name.partition(".")[0] in networks:
            atomic_files.remove(folder / name)


def _path(store: RunStore, trial: Trial, place: Environment) -> Path:
    return store.root / COMPILE_CHOICES / f"{_network(trial)}.{place.speed_id()}.json"


def _network(trial: Trial) -> str:
    """Names a trial but for its seed."""
    return replace(trial, seed=0).id
