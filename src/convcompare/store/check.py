"""Check of a store, which reads everything in it, and repair, which moves damaged files.

    <store>/quarantine/20261124T151200/<id>/checkpoint/0003.json

Repair deletes nothing. A quarantined file keeps its relative path below the folder of that repair,
so that it can be moved back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from convcompare.core.errors import Damaged, StoreError

from . import atomic_files, checkpoints, layout
from .lease import is_lease
from .predictions import NO_CLASS
from .reader import RunReader
from .run import Run
from .run_store import RunStore

ROUNDING = 1e-6
"""Difference up to which two accuracies are equal."""


@dataclass(frozen=True)
class Damage:
    """Something that cannot be read: the error, and the paths that repair quarantines."""

    error: StoreError
    paths: tuple[Path, ...]
    run_id: str = ""
    """Empty if it is not part of a run, such as the record of a comparison or of a step time."""


@dataclass(frozen=True)
class Examination:
    """Result of a check: numbers of runs and comparisons that were read, and the damage."""

    runs: int
    comparisons: int
    findings: tuple[Damage, ...]


def examine(store: RunReader) -> Examination:
    """Read everything in a store and return what is damaged; nothing is written.

    Damage in a run counts if a second read finds it too: a process that writes the run meanwhile
    may have replaced or removed a file between two reads.
    """
    runs, comparisons = store.folders(), store.comparisons()
    found: list[Damage] = []
    for run_id in runs:
        if first := list(damages_of(store, run_id)):
            known = {finding.error.message for finding in first}
            found += [one for one in damages_of(store, run_id) if one.error.message in known]
    reads: list[tuple[str, Callable[[str], object]]]
    reads = [(layout.COMPARISONS, store.comparison), (layout.STEP_TIMES, store.step_time)]
    for place, read in reads:
        for name in store.records_of(place):
            found += _damage_of(partial(read, name), (store.record_path(place, name),))
    for name in store.files.names(store.root / layout.COMPILE_CHOICES):
        path = store.root / layout.COMPILE_CHOICES / name
        found += _damage_of(partial(store.files.read_record, path), (path,))
    known = {finding.error.message for finding in found}
    found += [Damage(one, ()) for one in store.files.damages() if one.message not in known]
    return Examination(len(runs), len(comparisons), tuple(found))


def repair(store: RunStore, finding: Damage, place: str) -> list[Path]:
    """Move damaged files to ``quarantine/<place>``.

    What cannot be read but is not damaged, such as a record of a newer version, stays.

    Returns:
        The new paths.

    Raises:
        StoreError: if another process is writing the run.
    """
    if not isinstance(finding.error, Damaged):
        return []
    if not finding.run_id:
        return _move(store, finding.paths, place)
    lease = store.claim(finding.run_id)
    if lease is None:
        raise store.being_written(finding.run_id)
    with lease:
        still = {one.error.message for one in damages_of(store, finding.run_id)}
        return _move(store, finding.paths, place) if finding.error.message in still else []


def _move(store: RunStore, paths: tuple[Path, ...], place: str) -> list[Path]:
    moved = []
    for path in paths:
        if atomic_files.exists(path):  # else it was moved with an earlier finding
            target = store.root / layout.QUARANTINE / place / path.relative_to(store.root)
            atomic_files.make_folder(target.parent)
            atomic_files.move(path, target)
            moved.append(target)
            if path.parent == store.root:
                _release(target)
    return moved


def _release(folder: Path) -> None:
    """Remove the lease under which a run was quarantined, which was moved with it."""
    with suppress(StoreError):  # a file instead of a folder has no lease
        for name in atomic_files.names(folder):
            if is_lease(name):
                atomic_files.remove(folder / name)


def _damage_of(
    read: Callable[[], object], paths: tuple[Path, ...], run_id: str = ""
) -> list[Damage]:
    try:
        read()
    except StoreError as error:
        return [Damage(error, paths, run_id)]
    return []


def damages_of(store: RunReader, run_id: str) -> Iterator[Damage]:
    """Yield the damage in a run.

    A damaged trial record, or a damaged file of the record of an ended run, makes the whole folder
    unusable. Any other damage is confined to its own files.
    """
    folder = store.folder(run_id)
    if not store.files.is_folder(folder):
        yield Damage(store.files.damaged(folder, "it is not a folder"), (folder,), run_id)
        return
    names = [name for name in store.files.names(folder) if not is_lease(name)]
    if not names:  # a process died before it wrote anything
        return
    yield from _damage_of(partial(store.trial, run_id), (folder,), run_id)
    reads: list[tuple[str, Callable[[str], object]]]
    reads = [
        ("environment.json", store.environment),
        ("timing.json", store.timing),
        (layout.ANNOTATION, store.annotation),
    ]
    for name, read in reads:
        if name in names:
            yield from _damage_of(partial(read, run_id), (folder / name,), run_id)
    added = (folder / layout.ADDED, folder / layout.ADDITIONS)
    yield from _damage_of(partial(store.verify_additions, run_id), added, run_id)
    if store.finished(run_id):
        yield from _damage_of_ended(store, run_id)
    else:
        yield from _damage_of_incomplete(store, run_id)


def _damage_of_ended(store: RunReader, run_id: str) -> Iterator[Damage]:
    folder = store.folder(run_id)
    try:
        run = store.kept(run_id)
    except StoreError as error:
        yield Damage(error, (folder,), run_id)
        return
    found: list[Damage] = []
    for name, digest in run.sha256.items():
        one = replace(run, sha256={name: digest})
        found += _damage_of(partial(store.verify, one, weights=True), (folder,), run_id)
    yield from found or _damage_of(partial(verify_accuracy, store, run), (folder,), run_id)


def verify_accuracy(store: RunReader, run: Run) -> None:
    """Raise StoreError if the recorded test accuracy is not that of the recorded predictions."""
    if run.status != "finished" or not {layout.LOGITS, layout.CLASSES} & set(run.sha256):
        return
    classes = store.predicted_classes(run)
    found = float((classes.predicted == classes.labels).mean())
    if (classes.predicted != NO_CLASS).all() and abs(found - run.test_accuracy) > ROUNDING:
        figures = f"{run.test_accuracy:.4f}, that of its predictions {found:.4f}"
        record = store.folder(run.id) / "run.json"
        raise store.files.damaged(record, f"its test accuracy is {figures}")


def _damage_of_incomplete(store: RunReader, run_id: str) -> Iterator[Damage]:
    folder = store.folder(run_id)
    if store.files.exists(folder / "error.json"):
        failure = folder / "error.json"
        yield from _damage_of(partial(store.recorded, run_id, failure.name), (failure,), run_id)
    for error, paths in checkpoints.damages(store.files, folder, run_id):
        yield Damage(error, paths, run_id)
    for name in store.files.names(folder / layout.ANALYSES):
        read = partial(store.incomplete_analysis, run_id, name.removesuffix(".npz"))
        yield from _damage_of(read, (folder / layout.ANALYSES / name,), run_id)
