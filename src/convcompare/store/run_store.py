"""Write access to the run store: one directory per run, plain files, every commit atomic.

    <store>/<id>/trial.json         what to run; written once
                 environment.json   versions and machine of the last attempt
                 checkpoint/        0003.safetensors and its record 0003.json, written last
                 weights.safetensors, test_logits.npz, analyses/gradients.npz
                 run.json           written last: its presence means that the trial has ended
                 timing.json        times measured alone afterwards, if trials ran in parallel
                 annotation.json    tags and a note of the user
                 additions/robustness.<digest>.npz and their record additions.json, written last:
                                    analyses of the trained network that were added afterwards
                 left-out.json      files that a pack omitted; test_classes.npz replaces the logits,
                                    channel_means.npz the features
    <store>/comparisons/<name>.json what was compared, and by which command
    <store>/step-times/<key>.json   time of a step, which converts a time budget into steps
    <store>/compile-choices/<key>.json  whether the steps of a network are compiled
    <store>/removed/<id>.json       definition of a run that had ended and was removed
    <store>/earlier/<id>/           results of a run that is trained again, until it has ended

Every JSON record contains its own CRC, and the digests of the binary files that it refers to.
Everything that is read is verified, and nothing is unpickled.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convcompare.core.errors import StoreError, quote, shell_word

from . import atomic_files, checkpoints, layout
from .annotation import Annotation
from .checkpoints import Checkpoint
from .cost import Environment, Timing
from .json_fields import to_record
from .json_records import sha256, stamp, write_record
from .lease import Lease, claim, held, hold, holder, is_lease
from .omission import Omission, kept_digests
from .predictions import Predictions
from .reader import RUN, RunReader
from .run import Epoch, Run, Trial

if TYPE_CHECKING:  # listing runs does not need numpy
    import numpy.typing as npt

__all__ = ["Checkpoint", "Predictions", "RunStore"]


class RunStore(RunReader):
    """Read and write access to the runs of a store; every change of a run needs its lease."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._leases: dict[str, Lease] = {}

    def require_folder(self) -> None:
        """Raise StoreError if the store is a pack, which is read-only, or another file."""
        if self.files.read_only:
            self.files.names(self.root)  # raises if the file is not a pack
            raise StoreError(
                f"{quote(self.root, 300)} is a pack of runs, which is only read",
                f"`convcompare runs unpack {shell_word(self.root)} FOLDER` makes a folder of it",
            )

    def check_writable(self) -> None:
        """Create the folder of the store and write a file, so that errors precede a training."""
        self.require_folder()
        atomic_files.check_writable(self.root)

    def claim(self, run_id: str) -> Lease | None:
        """Claim the lease of a run, which the caller releases; None if another process has it."""
        self.require_folder()
        lease = claim(self.folder(run_id))
        if lease:
            self._leases[run_id] = lease
        return lease

    def holder(self, run_id: str) -> str:
        """Return a description of the process that writes a run; empty if there is none."""
        return "" if self.files.read_only else holder(self.folder(run_id))

    def being_written(self, run_id: str) -> StoreError:
        """Return the error for a change of a run that another process is writing."""
        return StoreError(
            f"run {run_id} is being written by {self.holder(run_id)}",
            "wait until it has ended, or stop it",
        )

    def held(self, run_id: str) -> bool:
        """Return whether a process that may be alive is writing a run."""
        return not self.files.read_only and held(self.folder(run_id))

    @contextmanager
    def lock(self, run_id: str) -> Iterator[Lease]:
        """Hold the lease of a run, after waiting for another owner to end, die or hang."""
        self.require_folder()
        with hold(self.folder(run_id)) as lease:
            self._leases[run_id] = lease
            yield lease

    def tidy(self, run_id: str) -> None:
        """Delete the checkpoints and temporary files that are left of an ended run."""
        self.require_folder()
        folder = self.folder(run_id)
        kept = {*layout.RECORDS, *layout.BINARIES, layout.ANALYSES, layout.ADDITIONS}
        places = (folder, folder / layout.ANALYSES, folder / layout.ADDITIONS)
        others = set(atomic_files.names(folder)) - kept
        if not self.finished(run_id) or not (others or any(map(atomic_files.leftovers, places))):
            return
        lease = claim(folder)
        if lease is None:
            return
        with lease:
            for name in layout.TRANSIENT:
                atomic_files.remove(folder / name)
            for place in places:
                atomic_files.collect(place)

    def begin(self, trial: Trial, environment: Environment) -> None:
        """Record a trial that is about to run, and its environment."""
        folder = self.folder(trial.id)
        with self._guarded(trial.id) as guard:
            if atomic_files.exists(folder / "trial.json"):
                self.trial(trial.id)  # raises if it is damaged
            else:
                write_record(folder / "trial.json", to_record(trial), guard)
            atomic_files.make_folder(folder / layout.CHECKPOINT)
            record = {"id": trial.id, **to_record(environment)}
            write_record(folder / "environment.json", record, guard)

    def last_environment(self, run_id: str) -> Environment | None:
        """Return the environment of an incomplete run; None if it has not started.

        A resumed run must compute its steps in the same way.

        Raises:
            StoreError: if the record is damaged.
        """
        if not self.files.exists(self.folder(run_id) / "environment.json"):
            return None
        return self.environment(run_id)

    def save_epoch(self, trial: Trial, history: list[Epoch], tensors: bytes) -> None:
        """Commit an epoch: its tensors, then the record of the checkpoint with the history."""
        with self._guarded(trial.id) as guard:
            checkpoints.save(self.folder(trial.id), trial.id, history, tensors, guard)

    def save_analysis(self, run_id: str, name: str, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Write the arrays of an analysis; one of an epoch is written before its checkpoint."""
        data = _npz_of_run(run_id, arrays)
        with self._guarded(run_id) as guard:
            _write(self.folder(run_id) / layout.analysis_file(name), data, guard)

    def finish(self, run: Run, weights: bytes | None, predictions: Predictions | None) -> Run:
        """Commit an ended trial and return its record.

        If another process committed the trial first, its record stays and is returned. The record
        is written last, then the checkpoints are deleted.
        """
        from .npz import to_npz

        folder = self.folder(run.id)
        logits = None if predictions is None else to_npz(vars(predictions))
        given = ((layout.WEIGHTS, weights), (layout.LOGITS, logits))
        files = {name: data for name, data in given if data is not None}
        with self._guarded(run.id) as guard:
            if not self.finished(run.id):
                for name, data in files.items():
                    atomic_files.write(folder / name, data, guard)
                for name in atomic_files.names(folder / layout.ANALYSES):
                    file = f"{layout.ANALYSES}/{name}"
                    files[file] = atomic_files.read(folder / file)
                run = replace(run, sha256={name: sha256(data) for name, data in files.items()})
            return self._commit(run, guard)

    def binary_files(self, run: Run) -> dict[str, bytes]:
        """Return the verified binary files of an ended run by name, for `adopt`."""
        folder = self.folder(run.id)
        return {name: self.files.verified(folder / name, sha) for name, sha in run.sha256.items()}

    def adopt(self, run: Run, files: Mapping[str, bytes], omission: Omission | None = None) -> Run:
        """Commit a run that ended in another store; a run that this store already has is unchanged.

        Args:
            run: Record of the run.
            files: Its binary files, by name.
            omission: Files that the other store lacks.

        Raises:
            StoreError: if a file is missing or does not match its digest.
        """
        folder = self.folder(run.id)
        digests = kept_digests(run.sha256, omission)
        for name, digest in digests.items():
            if name not in files or sha256(files[name]) != digest:
                raise self.files.damaged(folder / name, "SHA-256 mismatch with what was sent")
        with self._guarded(run.id) as guard:
            if not self.finished(run.id):
                for name in digests:
                    _write(folder / name, files[name], guard)
                if omission:
                    write_record(folder / layout.OMISSION, to_record(omission), guard)
            return self._commit(run, guard)

    def _commit(self, run: Run, guard: atomic_files.Guard) -> Run:
        """Write the record unless there is one; delete checkpoints, failures, earlier results."""
        if not self.finished(run.id):
            atomic_files.write_first(self.folder(run.id) / "run.json", stamp(run.to_json()), guard)
        run = self.run(run.id)
        for name in layout.TRANSIENT:
            atomic_files.remove(self.folder(run.id) / name)
        atomic_files.remove(self.root / layout.EARLIER / run.id)
        return run

    def note_failure(self, run: Run) -> None:
        """Record that a trial failed; it has not ended, and the next request retries it."""
        with self._guarded(run.id) as guard:
            write_record(self.folder(run.id) / "error.json", run.to_json(), guard)

    def save_timing(self, run_id: str, timing: Timing) -> None:
        """Write times that were measured after a run; the record of the run does not change."""
        with self._guarded(run_id) as guard:
            record = {"id": run_id, **to_record(timing)}
            write_record(self.folder(run_id) / "timing.json", record, guard)

    def save_addition(self, run_id: str, name: str, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Add an analysis to an ended run, or replace an earlier addition of that name.

        The record of the run does not change; the record of the additions is written last.
        """
        data = _npz_of_run(run_id, arrays)
        file = f"{name}.{sha256(data)[:12]}.npz"
        folder = self.folder(run_id)
        with self._guarded(run_id) as guard:
            before = self.additions(run_id)
            old = [one for one in before if one.partition(".")[0] == name]
            kept = {one: digest for one, digest in before.items() if one not in old}
            _write(folder / layout.ADDITIONS / file, data, guard)
            record = {"id": run_id, "sha256": {**kept, file: sha256(data)}}
            write_record(folder / layout.ADDED, record, guard)
            for other in old:
                if other != file:
                    atomic_files.remove(folder / layout.ADDITIONS / other)

    def adopt_additions(self, run_id: str, other: RunReader) -> None:
        """Copy the additions of a run from another store, verified."""
        folder, found = self.folder(run_id), other.additions(run_id)
        with self._guarded(run_id) as guard:
            for file, digest in found.items():
                data = other.files.verified(other.folder(run_id) / layout.ADDITIONS / file, digest)
                _write(folder / layout.ADDITIONS / file, data, guard)
            if found:
                write_record(folder / layout.ADDED, {"id": run_id, "sha256": found}, guard)

    def keep_step_time(self, key: str, timing: Timing) -> None:
        """Write a step time, for all later time budgets."""
        self._keep(layout.STEP_TIMES, key, to_record(timing))

    def annotate(self, run_id: str, annotation: Annotation) -> None:
        """Write the tags and the note of a run; this needs no lease. Empty ones are deleted."""
        self.require_folder()
        path = self.folder(run_id) / layout.ANNOTATION
        if annotation == Annotation():
            atomic_files.remove(path)
        else:
            write_record(path, {"id": run_id, **to_record(annotation)})

    def forget(self, run_id: str) -> None:
        """Delete the results of a trial, so that it starts over.

        The record is deleted first, so that an interrupted deletion leaves no run that looks ended.
        """
        self.require_folder()
        if not atomic_files.exists(self.folder(run_id)):
            return
        with self._guarded(run_id) as guard:
            ended = ("run.json", "timing.json", layout.ADDED, layout.OMISSION)
            folders = (layout.ANALYSES, layout.ADDITIONS)
            for name in (*ended, *layout.TRANSIENT, *layout.BINARIES, *folders):
                guard()
                atomic_files.remove(self.folder(run_id) / name)

    def remove(self, run_id: str) -> None:
        """Delete a run. If the deletion is interrupted, a run that has not ended remains.

        The definition of a run that had ended is kept in ``removed/``, since its results may have
        been seen.
        """
        self.require_folder()
        if self.finished(run_id):
            with suppress(StoreError):  # damage may be the reason for the removal
                trial = self.trial(run_id)
                atomic_files.make_folder(self.root / layout.REMOVED)
                write_record(self.root / layout.REMOVED / f"{run_id}.json", to_record(trial))
        self.forget(run_id)
        with self._guarded(run_id) as guard:
            for name in atomic_files.names(self.folder(run_id)):
                guard()
                if not is_lease(name):
                    atomic_files.remove(self.folder(run_id) / name)
            atomic_files.remove(self.root / layout.EARLIER / run_id)
            atomic_files.remove(self.folder(run_id))

    @contextmanager
    def _guarded(self, run_id: str) -> Iterator[atomic_files.Guard]:
        """Yield a guard that raises LeaseLost if the lease of a run was lost.

        Without a lease, the run is claimed for the block.

        Raises:
            StoreError: if another process is writing the run.
        """
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
        """Write the record of a comparison, over an earlier one of that name."""
        self._keep(layout.COMPARISONS, name, record)

    def _keep(self, folder: str, name: str, record: Mapping[str, Any]) -> None:
        self.require_folder()
        atomic_files.make_folder(self.root / folder)
        write_record(self.record_path(folder, name), record)


def _write(path: Path, data: bytes, guard: atomic_files.Guard) -> None:
    """Write a file, and its folder if that is missing."""
    atomic_files.make_folder(path.parent)
    atomic_files.write(path, data, guard)


def _npz_of_run(run_id: str, arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Return the bytes of an .npz file with these arrays and the id of their run."""
    import numpy as np

    from .npz import to_npz

    return to_npz({**arrays, RUN: np.array(run_id)})
