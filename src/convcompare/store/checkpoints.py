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

from convcompare.core.errors import StoreError

from . import atomic_files
from .files import FOLDER, Files
from .json_fields import from_record, to_record
from .json_records import sha256, write_record
from .layout import CHECKPOINT
from .run import Epoch

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
    write_record(states / f"{name}.json", record, guard)
    guard()
    earlier = [number for number in _numbers(FOLDER, states) if number < epoch]
    kept = {name, *(f"{number:04}" for number in earlier[:1])}
    for other in atomic_files.names(states):
        if other.partition(".")[0] not in kept:
            atomic_files.remove(states / other)


def history(files: Files, folder: Path, run_id: str) -> tuple[Epoch, ...]:
    """Return the epochs in the newest record, empty if there is none.

    Raises:
        StoreError: if that record is damaged.
    """
    return next((_state(files, path, run_id).history for path in _records(files, folder)), ())


def newest(files: Files, folder: Path, run_id: str) -> tuple[Checkpoint | None, str]:
    """Return the newest undamaged checkpoint, or None, and a message about damaged newer ones."""
    problems = []
    for path in _records(files, folder):
        try:
            checkpoint = _state(files, path, run_id).read()
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
    for path in _records(files, folder):
        try:
            _state(files, path, run_id).read()
        except StoreError as error:
            found.append((error, (path, path.with_suffix(".safetensors"))))
    return found


def _recovery_message(problems: Sequence[str], consequence: str) -> str:
    return f"{'; '.join(problems)}: run {consequence}" if problems else ""


def _records(files: Files, folder: Path) -> list[Path]:
    """Return the paths of the records of a run, newest first."""
    states = folder / CHECKPOINT
    return [states / f"{number:04}.json" for number in _numbers(files, states)]


def _numbers(files: Files, states: Path) -> list[int]:
    """Return the epochs of the records in a folder, newest first."""
    matches = map(_RECORD.fullmatch, files.names(states))
    return sorted((int(match[1]) for match in matches if match), reverse=True)


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
