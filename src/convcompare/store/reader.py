"""Read access to a store of runs, which verifies what it reads and never writes.

A record that is damaged or of another run raises StoreError, as does a file whose digest is not the
recorded one. Callers that show many runs read each within `skipping_damage`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convcompare.core import memory
from convcompare.core.errors import StoreError, UsageError, quote

from . import checkpoints, layout
from .annotation import Annotation
from .checkpoints import Checkpoint
from .cost import Environment, Timing
from .files import FOLDER, Files, T
from .json_fields import from_record
from .omission import Omission, kept_digests
from .predictions import PredictedClasses, Predictions
from .run import Epoch, Run, Trial

if TYPE_CHECKING:  # listing runs does not need numpy
    import numpy.typing as npt

HELD_OUT = "held-out"
"""Name of the analysis with the logits and labels of the held-out images."""
PACK_SUFFIX = ".ccpack"
"""Suffix of packs; a path without it may be a folder that is still to be created."""
RUN = "run"
"""Name of the array in an analysis that contains the id of its run."""


class RunReader:
    """Read access to the runs of a store, which is a folder or a pack."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files = _files(root)
        self.damage: list[StoreError] = []
        """Errors of the damaged records that `skipping_damage` skipped."""

    @property
    def place(self) -> str:
        """Path of the store for error messages, which also show if it does not exist."""
        return f"{quote(self.root)}{'' if self.root.exists() else ', which does not exist'}"

    def folder(self, run_id: str) -> Path:
        """Return the folder of a run."""
        return self.root / run_id

    def ids(self) -> list[str]:
        """Return the ids of all trials that were started in this store."""
        return [name for name in self.folders() if self.started(name)]

    def folders(self) -> list[str]:
        """Return the names of all folders of runs, including those without any record."""
        return [name for name in self.files.names(self.root) if layout.RUN_ID.fullmatch(name)]

    def started(self, run_id: str) -> bool:
        """Return whether the run has a record or a checkpoint, and not only an empty folder."""
        names = (*layout.RECORDS, layout.CHECKPOINT)
        return any(self.files.exists(self.folder(run_id) / name) for name in names)

    def find(self, prefix: str) -> str:
        """Return the only id that starts with `prefix`.

        Raises:
            UsageError: if there is none, or several.
        """
        found = [run_id for run_id in self.ids() if run_id.startswith(prefix)]
        if len(found) != 1:
            what = f"{len(found)} runs begin" if found else "no run begins"
            hint = ", ".join(found[:4]) or f"`convcompare runs --store {self.root}` lists them"
            raise UsageError(f"{what} with {quote(prefix)}", hint)
        return found[0]

    def finished(self, run_id: str) -> bool:
        """Return whether the trial has ended, finished or diverged."""
        return self.files.exists(self.folder(run_id) / "run.json")

    def recorded(self, run_id: str, name: str = "run.json") -> Run:
        """Return the record of an ended trial (``run.json``) or failure (``error.json``) as is."""
        path = self.folder(run_id) / name
        run = self.files.read_as(path, Run)
        self._check_id(path, run.id, run_id)
        return run

    def run(self, run_id: str) -> Run:
        """Return the record of an ended trial, with the times that were measured afterwards.

        Its digests are those of the existing files, without those that a pack omitted.
        """
        run = self.kept(run_id)
        timing = self.folder(run_id) / "timing.json"
        return replace(run, timing=self.timing(run_id)) if self.files.exists(timing) else run

    def kept(self, run_id: str) -> Run:
        """Return the record of an ended trial, with the digests of the existing files."""
        run = self.recorded(run_id)
        return replace(run, sha256=kept_digests(run.sha256, self.omission(run_id)))

    def omission(self, run_id: str) -> Omission | None:
        """Return the record of the files that a pack omitted from a run; None if there are none."""
        path = self.folder(run_id) / layout.OMISSION
        if not self.files.exists(path):
            return None
        omission = self._beside(run_id, layout.OMISSION, Omission)
        if not omission.sha256.keys() <= {*layout.REPLACEMENTS}:
            raise self.files.damaged(path, "it names files that it must not name")
        return omission

    def timing(self, run_id: str) -> Timing:
        """Return the times that were measured after a run."""
        return self._beside(run_id, "timing.json", Timing)

    def step_time(self, key: str) -> Timing | None:
        """Return the step time that converts a time budget into steps; None if not measured."""
        path = self.record_path(layout.STEP_TIMES, key)
        return self.files.read_as(path, Timing) if self.files.exists(path) else None

    def environment(self, run_id: str) -> Environment:
        """Return the environment of the last attempt at a trial."""
        return self._beside(run_id, "environment.json", Environment)

    def annotation(self, run_id: str) -> Annotation:
        """Return the tags and the note of a run; empty if it has none."""
        known = self.files.exists(self.folder(run_id) / layout.ANNOTATION)
        return self._beside(run_id, layout.ANNOTATION, Annotation) if known else Annotation()

    def outcome(self, run_id: str) -> Run | None:
        """Return the record of an ended trial or of its failure; None if it has neither."""
        if self.finished(run_id):
            return self.run(run_id)
        if self.files.exists(self.folder(run_id) / "error.json"):
            return self.recorded(run_id, "error.json")
        return None

    def sound_outcome(self, run_id: str) -> Run | None:
        """Return `outcome` after verifying all files that tables and figures read."""
        run = self.outcome(run_id)
        if run is not None:
            self.verify(run)
        return run

    def sound_outcomes(self, run_ids: Iterable[str]) -> dict[str, Run | None]:
        """Return `sound_outcome` by run; damaged runs are left out and added to `damage`."""
        found: dict[str, Run | None] = {}
        with memory.without_collection():
            for run_id in run_ids:
                with self.skipping_damage():
                    found[run_id] = self.sound_outcome(run_id)
        return found

    @contextmanager
    def skipping_damage(self) -> Iterator[None]:
        """Context manager that adds a StoreError to `damage` instead of raising it."""
        try:
            yield
        except StoreError as error:
            if error.message not in [known.message for known in self.damage]:
                self.damage.append(error)

    def verify(self, run: Run, weights: bool = False) -> None:
        """Verify the files of a run against the digests in its record.

        Args:
            run: Record of the run.
            weights: Whether to verify the final weights as well.

        Raises:
            StoreError: if a file is missing or damaged.
        """
        for name, digest in run.sha256.items():
            if weights or name != layout.WEIGHTS:
                self.files.verified(self._named(run, name), digest)

    def trial(self, run_id: str) -> Trial:
        """Return the definition of a run: its network, data set, seed and configuration."""
        path = self.folder(run_id) / "trial.json"
        trial = self.files.read_as(path, Trial)
        self._check_id(path, trial.id, run_id)
        return trial

    def history(self, run_id: str) -> tuple[Epoch, ...]:
        """Return the finished epochs of an incomplete trial, from its newest checkpoint.

        Raises:
            StoreError: if the record of that checkpoint is damaged.
        """
        return checkpoints.history(self.files, self.folder(run_id), run_id)

    def predictions(self, run: Run) -> Predictions:
        """Return the logits and labels of the test split after the last epoch.

        Raises:
            UsageError: if a pack omitted them.
        """
        if layout.CLASSES in run.sha256:
            raise UsageError(
                f"the logits of run {run.id} were left out when it was packed",
                "the store that was packed has them, and `convcompare compare … --fresh` makes "
                "them again",
            )
        return self._built(run, layout.LOGITS, Predictions.from_arrays)

    def predicted_classes(self, run: Run) -> PredictedClasses:
        """Return the predicted classes and the labels of the test split after the last epoch."""
        if layout.CLASSES not in run.sha256:
            return PredictedClasses.of(self.predictions(run))
        return self._built(run, layout.CLASSES, PredictedClasses.from_arrays)

    def held_out(self, run: Run) -> Predictions | None:
        """Return the logits and labels of the held-out images; None if they were not recorded."""
        name = layout.analysis_file(HELD_OUT)
        return self._built(run, name, Predictions.from_arrays) if name in run.sha256 else None

    def analysis(self, run: Run, name: str) -> dict[str, npt.NDArray[Any]] | None:
        """Return the arrays of an analysis of a run; None if it was not recorded."""
        file = layout.analysis_file(name)
        return self._arrays(run, file) if file in run.sha256 else None

    def channel_means(self, run: Run) -> npt.NDArray[Any] | None:
        """Return the mean (c,) of each channel of the first activation; None if not recorded.

        They are in the features, or in the file that replaces features omitted by a pack.
        """
        files = (layout.CHANNEL_MEANS, layout.analysis_file(layout.FEATURES))
        file = next((one for one in files if one in run.sha256), None)
        return None if file is None else self._arrays(run, file).get("channel_means")

    def additions(self, run_id: str) -> dict[str, str]:
        """Return the recorded digests of the analyses that were added after a run, by file name.

        Raises:
            StoreError: if the record is damaged or of another run.
        """
        path = self.folder(run_id) / layout.ADDED
        if not self.files.exists(path):
            return {}
        record = self.files.read_parsed(path, layout.addition_record)
        self._check_id(path, record["id"], run_id)
        return dict(record["sha256"])

    def addition(self, run_id: str, name: str) -> dict[str, npt.NDArray[Any]] | None:
        """Return the arrays of an analysis that was added after the run; None if there is none.

        Raises:
            StoreError: if they are damaged or of another run.
        """
        for file, digest in self.additions(run_id).items():
            if file.partition(".")[0] == name:
                path = self.folder(run_id) / layout.ADDITIONS / file
                return self._arrays_of(run_id, path, self.files.verified(path, digest))
        return None

    def verify_additions(self, run_id: str) -> None:
        """Raise StoreError if an analysis that was added after the run is damaged."""
        for file, digest in self.additions(run_id).items():
            self.files.verified(self.folder(run_id) / layout.ADDITIONS / file, digest)

    def incomplete_analysis(self, run_id: str, name: str) -> dict[str, npt.NDArray[Any]] | None:
        """Return the arrays of an analysis of an incomplete run; None if it does not exist.

        Raises:
            StoreError: if it is damaged or of another run.
        """
        path = self.folder(run_id) / layout.analysis_file(name)
        if not self.files.exists(path):
            return None
        return self._arrays_of(run_id, path, self.files.content(path))

    def weights(self, run: Run) -> bytes:
        """Return the final weights as safetensors, verified."""
        return self.files.verified(self._named(run, layout.WEIGHTS), run.sha256.get(layout.WEIGHTS))

    def checkpoint(self, run_id: str) -> tuple[Checkpoint | None, str]:
        """Return the newest undamaged checkpoint of an incomplete trial, or None.

        The second item is a message about damaged newer checkpoints, empty if there are none.
        """
        return checkpoints.newest(self.files, self.folder(run_id), run_id)

    def removed(self) -> list[Trial]:
        """Return the removed trials that had ended; damaged records are added to `damage`."""
        found = []
        for name in self.files.names(self.root / layout.REMOVED):
            with self.skipping_damage():
                found.append(self.files.read_as(self.root / layout.REMOVED / name, Trial))
        return found

    def comparisons(self) -> list[str]:
        """Return the names of all comparisons, oldest first."""
        return self.records_of(layout.COMPARISONS)

    def record_path(self, folder: str, name: str) -> Path:
        """Return the path of a record that belongs to no run, such as that of a comparison."""
        return self.root / folder / f"{name}.json"

    def records_of(self, folder: str) -> list[str]:
        """Return the names of all records in such a folder, such as the keys of step times."""
        names = self.files.names(self.root / folder)
        return [name.removesuffix(".json") for name in names if name.endswith(".json")]

    def comparison(self, name: str) -> dict[str, Any]:
        """Return the record of a comparison, as `Comparison.record` made it."""
        path = self.record_path(layout.COMPARISONS, name)
        return self.files.read_parsed(path, layout.comparison_record)

    def comparison_records(self) -> list[dict[str, Any]]:
        """Return all comparison records, oldest first; damaged ones are added to `damage`."""
        found = []
        for name in self.comparisons():
            with self.skipping_damage():
                found.append(self.comparison(name))
        return found

    def _built(self, run: Run, name: str, build: Callable[[dict[str, npt.NDArray[Any]]], T]) -> T:
        """Return the result of `build` for the arrays of a recorded file; Damaged if it fails."""
        arrays = self._arrays(run, name)
        try:
            return build(arrays)
        except (KeyError, ValueError) as error:
            raise self.files.damaged(self.folder(run.id) / name, str(error)) from error

    def _arrays(self, run: Run, name: str) -> dict[str, npt.NDArray[Any]]:
        path = self._named(run, name)
        arrays = self._parsed(path, self.files.verified(path, run.sha256.get(name)))
        arrays.pop(RUN, None)
        return arrays

    def _arrays_of(self, run_id: str, path: Path, data: bytes) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays of a file, checked to be of this run."""
        arrays = self._parsed(path, data)
        self._check_id(path, str(arrays.pop(RUN, "")), run_id)
        return arrays

    def _parsed(self, path: Path, data: bytes) -> dict[str, npt.NDArray[Any]]:
        from .npz import from_npz

        try:
            return from_npz(data)
        except ValueError as error:
            raise self.files.damaged(path, str(error)) from error

    def _beside(self, run_id: str, name: str, cls: type[T]) -> T:
        """Return a further record of a run, checked to be of this run."""
        path = self.folder(run_id) / name

        def build(record: Mapping[str, Any]) -> T:
            self._check_id(path, record.get("id"), run_id)
            return from_record(cls, record)

        return self.files.read_parsed(path, build)

    def _check_id(self, path: Path, found: object, run_id: str) -> None:
        if found != run_id:
            raise self.files.damaged(path, "it is the record of another run")

    def _named(self, run: Run, name: str) -> Path:
        """Return the path of a recorded file. Raises Damaged if runs have no file of this name."""
        if name not in layout.BINARIES and not layout.ANALYSIS_FILE.fullmatch(name):
            raise self.files.damaged(
                self.folder(run.id) / "run.json", f"it names the file {quote(name)}"
            )
        return self.folder(run.id) / name


def _files(root: Path) -> Files:
    """Return the file access for a folder or a pack. Raises UsageError if the pack is missing."""
    if not root.is_file():
        if root.suffix == PACK_SUFFIX and not root.exists():
            raise UsageError(
                f"there is no pack {quote(root)}", "`convcompare runs pack --out FILE` writes one"
            )
        return FOLDER
    from .pack import Pack

    return Pack(root)
