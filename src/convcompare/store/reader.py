"""What is in a store of runs, verified as it is read. Reading never writes.

A record that is damaged or of another run raises StoreError, and so do bytes that are not those
that a record names. Who shows many runs reads them within `noting`, and goes on without those that
are damaged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convcompare.core import memory
from convcompare.core.errors import StoreError, UsageError, quote

from . import checkpoints
from .annotation import Annotation
from .checkpoints import CHECKPOINT, Checkpoint
from .cost import Environment, Timing
from .files import FOLDER, Files, T
from .layout import (
    ADDED,
    ADDITIONS,
    ANALYSES,
    ANALYSIS_FILE,
    ANNOTATION,
    BINARIES,
    COMPARISONS,
    RECORDS,
    REMOVED,
    RUN_ID,
    STEP_TIMES,
    addition_record,
    comparison_record,
)
from .omission import CLASSES, LOGITS, OMISSION, WEIGHTS, Omission, those_kept
from .predictions import GivenClasses, Predictions
from .run import Epoch, Run, Trial

if TYPE_CHECKING:  # the list of the runs needs no arrays
    import numpy.typing as npt

HELD_OUT = "held-out"
"""The analysis with the logits of the training images that were held out, and their labels."""
PACK_SUFFIX = ".ccpack"
"""How the names of packs end: a store that trainings write is a folder, and has another name."""
RUN = "run"
"""The array that says of which run an analysis is."""


class RunReader:
    """The runs of one folder or of one pack, for who reads them: nothing here writes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files = _files(root)
        self.damage: list[StoreError] = []
        """What was found damaged by those who go on without it."""

    @property
    def place(self) -> str:
        """Where it is, for errors; that it does not exist is said, as of a misspelt `--store`."""
        return f"{quote(self.root)}{'' if self.root.exists() else ', which does not exist'}"

    def folder(self, run_id: str) -> Path:
        """The folder of a run."""
        return self.root / run_id

    def _at(self, run_id: str, *names: str) -> Path:
        """A file in the folder of a run."""
        return self.root.joinpath(run_id, *names)

    def ids(self) -> list[str]:
        """The ids of all trials that were begun here."""
        return [name for name in self.folders() if self.begun(name)]

    def folders(self) -> list[str]:
        """The names of all folders of runs, those included in which nothing was begun."""
        return [name for name in self.files.names(self.root) if RUN_ID.fullmatch(name)]

    def begun(self, run_id: str) -> bool:
        """Whether anything of a trial is there: a process may have died before it wrote a word."""
        return any(self.files.exists(self._at(run_id, name)) for name in (*RECORDS, CHECKPOINT))

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
        return self.files.exists(self._at(run_id, "run.json"))

    def recorded(self, run_id: str, name: str = "run.json") -> Run:
        """The record of how a trial ended as it was written then."""
        path = self._at(run_id, name)
        run = self.files.read_as(path, Run)
        self._check_id(path, run.id, run_id)
        return run

    def run(self, run_id: str) -> Run:
        """The record of a trial that has ended, with the times that were measured afterwards.

        It names the files that are there: those that a pack left out are not among them.
        """
        run = self.kept(run_id)
        timing = self._at(run_id, "timing.json")
        return replace(run, timing=self.timing(run_id)) if self.files.exists(timing) else run

    def kept(self, run_id: str) -> Run:
        """The record of how a trial ended, without the files that a pack left out."""
        run = self.recorded(run_id)
        return replace(run, sha256=those_kept(run.sha256, self.omission(run_id)))

    def omission(self, run_id: str) -> Omission | None:
        """What a pack left out of a run; None if nothing."""
        path = self._at(run_id, OMISSION)
        if not self.files.exists(path):
            return None
        omission = self.files.read_as(path, Omission)
        self._check_id(path, omission.id, run_id)
        if not omission.sha256.keys() <= {CLASSES}:
            raise self.files.damaged(path, "it names files that it must not name")
        return omission

    def timing(self, run_id: str) -> Timing:
        """What was measured of a run after it."""
        return self._beside(run_id, "timing.json", Timing)

    def step_time(self, key: str) -> Timing | None:
        """The time of a step that a budget was counted in; None where none was measured."""
        path = self.record_path(STEP_TIMES, key)
        return self.files.read_as(path, Timing) if self.files.exists(path) else None

    def environment(self, run_id: str) -> Environment:
        """Where a trial was begun last."""
        return self._beside(run_id, "environment.json", Environment)

    def annotation(self, run_id: str) -> Annotation:
        """The tags and the note of a run; empty where it has none."""
        path = self._at(run_id, ANNOTATION)
        if not self.files.exists(path):
            return Annotation()
        self._check_id(path, self.files.read_record(path).get("id"), run_id)
        return self.files.read_as(path, Annotation)

    def outcome(self, run_id: str) -> Run | None:
        """How a trial ended last: its record or that of its failure; None where it has not."""
        if self.finished(run_id):
            return self.run(run_id)
        if self.files.exists(self._at(run_id, "error.json")):
            return self.recorded(run_id, "error.json")
        return None

    def sound_outcome(self, run_id: str) -> Run | None:
        """The same, where everything that tables and figures read of it is what was written."""
        run = self.outcome(run_id)
        if run is not None:
            self.verify(run)
        return run

    def sound_outcomes(self, run_ids: Iterable[str]) -> dict[str, Run | None]:
        """The same of each of these runs, without those that are damaged, which are noted."""
        found: dict[str, Run | None] = {}
        with memory.without_collection():
            for run_id in run_ids:
                with self.noting():
                    found[run_id] = self.sound_outcome(run_id)
        return found

    @contextmanager
    def noting(self) -> Iterator[None]:
        """What is damaged is kept in `damage`, and does not keep one from the rest."""
        try:
            yield
        except StoreError as error:
            if error.message not in [known.message for known in self.damage]:
                self.damage.append(error)

    def verify(self, run: Run, weights: bool = False) -> None:
        """StoreError unless the files of a run are those that its record names."""
        for name, digest in run.sha256.items():
            if weights or name != WEIGHTS:
                self.files.verified(self._named(run, name), digest)

    def trial(self, run_id: str) -> Trial:
        """What a run was asked to be."""
        path = self._at(run_id, "trial.json")
        trial = self.files.read_as(path, Trial)
        self._check_id(path, trial.id, run_id)
        return trial

    def history(self, run_id: str) -> tuple[Epoch, ...]:
        """The epochs that a half-done trial has behind it, by the record of its newest state."""
        for state in checkpoints.states(self.files, self.folder(run_id), run_id):
            if isinstance(state, StoreError):
                raise state
            return state.history
        return ()

    def predictions(self, run: Run) -> Predictions:
        """The logits of the test split after the last epoch, and the labels beside them.

        Raises UsageError if a pack left them out, or the run was recorded without labels.
        """
        if CLASSES in run.sha256:
            raise UsageError(
                f"the logits of run {run.id} were left out when it was packed",
                "the store that was packed has them, and `convcompare compare … --fresh` makes "
                "them again",
            )
        arrays = self._arrays(run, LOGITS)
        if "labels" not in arrays:
            raise UsageError(
                f"run {run.id} was recorded without the labels of its test images",
                "`convcompare compare … --fresh` records them",
            )
        return Predictions(arrays["logits"], arrays["labels"].astype("int64"))

    def given_classes(self, run: Run) -> GivenClasses:
        """The class that was given to each image of the test split, and the right one.

        Raises UsageError if the run was recorded without labels.
        """
        if CLASSES not in run.sha256:
            return GivenClasses.of(self.predictions(run))
        try:
            return GivenClasses.from_arrays(self._arrays(run, CLASSES))
        except (KeyError, ValueError) as error:
            raise self.files.damaged(self._at(run.id, CLASSES), str(error)) from error

    def held_out(self, run: Run) -> Predictions | None:
        """The logits of the training images that were held out; None where none were kept."""
        arrays = self.analysis(run, HELD_OUT)
        if arrays is None:
            return None
        return Predictions(arrays["logits"], arrays["labels"].astype("int64"))

    def analysis(self, run: Run, name: str) -> dict[str, npt.NDArray[Any]] | None:
        """The arrays that an analysis left of a run; None where it was not made."""
        key = f"{ANALYSES}/{name}.npz"
        return self._arrays(run, key) if key in run.sha256 else None

    def additions(self, run_id: str) -> dict[str, str]:
        """What was measured of a run after it: the digest of each file by its name, as recorded.

        Empty if nothing was. Raises StoreError if the record is damaged or of another run.
        """
        path = self._at(run_id, ADDED)
        if not self.files.exists(path):
            return {}
        record = self.files.read_parsed(path, addition_record)
        self._check_id(path, record["id"], run_id)
        return dict(record["sha256"])

    def addition(self, run_id: str, name: str) -> dict[str, npt.NDArray[Any]] | None:
        """The arrays of a measurement that was made after the run; None if there are none.

        Raises StoreError if they are damaged or of another run.
        """
        for file, digest in self.additions(run_id).items():
            if file.partition(".")[0] == name:
                path = self._at(run_id, ADDITIONS, file)
                arrays = self._read(path, digest)
                self._check_id(path, str(arrays.pop(RUN, run_id)), run_id)
                return arrays
        return None

    def verify_additions(self, run_id: str) -> None:
        """StoreError unless what was measured after a run is what was written."""
        for file, digest in self.additions(run_id).items():
            self.files.verified(self._at(run_id, ADDITIONS, file), digest)

    def half_done_analysis(self, run_id: str, name: str) -> dict[str, npt.NDArray[Any]] | None:
        """The same of a run that has not ended, None where there is none.

        StoreError where it is damaged or of another run.
        """
        from .npz import from_npz

        path = self._at(run_id, ANALYSES, f"{name}.npz")
        if not self.files.exists(path):
            return None
        try:
            arrays = from_npz(self.files.content(path))
        except ValueError as error:
            raise self.files.damaged(path, str(error)) from error
        self._check_id(path, str(arrays.pop(RUN, run_id)), run_id)
        return arrays

    def weights(self, run: Run) -> bytes:
        """The final weights, as safetensors."""
        return self.files.verified(self._named(run, WEIGHTS), run.sha256.get(WEIGHTS))

    def checkpoint(self, run_id: str) -> tuple[Checkpoint | None, str]:
        """The newest whole state of a half-done trial; and, in words, what of it was damaged.

        Where the newest is damaged it is the one before.
        """
        return checkpoints.newest(self.files, self.folder(run_id), run_id)

    def removed(self) -> list[Trial]:
        """The trials that had ended here and were removed; a damaged record is noted."""
        found = []
        for name in self.files.names(self.root / REMOVED):
            with self.noting():
                found.append(self.files.read_as(self.root / REMOVED / name, Trial))
        return found

    def comparisons(self) -> list[str]:
        """The names of all comparisons, oldest first."""
        return self._records_of(COMPARISONS)

    def step_times(self) -> list[str]:
        """The keys of all times of steps that are kept."""
        return self._records_of(STEP_TIMES)

    def record_path(self, folder: str, name: str) -> Path:
        """The file of a record that is not of a run, as of a comparison."""
        return self.root / folder / f"{name}.json"

    def _records_of(self, folder: str) -> list[str]:
        names = self.files.names(self.root / folder)
        return [name.removesuffix(".json") for name in names if name.endswith(".json")]

    def comparison(self, name: str) -> dict[str, Any]:
        """What was compared, by which command, as `Comparison.record` gives it."""
        return self.files.read_parsed(self.record_path(COMPARISONS, name), comparison_record)

    def comparison_records(self) -> list[dict[str, Any]]:
        """The records of all comparisons, oldest first; a damaged one is noted in `damage`."""
        found = []
        for name in self.comparisons():
            with self.noting():
                found.append(self.comparison(name))
        return found

    # Parts

    def _arrays(self, run: Run, name: str) -> dict[str, npt.NDArray[Any]]:
        arrays = self._read(self._named(run, name), run.sha256.get(name))
        arrays.pop(RUN, None)
        return arrays

    def _read(self, path: Path, digest: str | None) -> dict[str, npt.NDArray[Any]]:
        from .npz import from_npz

        data = self.files.verified(path, digest)
        try:
            return from_npz(data)
        except ValueError as error:
            raise self.files.damaged(path, str(error)) from error

    def _beside(self, run_id: str, name: str, cls: type[T]) -> T:
        """A record beside that of a run, which names the run; older ones do not."""
        path = self._at(run_id, name)
        self._check_id(path, self.files.read_record(path).get("id", run_id), run_id)
        return self.files.read_as(path, cls)

    def _check_id(self, path: Path, found: object, run_id: str) -> None:
        if found != run_id:
            raise self.files.damaged(path, "it is the record of another run")

    def _named(self, run: Run, name: str) -> Path:
        """A file that a record names, which must be one of those that runs have."""
        if name not in BINARIES and not ANALYSIS_FILE.fullmatch(name):
            raise self.files.damaged(
                self._at(run.id, "run.json"), f"it names the file {quote(name)}"
            )
        return self._at(run.id, name)


def _files(root: Path) -> Files:
    """Those of the folder of a store, or of its pack; UsageError for a pack that is not there."""
    if not root.is_file():
        if root.suffix == PACK_SUFFIX and not root.exists():
            raise UsageError(
                f"there is no pack {quote(root)}", "`convcompare runs pack --out FILE` writes one"
            )
        return FOLDER
    from .pack import Pack

    return Pack(root)
