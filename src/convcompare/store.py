"""The run store: one directory a run, plain files, every commit atomic.

    <store>/<id>/trial.json         what to run; written once
                 environment.json   where it ran
                 history.jsonl      one line a finished epoch
                 checkpoint/        0003.safetensors and state.json, the pointer, written last
                 weights.safetensors, test_logits.npz, analyses/gradients.npz
                 run.json           written last: its presence means that the trial has ended
                 timing.json        times measured alone afterwards, where others trained meanwhile
    <store>/comparisons/<name>.json what was compared, by which command

Every JSON record and every line of the history carries a CRC of its own; the digests of the binary
files are in the record that names them. Nothing that is read here is ever unpickled.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from . import files
from .cost import Environment, Timing
from .errors import StoreError, UsageError, quote
from .lease import Lease, claim, held, hold, holder
from .records import damaged, read_record, seal, stamp, unseal, write_record
from .run import Epoch, Run, Trial

if TYPE_CHECKING:  # the list of the runs needs no arrays
    import numpy as np
    import numpy.typing as npt

COMPARISONS = "comparisons"
ANALYSES, CHECKPOINT = "analyses", "checkpoint"
RECORDS = ("trial.json", "environment.json", "history.jsonl", "run.json", "timing.json")
BINARIES = ("weights.safetensors", "test_logits.npz")
PASSING = (CHECKPOINT, "error.json")
"""What a run has only until it has ended."""
R = TypeVar("R")


@dataclass(frozen=True)
class Checkpoint:
    """A state to go on from: the epochs that are behind it, and the bytes of its tensors."""

    history: tuple[Epoch, ...]
    data: bytes


@dataclass(frozen=True)
class Predictions:
    """What a trained network gives for the test split: logits (n, classes) beside labels (n,)."""

    logits: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]


class RunStore:
    """The runs below one folder. Reading never writes; writing needs the lock of the run."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._leases: dict[str, Lease] = {}

    def folder(self, run_id: str) -> Path:
        return self.root / run_id

    # Reading

    def ids(self) -> list[str]:
        """The ids of all trials that were begun here."""
        return [
            name
            for name in files.names(self.root)
            if name != COMPARISONS and (self.root / name / "trial.json").is_file()
        ]

    def find(self, prefix: str) -> str:
        """The one id that begins with `prefix`; UsageError where there are none or several."""
        found = [run_id for run_id in self.ids() if run_id.startswith(prefix)]
        if len(found) != 1:
            what = f"{len(found)} runs begin" if found else "no run begins"
            hint = ", ".join(found[:4]) or f"`convcompare runs --store {self.root}` lists them"
            raise UsageError(f"{what} with {quote(prefix)}", hint)
        return found[0]

    def finished(self, run_id: str) -> bool:
        """Whether the trial has ended, well or not."""
        return (self.folder(run_id) / "run.json").is_file()

    def run(self, run_id: str) -> Run:
        """The record of a trial that has ended."""
        path = self.folder(run_id) / "run.json"
        run = self._parse(path, Run.from_json)
        if run.id != run_id:
            raise damaged(path, "it is the record of another run")
        timing = self.folder(run_id) / "timing.json"
        return (
            replace(run, timing=self._parse(timing, Timing.from_json)) if timing.is_file() else run
        )

    def outcome(self, run_id: str) -> Run | None:
        """How a trial ended last: its record or that of its failure; None where it has not."""
        if self.finished(run_id):
            return self.run(run_id)
        failure = self.folder(run_id) / "error.json"
        return self._parse(failure, Run.from_json) if failure.is_file() else None

    def trial(self, run_id: str) -> Trial:
        path = self.folder(run_id) / "trial.json"
        trial = self._parse(path, Trial.from_json)
        if trial.id != run_id:
            raise damaged(path, "it is the record of another run")
        return trial

    def history(self, run_id: str) -> tuple[Epoch, ...]:
        """The epochs that a half-done trial has behind it."""
        checkpoint = self.checkpoint(run_id)
        return checkpoint.history if checkpoint else ()

    def predictions(self, run: Run) -> Predictions:
        """The logits of the test split after the last epoch, and the labels beside them."""
        path = self.folder(run.id) / "test_logits.npz"
        arrays = _arrays(self._verified(path, run.sha256.get(path.name)))
        if "labels" not in arrays:
            raise UsageError(
                f"run {run.id} was recorded without the labels of its test images",
                "`convcompare compare … --fresh` records them",
            )
        return Predictions(arrays["logits"], arrays["labels"].astype("int64"))

    def analysis(self, run: Run, name: str) -> dict[str, npt.NDArray[Any]] | None:
        """The arrays that an analysis left of a run; None where it was not made."""
        key = f"{ANALYSES}/{name}.npz"
        if key not in run.sha256:
            return None
        return _arrays(self._verified(self.folder(run.id) / key, run.sha256[key]))

    def half_done_analysis(self, run_id: str, name: str) -> dict[str, npt.NDArray[Any]] | None:
        """The same of a run that has not ended; None where it is damaged, too."""
        path = self.folder(run_id) / ANALYSES / f"{name}.npz"
        try:
            return _arrays(files.read(path)) if path.is_file() else None
        except (StoreError, ValueError, OSError, zipfile.BadZipFile, zlib.error):
            return None

    def weights(self, run: Run) -> bytes:
        """The final weights, as safetensors."""
        path = self.folder(run.id) / "weights.safetensors"
        return self._verified(path, run.sha256.get(path.name))

    def checkpoint(self, run_id: str) -> Checkpoint | None:
        """The newest whole state of a half-done trial; the one before where that is damaged."""
        folder = self.folder(run_id)
        pointer = folder / "checkpoint" / "state.json"
        if not pointer.is_file():
            return None
        try:
            saved = read_record(pointer)["checkpoints"]
            history = self._history(folder / "history.jsonl")
        except (StoreError, KeyError):
            return None
        for state in saved:
            path = folder / "checkpoint" / str(state["file"])
            try:
                data = self._verified(path, state["sha256"])
            except StoreError:
                continue
            if len(history) >= state["epoch"]:
                return Checkpoint(tuple(history[: state["epoch"]]), data)
        return None

    # Writing

    def claim(self, run_id: str) -> Lease | None:
        """The right to write a run, where no other process has it; release it at the end."""
        lease = claim(self.folder(run_id))
        if lease:
            self._leases[run_id] = lease
        return lease

    def holder(self, run_id: str) -> str:
        """Who writes a run, in words; empty where nobody does."""
        return holder(self.folder(run_id))

    def held(self, run_id: str) -> bool:
        """Whether a process that may be alive writes a run."""
        return held(self.folder(run_id))

    @contextmanager
    def lock(self, run_id: str, told: Callable[[str], None] = lambda _: None) -> Iterator[Lease]:
        """Hold a run alone: waits until another process that has it ends, dies or stands still.

        After a second `told` hears who has it.
        """
        with hold(self.folder(run_id), told=told) as lease:
            self._leases[run_id] = lease
            yield lease

    def tidy(self, run_id: str) -> None:
        """Clear a run that has ended of what its process, which died, did not clear away."""
        folder = self.folder(run_id)
        kept = {*RECORDS, *BINARIES, ANALYSES}
        if self.finished(run_id) and any(name not in kept for name in files.names(folder)):
            lease = claim(folder)
            if lease:
                with lease:
                    for name in PASSING:
                        files.remove(folder / name)

    def begin(self, trial: Trial, environment: Environment) -> None:
        """Note what is about to run, and where."""
        folder = self.folder(trial.id)
        with self._mine(trial.id) as guard:
            for place in (folder, folder / CHECKPOINT):
                files.make_folder(place)
            if not (folder / "trial.json").is_file():
                write_record(folder / "trial.json", trial.to_json(), guard)
            write_record(folder / "environment.json", environment.to_json(), guard)

    def save_epoch(self, trial: Trial, history: list[Epoch], tensors: bytes) -> None:
        """Commit an epoch: its state, its line, then the pointer that makes both count."""
        folder = self.folder(trial.id)
        states = folder / CHECKPOINT
        epoch = history[-1].epoch
        name = f"{epoch:04}.safetensors"
        newest = {"epoch": epoch, "file": name, "sha256": _sha256(tensors)}
        pointer = states / "state.json"
        lines = [seal(line.to_json()) for line in history]
        with self._mine(trial.id) as guard:
            files.write(states / name, tensors, guard)
            files.write(folder / "history.jsonl", b"".join(line + b"\n" for line in lines), guard)
            before = []
            if pointer.is_file():
                before = [s for s in read_record(pointer)["checkpoints"] if s["epoch"] < epoch][:1]
            write_record(pointer, {"checkpoints": [newest, *before]}, guard)
            guard()
            kept = {name, "state.json", *(str(state["file"]) for state in before)}
            for other in files.names(states):
                if other not in kept:
                    files.remove(states / other)

    def save_analysis(self, run_id: str, name: str, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Keep what an analysis found; an epoch's is written before the epoch counts."""
        with self._mine(run_id) as guard:
            files.make_folder(self.folder(run_id) / ANALYSES)
            files.write(self.folder(run_id) / ANALYSES / f"{name}.npz", _npz(arrays), guard)

    def finish(self, run: Run, weights: bytes | None, predictions: Predictions | None) -> Run:
        """Commit the end of a trial: the first record counts, whoever wrote it; it is returned.

        The record is written last, then the checkpoints go.
        """
        folder = self.folder(run.id)
        with self._mine(run.id) as guard:
            if not self.finished(run.id):
                digests = {}
                for name, data in (
                    ("weights.safetensors", weights),
                    ("test_logits.npz", None if predictions is None else _npz(vars(predictions))),
                ):
                    if data is not None:
                        files.write(folder / name, data, guard)
                        digests[name] = _sha256(data)
                for name in files.names(folder / ANALYSES):
                    digests[f"{ANALYSES}/{name}"] = _sha256(files.read(folder / ANALYSES / name))
                run = Run(**{**vars(run), "sha256": digests})
            return self._commit(run, guard)

    def parcel(self, run: Run) -> dict[str, bytes]:
        """The binary files of a run that has ended, by name, as `adopt` takes them."""
        folder = self.folder(run.id)
        return {name: self._verified(folder / name, sha) for name, sha in run.sha256.items()}

    def adopt(self, run: Run, parcel: Mapping[str, bytes]) -> Run:
        """Commit a run that ended in another store: here, too, the first record counts.

        Raises StoreError for files that are not those of its record.
        """
        folder = self.folder(run.id)
        for name, sha256 in run.sha256.items():
            if name not in parcel or _sha256(parcel[name]) != sha256:
                raise damaged(folder / name, "its bytes are not those that were sent")
        with self._mine(run.id) as guard:
            if not self.finished(run.id):
                files.make_folder(folder / ANALYSES)
                for name in run.sha256:
                    files.write(folder / name, parcel[name], guard)
            return self._commit(run, guard)

    def note_failure(self, run: Run) -> None:
        """Record that a trial failed; it has not ended, and is tried again when asked for."""
        with self._mine(run.id) as guard:
            write_record(self.folder(run.id) / "error.json", run.to_json(), guard)

    def save_timing(self, run_id: str, timing: Timing) -> None:
        """Add to a run what was measured after it; its record stays as it was written."""
        with self._mine(run_id) as guard:
            write_record(self.folder(run_id) / "timing.json", timing.to_json(), guard)

    def forget(self, run_id: str) -> None:
        """Start a trial over: its record goes first, so that no half of it can pass for a whole."""
        if not files.exists(self.folder(run_id)):
            return
        with self._mine(run_id) as guard:
            for name in ("run.json", "timing.json", *PASSING, "history.jsonl", *BINARIES, ANALYSES):
                guard()
                files.remove(self.folder(run_id) / name)

    @contextmanager
    def _mine(self, run_id: str) -> Iterator[files.Guard]:
        """What raises LeaseLost where this store has lost a run; one without a lease is claimed."""
        lease = self._leases.get(run_id)
        if lease and not lease.released:
            lease.check()
            yield lease.check
            return
        claimed = claim(self.folder(run_id))
        if claimed is None:
            raise StoreError(
                f"run {run_id} is being written by {self.holder(run_id)}",
                "wait until it has ended, or stop it",
            )
        with claimed:
            yield claimed.check

    # Comparisons

    def add_comparison(self, name: str, record: Mapping[str, Any]) -> None:
        files.make_folder(self.root / COMPARISONS)
        write_record(self.root / COMPARISONS / f"{name}.json", record)

    def comparisons(self) -> list[str]:
        """The names of all comparisons, oldest first."""
        names = files.names(self.root / COMPARISONS)
        return [name.removesuffix(".json") for name in names if name.endswith(".json")]

    def comparison(self, name: str) -> dict[str, Any]:
        return read_record(self.root / COMPARISONS / f"{name}.json")

    # Parts

    def _commit(self, run: Run, guard: files.Guard) -> Run:
        folder = self.folder(run.id)
        files.write_first(folder / "run.json", stamp(run.to_json()), guard)
        run = self.run(run.id)
        for name in PASSING:
            files.remove(folder / name)
        return run

    def _history(self, path: Path) -> list[Epoch]:
        found = []
        for line in files.read(path).splitlines():
            record = unseal(line)
            if record is None:
                break
            found.append(Epoch.from_json(record))
        return found

    def _verified(self, path: Path, sha256: str | None) -> bytes:
        if not path.is_file():
            raise damaged(path, "it is missing")
        data = files.read(path)
        if sha256 is None or _sha256(data) != sha256:
            raise damaged(path, "its bytes are not those that were written")
        return data

    def _parse(self, path: Path, build: Callable[[Mapping[str, Any]], R]) -> R:
        record = read_record(path)
        try:
            return build(record)
        except (KeyError, TypeError, ValueError) as error:
            raise damaged(path, f"{type(error).__name__} {error}") from error


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _npz(arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    import numpy as np

    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def _arrays(data: bytes) -> dict[str, npt.NDArray[Any]]:
    import numpy as np

    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        return dict(arrays)
