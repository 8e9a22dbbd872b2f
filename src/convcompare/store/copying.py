"""Copies of runs between stores, and the earlier results of runs that are trained again.

    <store>/earlier/<id>/   earlier results, until the new ones are recorded

``earlier/`` is a store of its own, which ``convcompare runs merge`` copies back.
"""

from __future__ import annotations

from convcompare.core.errors import Damaged

from . import atomic_files
from .check import verify_accuracy
from .layout import EARLIER
from .run_store import RunStore


def copy_run(source: RunStore, target: RunStore, run_id: str) -> None:
    """Copy an ended run with its times, tags and additions, after verifying all its files.

    A run that has ended in the target too is unchanged.

    Raises:
        StoreError: if it is damaged, or the target cannot be written.
    """
    run, omission = source.recorded(run_id), source.omission(run_id)
    timing = source.run(run_id).timing
    kept = source.kept(run_id)
    files = source.binary_files(kept)
    source.verify_additions(run_id)
    verify_accuracy(source, kept)
    with target.lock(run_id):
        if target.finished(run_id):
            return
        target.begin(source.trial(run_id), source.environment(run_id))
        if timing is not None:
            target.save_timing(run_id, timing)
        target.annotate(run_id, source.annotation(run_id))
        target.adopt_additions(run_id, source)
        target.adopt(run, files, omission)


def start_over(store: RunStore, run_id: str) -> None:
    """Delete the state of a trial, so that it is trained again.

    If it has ended, its results are kept in ``earlier/`` until the new ones are recorded, unless
    they are damaged.
    """
    if store.finished(run_id):
        earlier = earlier_results(store)
        atomic_files.remove(earlier.folder(run_id))
        try:
            copy_run(store, earlier, run_id)
        except Damaged:
            atomic_files.remove(earlier.folder(run_id))
    store.forget(run_id)


def earlier_results(store: RunStore) -> RunStore:
    """Return the store of the earlier results of runs that are trained again."""
    return RunStore(store.root / EARLIER)
