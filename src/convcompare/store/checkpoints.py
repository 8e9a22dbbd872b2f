"""Checkpoints of an incomplete trial: tensors, and a record that commits them.

    checkpoint/0003.safetensors   weights, buffers, optimizer state after the third epoch
               0003.json          id of the run, SHA-256 of the tensors, history up to this epoch
               0002.…             the previous checkpoint, in case the newest is damaged

The record is written last and contains the id of the run, so that an incomplete checkpoint, or one
of another run, is never used.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convcompare.core.errors import StoreError, quote

from . import atomic_files
from .files import FOLDER, Files
from .json_fields import from_record, to_record
from .json_records import sha256, stamp, unstamp
from .run import Epoch

CHECKPOINT = "checkpoint"
OLD_POINTER = "state.json"
"""Record of both checkpoints in the first format, which had the history in a separate file."""
_RECORD = re.compile(r"(\d{4,9})\.json", re.ASCII)


@dataclass(frozen=True)
class Checkpoint:
    """A state from which a trial resumes: the finished epochs, and the tensors as safetensors."""

    history: tuple[Epoch, ...]
    data: bytes


@dataclass(frozen=True)
class CheckpointRef:
    """A checkpoint as its record describes it, whose tensors have not been read."""

    files: Files
    path: Path
    sha256: str
    history: tuple[Epoch, ...]

    def read(self) -> Checkpoint:
        """Read and verify the tensors. Raises StoreError if they are damaged."""
        return Checkpoint(self.history, self.files.verified(self.path, self.sha256))


def save(
    folder: Path, run_id: str, history: Sequence[Epoch], tensors: bytes, guard: atomic_files.Guard
) -> None:
    """Commit the checkpoint after the last epoch of `history`; of older ones, keep the newest."""
    states = folder / CHECKPOINT
    epoch = history[-1].epoch
    name = f"{epoch:04}"
    atomic_files.write(states / f"{name}.safetensors", tensors, guard)
    record = {
        "id": run_id,
        "epoch": epoch,
        "sha256": sha256(tensors),
        "history": [to_record(line) for line in history],
    }
    atomic_files.write(states / f"{name}.json", stamp(record), guard)
    guard()
    numbers = sorted(
        (number for number in _numbers(FOLDER, states) if number < epoch), reverse=True
    )
    kept = {name, *(f"{number:04}" for number in numbers[:1])}
    for other in atomic_files.names(states):
        if other == OLD_POINTER or other.partition(".")[0] not in kept:
            atomic_files.remove(states / other)


def states(files: Files, folder: Path, run_id: str) -> list[CheckpointRef | StoreError]:
    """Return the committed checkpoints, newest first; an error for each with a damaged record."""
    found: list[CheckpointRef | StoreError] = []
    for number in sorted(_numbers(files, folder / CHECKPOINT), reverse=True):
        try:
            found.append(_state(files, folder / CHECKPOINT / f"{number:04}.json", run_id))
        except StoreError as error:
            found.append(error)
    if not found and files.exists(folder / CHECKPOINT / OLD_POINTER):
        try:
            found += _old_states(files, folder)
        except StoreError as error:
            found.append(error)
    return found


def newest(files: Files, folder: Path, run_id: str) -> tuple[Checkpoint | None, str]:
    """Return the newest undamaged checkpoint, or None, and a message about damaged newer ones."""
    problems = []
    for state in states(files, folder, run_id):
        try:
            if isinstance(state, StoreError):
                raise state
            checkpoint = state.read()
        except StoreError as error:
            problems.append(error.message)
        else:
            return checkpoint, _recovery_message(
                problems, f"continues after epoch {len(checkpoint.history)}"
            )
    return None, _recovery_message(problems, "starts over")


def damages(files: Files, folder: Path, run_id: str) -> list[tuple[StoreError, tuple[Path, ...]]]:
    """Return the errors of damaged checkpoints, each with the files of that checkpoint."""
    found: list[tuple[StoreError, tuple[Path, ...]]] = []
    below = folder / CHECKPOINT
    for number in _numbers(files, below):
        record = below / f"{number:04}.json"
        try:
            _state(files, record, run_id).read()
        except StoreError as error:
            found.append((error, (record, record.with_suffix(".safetensors"))))
    if not _numbers(files, below) and files.exists(below / OLD_POINTER):
        for state in states(files, folder, run_id):
            try:
                if isinstance(state, StoreError):
                    raise state
                state.read()
            except StoreError as error:
                found.append((error, (below,)))
    return found


def _recovery_message(problems: Sequence[str], consequence: str) -> str:
    return f"{'; '.join(problems)}: run {consequence}" if problems else ""


def _numbers(files: Files, folder: Path) -> list[int]:
    return [int(found[1]) for name in files.names(folder) if (found := _RECORD.fullmatch(name))]


def _state(files: Files, path: Path, run_id: str) -> CheckpointRef:
    def build(record: Mapping[str, Any]) -> CheckpointRef:
        if record["id"] != run_id:
            raise files.damaged(path, "it is of another run")
        history = tuple(from_record(Epoch, epoch) for epoch in record["history"])
        if [epoch.epoch for epoch in history] != list(range(1, int(path.stem) + 1)):
            raise ValueError("epochs are missing")
        return CheckpointRef(
            files, path.with_suffix(".safetensors"), str(record["sha256"]), history
        )

    return files.read_parsed(path, build)


def _old_states(files: Files, folder: Path) -> list[CheckpointRef | StoreError]:
    """Return the checkpoints of a run in the first format."""
    pointer = folder / CHECKPOINT / OLD_POINTER
    lines = files.content(folder / "history.jsonl").splitlines()
    history = [record for line in lines if (record := unstamp(line)) is not None]
    found: list[CheckpointRef | StoreError] = []
    for state in files.read_record(pointer).get("checkpoints", []):
        epoch = state["epoch"]
        path = pointer.with_name(f"{epoch:04}.safetensors")
        if len(history) < epoch:
            found.append(
                files.damaged(folder / "history.jsonl", f"it has no {quote(epoch)} epochs")
            )
        else:
            epochs = tuple(from_record(Epoch, line) for line in history[:epoch])
            found.append(CheckpointRef(files, path, state["sha256"], epochs))
    return found
