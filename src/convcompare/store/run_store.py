"""The run store: one directory a run, plain files, every commit atomic.

    <store>/<id>/trial.json         what to run; written once
                 environment.json   where it ran
                 checkpoint/        0003.safetensors and 0003.json, its record, written last
                 weights.safetensors, test_logits.npz, analyses/gradients.npz
                 run.json           written last: its presence means that the trial has ended
                 timing.json        times measured alone afterwards, where others trained meanwhile
                 annotation.json    tags and a note, by hand
                 additions/robustness.<digest>.npz and additions.json, its record, written last:
                                    what was measured of the trained network afterwards
                 left-out.json      what a pack left out; test_classes.npz stands for the logits
    <store>/comparisons/<name>.json what was compared, by which command
    <store>/step-times/<key>.json   the time of a step, in which a budget of time is counted
    <store>/compile-choices/<key>.json  whether the steps of a network are compiled
    <store>/removed/<id>.json       what a run was that had ended and was removed

Every JSON record carries a CRC of its own; the digests of the binary files are in the record that
names them. Nothing that is read here is ever unpickled, and nothing is believed unverified.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convcompare.core.errors import StoreError, quote, shell_word

from . import atomic_files, checkpoints
from .annotation import Annotation
from .checkpoints import CHECKPOINT, Checkpoint
from .cost import Environment, Timing
from .json_fields import to_record
from .json_records import damaged, sha256, stamp, write_record
from .layout import (
    ADDED,
    ADDITIONS,
    ANALYSES,
    ANNOTATION,
    BINARIES,
    COMPARISONS,
    PASSING,
    RECORDS,
    REMOVED,
    STEP_TIMES,
)
from .lease import Lease, claim, held, hold, holder, is_lease
from .omission import LOGITS, OMISSION, WEIGHTS, Omission, those_kept
from .predictions import Predictions
from .reader import RUN, RunReader
from .run import Epoch, Run, Trial

if TYPE_CHECKING:  # the list of the runs needs no arrays
    import numpy.typing as npt

__all__ = ["Checkpoint", "Predictions", "RunStore"]


class RunStore(RunReader):
    """The same for who writes: every change of a run needs its lease."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._leases: dict[str, Lease] = {}

    def require_folder(self) -> None:
        """StoreError if the store is a pack, which is only read, or another file."""
        if self.files.read_only:
            self.files.names(self.root)  # which says what another file is
            raise StoreError(
                f"{quote(self.root, 300)} is a pack of runs, which is only read",
                f"`convcompare runs unpack {shell_word(self.root)} FOLDER` makes a folder of it",
            )

    def check_writable(self) -> None:
        """Fail now, not after an hour: make the folder of the store and write a file in it."""
        self.require_folder()
        atomic_files.check_writable(self.root)

    def claim(self, run_id: str) -> Lease | None:
        """The right to write a run, where no other process has it; release it at the end."""
        self.require_folder()
        lease = claim(self.folder(run_id))
        if lease:
            self._leases[run_id] = lease
        return lease

    def holder(self, run_id: str) -> str:
        """Who writes a run, in words; empty where nobody does."""
        return "" if self.files.read_only else holder(self.folder(run_id))

    def being_written(self, run_id: str) -> StoreError:
        """The error of what cannot be done to a run while another process writes it."""
        return StoreError(
            f"run {run_id} is being written by {self.holder(run_id)}",
            "wait until it has ended, or stop it",
        )

    def held(self, run_id: str) -> bool:
        """Whether a process that may be alive writes a run."""
        return not self.files.read_only and held(self.folder(run_id))

    @contextmanager
    def lock(self, run_id: str) -> Iterator[Lease]:
        """Hold a run alone: waits until another process that has it ends, dies or stands still."""
        self.require_folder()
        with hold(self.folder(run_id)) as lease:
            self._leases[run_id] = lease
            yield lease

    def tidy(self, run_id: str) -> None:
        """Clear a run that has ended of what its process did not: it died, or the disk refused."""
        self.require_folder()
        folder = self.folder(run_id)
        kept = {*RECORDS, *BINARIES, ANALYSES, ADDITIONS}
        places = (folder, folder / ANALYSES, folder / ADDITIONS)
        if self.finished(run_id) and (
            any(name not in kept for name in atomic_files.names(folder))
            or any(map(atomic_files.leftovers, places))
        ):
            lease = claim(folder)
            if lease:
                with lease:
                    for name in PASSING:
                        atomic_files.remove(folder / name)
                    for place in places:
                        atomic_files.collect(place)

    def begin(self, trial: Trial, environment: Environment) -> None:
        """Note what is about to run, and where."""
        folder = self.folder(trial.id)
        with self._mine(trial.id) as guard:
            if atomic_files.exists(folder / "trial.json"):
                self.trial(trial.id)  # which raises where it is damaged
            else:
                write_record(folder / "trial.json", to_record(trial), guard)
            atomic_files.make_folder(folder / CHECKPOINT)
            record = {"id": trial.id, **to_record(environment)}
            write_record(folder / "environment.json", record, guard)

    def last_environment(self, run_id: str) -> Environment | None:
        """Where a half-done run was made so far, None where it has not begun; its steps must go on
        as they were. Raises StoreError where the record is damaged."""
        if not self.files.exists(self.folder(run_id) / "environment.json"):
            return None
        return self.environment(run_id)

    def save_epoch(self, trial: Trial, history: list[Epoch], tensors: bytes) -> None:
        """Commit an epoch: its state, its line, then the pointer that makes both count."""
        with self._mine(trial.id) as guard:
            checkpoints.save(self.folder(trial.id), trial.id, history, tensors, guard)

    def save_analysis(self, run_id: str, name: str, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Keep what an analysis found; an epoch's is written before the epoch counts."""
        data = _npz_of_run(run_id, arrays)
        with self._mine(run_id) as guard:
            atomic_files.make_folder(self.folder(run_id) / ANALYSES)
            atomic_files.write(self.folder(run_id) / ANALYSES / f"{name}.npz", data, guard)

    def finish(self, run: Run, weights: bytes | None, predictions: Predictions | None) -> Run:
        """Commit the end of a trial: the first record counts, whoever wrote it; it is returned.

        The record is written last, then the checkpoints go.
        """
        from .npz import to_npz

        folder = self.folder(run.id)
        with self._mine(run.id) as guard:
            if not self.finished(run.id):
                digests = {}
                for name, data in (
                    (WEIGHTS, weights),
                    (LOGITS, None if predictions is None else to_npz(vars(predictions))),
                ):
                    if data is not None:
                        atomic_files.write(folder / name, data, guard)
                        digests[name] = sha256(data)
                for name in atomic_files.names(folder / ANALYSES):
                    digests[f"{ANALYSES}/{name}"] = sha256(
                        atomic_files.read(folder / ANALYSES / name)
                    )
                run = replace(run, sha256=digests)
            return self._commit(run, guard)

    def binary_files(self, run: Run) -> dict[str, bytes]:
        """The binary files of a run that has ended, by name, as `adopt` takes them."""
        folder = self.folder(run.id)
        return {name: self.files.verified(folder / name, sha) for name, sha in run.sha256.items()}

    def adopt(self, run: Run, files: Mapping[str, bytes], omission: Omission | None = None) -> Run:
        """Commit a run that ended in another store; one that is here already stays as it is.

        `omission` says what the other store is without.

        Raises StoreError for files that are not those of its record.
        """
        folder = self.folder(run.id)
        digests = those_kept(run.sha256, omission)
        for name, digest in digests.items():
            if name not in files or sha256(files[name]) != digest:
                raise damaged(folder / name, "SHA-256 mismatch with what was sent")
        with self._mine(run.id) as guard:
            if not self.finished(run.id):
                for name in digests:
                    atomic_files.make_folder((folder / name).parent)
                    atomic_files.write(folder / name, files[name], guard)
                if omission:
                    write_record(folder / OMISSION, to_record(omission), guard)
            return self._commit(run, guard)

    def _commit(self, run: Run, guard: atomic_files.Guard) -> Run:
        """Write the record, where there is none, and clear away what was to go on from."""
        if not self.finished(run.id):
            atomic_files.write_first(self.folder(run.id) / "run.json", stamp(run.to_json()), guard)
        run = self.run(run.id)
        for name in PASSING:
            atomic_files.remove(self.folder(run.id) / name)
        return run

    def note_failure(self, run: Run) -> None:
        """Record that a trial failed; it has not ended, and is tried again when asked for."""
        with self._mine(run.id) as guard:
            write_record(self.folder(run.id) / "error.json", run.to_json(), guard)

    def save_timing(self, run_id: str, timing: Timing) -> None:
        """Add to a run what was measured after it; its record stays as it was written."""
        with self._mine(run_id) as guard:
            record = {"id": run_id, **to_record(timing)}
            write_record(self.folder(run_id) / "timing.json", record, guard)

    def save_addition(self, run_id: str, name: str, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Add what was measured of a run after it, in place of an earlier one of that name.

        The record of the run stays as it was written; that of the additions is written last.
        """
        data = _npz_of_run(run_id, arrays)
        file = f"{name}.{sha256(data)[:12]}.npz"
        folder = self.folder(run_id)
        with self._mine(run_id) as guard:
            before = self.additions(run_id)
            old = [one for one in before if one.partition(".")[0] == name]
            kept = {one: digest for one, digest in before.items() if one not in old}
            atomic_files.make_folder(folder / ADDITIONS)
            atomic_files.write(folder / ADDITIONS / file, data, guard)
            record = {"id": run_id, "sha256": {**kept, file: sha256(data)}}
            write_record(folder / ADDED, record, guard)
            for gone in old:
                if gone != file:
                    atomic_files.remove(folder / ADDITIONS / gone)

    def adopt_additions(self, run_id: str, other: RunReader) -> None:
        """Copy what was measured of a run after it from another store, verified."""
        folder, found = self.folder(run_id), other.additions(run_id)
        with self._mine(run_id) as guard:
            for file, digest in found.items():
                data = other.files.verified(other.folder(run_id) / ADDITIONS / file, digest)
                atomic_files.make_folder(folder / ADDITIONS)
                atomic_files.write(folder / ADDITIONS / file, data, guard)
            if found:
                write_record(folder / ADDED, {"id": run_id, "sha256": found}, guard)

    def keep_step_time(self, key: str, timing: Timing) -> None:
        """Keep the time of a step for every later budget."""
        self._keep(STEP_TIMES, key, to_record(timing))

    def annotate(self, run_id: str, annotation: Annotation) -> None:
        """Keep tags and a note beside a run, whether or not somebody writes it."""
        self.require_folder()
        path = self.folder(run_id) / ANNOTATION
        if annotation == Annotation():
            atomic_files.remove(path)
        else:
            write_record(path, {"id": run_id, **to_record(annotation)})

    def forget(self, run_id: str) -> None:
        """Start a trial over: its record goes first, so that no half of it can pass for a whole."""
        self.require_folder()
        if not atomic_files.exists(self.folder(run_id)):
            return
        with self._mine(run_id) as guard:
            ended = ("run.json", "timing.json", ADDED, OMISSION)
            for name in (*ended, *PASSING, *BINARIES, ANALYSES, ADDITIONS):
                guard()
                atomic_files.remove(self.folder(run_id) / name)

    def remove(self, run_id: str) -> None:
        """Remove a run for good. Whoever dies in between leaves a run that has not ended.

        Of one that had ended it stays known that it was there: its results could be seen.
        """
        self.require_folder()
        if self.finished(run_id):
            with suppress(StoreError):  # damaged, perhaps why it is removed
                trial = self.trial(run_id)
                atomic_files.make_folder(self.root / REMOVED)
                write_record(self.root / REMOVED / f"{run_id}.json", to_record(trial))
        self.forget(run_id)
        with self._mine(run_id) as guard:
            for name in atomic_files.names(self.folder(run_id)):
                guard()
                if not is_lease(name):
                    atomic_files.remove(self.folder(run_id) / name)
            atomic_files.remove(self.folder(run_id))

    @contextmanager
    def _mine(self, run_id: str) -> Iterator[atomic_files.Guard]:
        """What raises LeaseLost where this store has lost a run; one without a lease is claimed."""
        self.require_folder()
        lease = self._leases.get(run_id)
        if lease and not lease.released:
            lease.check()
            yield lease.check
            return
        claimed = claim(self.folder(run_id))
        if claimed is None:
            raise self.being_written(run_id)
        with claimed:
            yield claimed.check

    def add_comparison(self, name: str, record: Mapping[str, Any]) -> None:
        """Keep the record of a comparison, over an earlier one of that name."""
        self._keep(COMPARISONS, name, record)

    def _keep(self, folder: str, name: str, record: Mapping[str, Any]) -> None:
        self.require_folder()
        atomic_files.make_folder(self.root / folder)
        write_record(self.record_path(folder, name), record)


def _npz_of_run(run_id: str, arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Arrays as a file that says of which run they are."""
    import numpy as np

    from .npz import to_npz

    return to_npz({**arrays, RUN: np.array(run_id)})
