"""A store examined: everything in it is read. What is damaged is put aside, and never deleted.

    <store>/quarantine/20261124T151200/<id>/checkpoint/0003.json

What is put aside keeps its place below the folder of that repair, so that it can be moved back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from convcompare.core.errors import Damaged, StoreError

from . import atomic_files, checkpoints
from .layout import (
    ADDED,
    ADDITIONS,
    ANALYSES,
    ANNOTATION,
    COMPARISONS,
    COMPILE_CHOICES,
    QUARANTINE,
    STEP_TIMES,
)
from .lease import is_lease
from .reader import RunReader
from .run_store import RunStore


@dataclass(frozen=True)
class Damage:
    """Something that cannot be read: the error that names it, and what of it is to be put aside."""

    error: StoreError
    aside: tuple[Path, ...]
    run_id: str = ""
    """Empty for the record of a comparison, or of the time of a step."""


@dataclass(frozen=True)
class Examination:
    """What was looked at, and what was found."""

    runs: int
    comparisons: int
    findings: tuple[Damage, ...]


def examine(store: RunReader) -> Examination:
    """Read everything of a store; nothing is written.

    What is found is looked at again, since a process that writes a run meanwhile removes what is
    out of date.
    """
    runs, comparisons = store.folders(), store.comparisons()
    found: list[Damage] = []
    for run_id in runs:
        if first := list(damages_of(store, run_id)):
            known = {finding.error.message for finding in first}
            found += [one for one in damages_of(store, run_id) if one.error.message in known]
    for name in comparisons:
        path = store.record_path(COMPARISONS, name)
        found += _look(partial(store.comparison, name), (path,))
    for key in store.step_times():
        path = store.record_path(STEP_TIMES, key)
        found += _look(partial(store.step_time, key), (path,))
    for name in store.files.names(store.root / COMPILE_CHOICES):
        path = store.root / COMPILE_CHOICES / name
        found += _look(partial(store.files.read_record, path), (path,))
    known = {finding.error.message for finding in found}
    found += [Damage(one, ()) for one in store.files.damages() if one.message not in known]
    return Examination(len(runs), len(comparisons), tuple(found))


def repair(store: RunStore, finding: Damage, place: str) -> list[Path]:
    """Put aside what is damaged, below ``quarantine/<place>``; where it is now.

    Raises StoreError where somebody writes the run; what is no damage, as a record of a newer
    version, is left alone.
    """
    if not isinstance(finding.error, Damaged):
        return []
    if not finding.run_id:
        return _move(store, finding.aside, place)
    lease = store.claim(finding.run_id)
    if lease is None:
        raise store.being_written(finding.run_id)
    with lease:
        still = {one.error.message for one in damages_of(store, finding.run_id)}
        return _move(store, finding.aside, place) if finding.error.message in still else []


def _move(store: RunStore, paths: tuple[Path, ...], place: str) -> list[Path]:
    moved = []
    for path in paths:
        if atomic_files.exists(path):  # else it went with what was found before
            target = store.root / QUARANTINE / place / path.relative_to(store.root)
            atomic_files.make_folder(target.parent)
            atomic_files.move(path, target)
            moved.append(target)
            if path.parent == store.root:
                _release(target)
    return moved


def _release(folder: Path) -> None:
    """Remove the lease by which a run was put aside, which went with it."""
    with suppress(StoreError):  # a file in place of a folder has none
        for name in atomic_files.names(folder):
            if is_lease(name):
                atomic_files.remove(folder / name)


def _look(read: Callable[[], object], aside: tuple[Path, ...], run_id: str = "") -> list[Damage]:
    try:
        read()
    except StoreError as error:
        return [Damage(error, aside, run_id)]
    return []


def damages_of(store: RunReader, run_id: str) -> Iterator[Damage]:
    """What is damaged of a run: of one that has ended the whole is to go, else the part."""
    folder = store.folder(run_id)
    if not store.files.is_folder(folder):
        yield Damage(store.files.damaged(folder, "it is not a folder"), (folder,), run_id)
        return
    names = [name for name in store.files.names(folder) if not is_lease(name)]
    if not names:  # a process died before it wrote a word
        return
    yield from _look(partial(store.trial, run_id), (folder,), run_id)
    reads: list[tuple[str, Callable[[str], object]]]
    reads = [
        ("environment.json", store.environment),
        ("timing.json", store.timing),
        (ANNOTATION, store.annotation),
    ]
    for name, read in reads:
        if name in names:
            yield from _look(partial(read, run_id), (folder / name,), run_id)
    added = (folder / ADDED, folder / ADDITIONS)
    yield from _look(partial(store.verify_additions, run_id), added, run_id)
    if store.finished(run_id):
        yield from _of_end(store, run_id)
    else:
        yield from _of_beginning(store, run_id)


def _of_end(store: RunReader, run_id: str) -> Iterator[Damage]:
    folder = store.folder(run_id)
    try:
        run = store.kept(run_id)
    except StoreError as error:
        yield Damage(error, (folder,), run_id)
        return
    for name, digest in run.sha256.items():
        read = partial(store.verify, replace(run, sha256={name: digest}), weights=True)
        yield from _look(read, (folder,), run_id)


def _of_beginning(store: RunReader, run_id: str) -> Iterator[Damage]:
    folder = store.folder(run_id)
    if store.files.exists(folder / "error.json"):
        failure = folder / "error.json"
        yield from _look(partial(store.recorded, run_id, failure.name), (failure,), run_id)
    for error, aside in checkpoints.damages(store.files, folder, run_id):
        yield Damage(error, aside, run_id)
    for name in store.files.names(folder / ANALYSES):
        read = partial(store.half_done_analysis, run_id, name.removesuffix(".npz"))
        yield from _look(read, (folder / ANALYSES / name,), run_id)
