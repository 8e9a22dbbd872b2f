"""A pack without some of its arrays: same results from the rest, and omissions are reported."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convcompare.core.errors import Damaged, UsageError
from convcompare.store.check import examine
from convcompare.store.files import FOLDER
from convcompare.store.json_records import write_record
from convcompare.store.layout import CHANNEL_MEANS, CLASSES, LOGITS, OMISSION
from convcompare.store.omission import replacement
from convcompare.store.packing import pack
from convcompare.store.predictions import NO_CLASS, PredictedClasses, Predictions
from convcompare.store.reader import RunReader
from convcompare.store.run_store import RunStore
from tests.support.trials import ENVIRONMENT, finished, trial

Run = Callable[..., Any]
COMPARE = ("compare", "-d", "mnist-mini", "fcn:hidden=1", "fcn:hidden=2", "-e", "1", "--quiet")
SMALL = ("--seeds", "2", "--threads", "1", "--precision", "fp32")
WITHOUT = ("--without", "weights", "--without", "logits", "--first-seed", "features")


@pytest.fixture(scope="module")
def trained_store(trained_once: Callable[..., Path]) -> Path:
    return trained_once(*COMPARE, *SMALL)


@pytest.fixture
def small(store: Path, run: Run) -> Path:
    result = run("runs", "pack", *WITHOUT, "--out", "small")
    assert result.code == 0, result.err
    return Path("small")


def test_predicted_classes_by_hand() -> None:
    logits = np.array([[1, 3, 3], [-1, -2, -3], [0, 0, 9], [0, 5, 0]], np.float32)
    found = PredictedClasses.of(Predictions(logits, np.array([1, 2, 2, 1])))
    assert found.predicted.tolist() == [1, 0, 2, 1], "of equal logits the first counts"
    assert found.hits.tolist() == [True, False, True, True]
    assert found.confusion(3).tolist() == [[0, 0, 0], [0, 2, 0], [1, 0, 1]]
    arrays = found.to_arrays()
    assert arrays["given"].dtype == np.uint8
    again = PredictedClasses.from_arrays(arrays)
    assert again.predicted.tolist() == found.predicted.tolist() and again.classes == 3
    many = dataclasses.replace(found, classes=300)
    assert many.to_arrays()["labels"].dtype == np.uint16


def test_non_finite_logits_have_no_class() -> None:
    logits = np.array([[1, 3], [np.nan, 2], [np.inf, 2]], np.float32)
    predictions = Predictions(logits, np.array([1, 1, 0]))
    found = PredictedClasses.of(predictions)
    assert found.predicted.tolist() == [1, NO_CLASS, NO_CLASS]
    with pytest.raises(ValueError, match="finite"):
        _ = found.hits
    with pytest.raises(ValueError, match="finite"):
        found.confusion(2)
    assert replacement(predictions) is None


@pytest.mark.parametrize(
    "change",
    [
        {"given": np.array([0, 3])},
        {"given": np.array([0, -1])},
        {"labels": np.array([0])},
        {"given": np.zeros((1, 2))},
        {"given": np.array([]), "labels": np.array([])},
    ],
    ids=str,
)
def test_arrays_of_other_shapes_are_refused(change: dict[str, Any]) -> None:
    arrays = {"given": np.array([0, 1]), "labels": np.array([1, 1]), "classes": np.array(3)}
    with pytest.raises(ValueError, match="classes"):
        PredictedClasses.from_arrays(arrays | change)


def test_run_keeps_logits_that_classes_cannot_replace(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    store.begin(trial(), ENVIRONMENT)
    logits = np.array([[1, np.nan], [0, 1]], np.float32)
    run = store.finish(finished(trial()), b"w", Predictions(logits, np.array([0, 1])))
    pack(store, [run.id], tmp_path / "small", {LOGITS})
    again = RunReader(tmp_path / "small")
    assert again.omission(run.id) is None
    assert np.array_equal(again.predictions(run).logits, logits, equal_nan=True)


SAME = (
    ("runs", "latest", "--format", "json"),
    ("runs", "latest", "--verdict-on", "activation-spread", "--format", "json"),
    ("runs", "--format", "csv"),
    ("classes", "--format", "csv"),
    ("runs", "comparisons", "--format", "json"),
)


@pytest.mark.parametrize("command", SAME, ids=lambda c: " ".join(c[:2]))
def test_tables_are_unchanged(store: Path, small: Path, run: Run, command: tuple[str, ...]) -> None:
    of_folder, of_pack = (run(*command, "--store", str(one)) for one in (store, small))
    assert of_pack.code == of_folder.code == 0, of_pack.err
    assert of_pack.out == of_folder.out


def test_omitted_arrays_are_recorded(store: Path, small: Path, run: Run) -> None:
    there, here = RunReader(store), RunReader(small)
    for run_id in there.ids():
        old, new = there.run(run_id), here.run(run_id)
        first = old.trial.seed == 0
        gone = {"weights.safetensors", LOGITS} | (set() if first else {"analyses/features.npz"})
        assert set(old.sha256) - set(new.sha256) == gone
        assert set(new.sha256) - set(old.sha256) == {CLASSES} | (
            set() if first else {CHANNEL_MEANS}
        )
        assert here.recorded(run_id) == there.recorded(run_id), "the record is as it was"
        logits = there.predictions(old)
        classes = here.predicted_classes(new)
        assert classes.predicted.tolist() == logits.logits.argmax(1).tolist()
        assert classes.labels.tolist() == logits.labels.tolist()
        assert (here.analysis(new, "features") is not None) == first
        with pytest.raises(UsageError, match="were left out when it was packed"):
            here.predictions(new)
    assert run("runs", "check", "--store", str(small)).code == 0
    assert small.stat().st_size < sum(p.stat().st_size for p in store.rglob("*.npz"))
    one = there.ids()[0]
    for command in (("runs", "latest", "--columns", "log-loss"), ("disagreements",)):
        result = run(*command, "--store", str(small))
        assert (result.code, "left out when it was packed" in result.err) == (2, True)
    assert (
        "no final weights"
        in run("receptive-field", "--effective", "--run", one, "--store", str(small)).err
    )


def test_omission_survives_folders_packs_and_merges(small: Path, run: Run) -> None:
    assert run("runs", "unpack", "small", "folder").code == 0
    assert run("runs", "pack", "--store", "folder", "--out", "again").code == 0
    assert Path("again").read_bytes() == small.read_bytes()
    assert run("runs", "pack", *WITHOUT, "--store", "folder", "--out", "twice").code == 0
    assert Path("twice").read_bytes() == small.read_bytes(), "nothing is left to leave out"
    less = ("--without", "gradients", "--store", "small", "--out", "less")
    assert run("runs", "pack", *less).code == 0
    assert run("runs", "merge", "less", "--store", "merged").code == 0
    old, new = RunReader(small), RunReader(Path("merged"))
    for run_id in old.ids():
        gone = {*old.run(run_id).sha256} - {*new.run(run_id).sha256}
        assert gone == {"analyses/gradients.npz"}
        assert new.recorded(run_id) == old.recorded(run_id)
    assert examine(new).findings == ()
    assert run("runs", "latest", "--store", "merged").code == 0


def test_rerun_is_compared_by_classes(small: Path, run: Run) -> None:
    assert run("runs", "unpack", "small", "folder").code == 0
    one = RunReader(Path("folder")).ids()[0]
    again = ("runs", "verify", one, "--threads", "1", "--store", "folder", "--format", "json")
    result = run(*again)
    assert result.code == 0, result.out
    assert '"classes"' in result.out and '"logits"' not in result.out


def test_removed_run_leaves_no_files(small: Path, run: Run) -> None:
    assert run("runs", "unpack", "small", "folder").code == 0
    one = RunReader(Path("folder")).ids()[0]
    RunStore(Path("folder")).forget(one)
    left = {path.name for path in Path("folder", one).iterdir()}
    assert left == {"trial.json", "environment.json"}


def test_damaged_replacement_arrays_are_detected(small: Path, run: Run) -> None:
    assert run("runs", "unpack", "small", "folder").code == 0
    store = RunStore(Path("folder"))
    one, other, third, fourth = store.ids()
    (store.folder(one) / CLASSES).write_bytes(b"x")
    shutil.copy(store.folder(other) / OMISSION, store.folder(third) / OMISSION)
    path = store.folder(fourth) / OMISSION
    record = FOLDER.read_record(path)
    write_record(path, {**record, "sha256": {"../secret": "00"}})
    found = {finding.run_id: finding.error.message for finding in examine(store).findings}
    assert found.keys() == {one, third, fourth}
    assert "another run" in found[third] and "must not name" in found[fourth]
    with pytest.raises(Damaged):
        store.sound_outcome(one)
    path.unlink()
    assert "is missing" in {f.run_id: f.error.message for f in examine(store).findings}[fourth]


def test_unknown_parts_are_refused(store: Path, run: Run) -> None:
    result = run("runs", "pack", "--without", "logit")
    assert (result.code, "did you mean `logits`" in result.err) == (2, True)
    result = run("runs", "pack", "--first-seed", "../../x")
    assert (result.code, "features, gradients, logits" in result.err) == (2, True)
    assert not Path("runs.ccpack").exists()
