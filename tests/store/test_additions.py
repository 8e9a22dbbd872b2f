"""Measurements that are added to a run after it has ended."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from convcompare.core.errors import Damaged, StoreError
from convcompare.store.check import examine, repair
from convcompare.store.files import FOLDER
from convcompare.store.json_records import write_record
from convcompare.store.predictions import NO_CLASS
from convcompare.store.robustness_record import (
    ROBUSTNESS,
    DamagedPredictions,
    RobustnessRecord,
)
from convcompare.store.run_store import RunStore
from tests.support.stores import contents
from tests.support.trials import PREDICTIONS, finished, interrupted_trial, trial

ARRAYS = {"a": np.arange(5), "b": np.array(["x", "yy"])}


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    found = RunStore(tmp_path / "runs")
    interrupted_trial(found)
    found.finish(finished(trial()), b"weights", PREDICTIONS)
    return found


def files(store: RunStore) -> list[str]:
    return sorted(path.name for path in (store.folder(trial().id) / "additions").iterdir())


def test_addition_round_trips_without_changing_the_run(store: RunStore) -> None:
    folder = store.folder(trial().id)
    before = (folder / "run.json").read_bytes()
    assert store.addition(trial().id, ROBUSTNESS) is None and not store.additions(trial().id)
    store.save_addition(trial().id, ROBUSTNESS, ARRAYS)
    store.save_addition(trial().id, "similarity", {"c": np.zeros(2)})
    found = store.addition(trial().id, ROBUSTNESS)
    assert found is not None and found.keys() == ARRAYS.keys()
    assert all(np.array_equal(found[name], ARRAYS[name]) for name in ARRAYS)
    assert (folder / "run.json").read_bytes() == before
    store.tidy(trial().id)
    assert len(files(store)) == 2 and not examine(store).findings


def test_later_addition_replaces_the_earlier_one(store: RunStore) -> None:
    store.save_addition(trial().id, ROBUSTNESS, ARRAYS)
    store.save_addition(trial().id, ROBUSTNESS, ARRAYS)
    assert len(files(store)) == 1
    store.save_addition(trial().id, ROBUSTNESS, {"a": np.arange(3)})
    assert len(files(store)) == 1
    found = store.addition(trial().id, ROBUSTNESS)
    assert found is not None and found["a"].tolist() == [0, 1, 2]


def test_damaged_addition_is_quarantined_without_the_run(store: RunStore) -> None:
    store.save_addition(trial().id, ROBUSTNESS, ARRAYS)
    path = store.folder(trial().id) / "additions" / files(store)[0]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(Damaged, match=path.name):
        store.addition(trial().id, ROBUSTNESS)
    (finding,) = examine(store).findings
    assert len(repair(store, finding, "then")) == 2
    assert store.addition(trial().id, ROBUSTNESS) is None
    assert store.run(trial().id).status == "finished" and not examine(store).findings


@pytest.mark.parametrize("name", ["../../x.npz", "robustness.npz", "a.0123456789ab.npz/..", "/etc"])
def test_record_may_only_name_its_own_files(store: RunStore, name: str) -> None:
    path = store.folder(trial().id) / "additions.json"
    write_record(path, {"id": trial().id, "sha256": {name: "00"}})
    with pytest.raises(Damaged):
        store.additions(trial().id)


def test_addition_of_another_run_is_refused(store: RunStore) -> None:
    store.save_addition(trial().id, ROBUSTNESS, ARRAYS)
    path = store.folder(trial().id) / "additions.json"
    record = {
        name: one for name, one in FOLDER.read_record(path).items() if name != "schema_version"
    }
    write_record(path, {**record, "id": "0123456789ab"})
    with pytest.raises(StoreError, match="another run"):
        store.addition(trial().id, ROBUSTNESS)


def test_addition_is_removed_with_its_run(store: RunStore) -> None:
    store.save_addition(trial().id, ROBUSTNESS, ARRAYS)
    store.forget(trial().id)
    folder = store.folder(trial().id)
    assert not (folder / "additions.json").exists() and not (folder / "additions").exists()
    store.remove(trial().id)
    assert not folder.exists()


def test_addition_is_copied_to_another_store(store: RunStore, tmp_path: Path) -> None:
    store.save_addition(trial().id, ROBUSTNESS, ARRAYS)
    there = contents(store.root)
    other = RunStore(tmp_path / "other")
    interrupted_trial(other)
    other.adopt(store.recorded(trial().id), store.binary_files(store.recorded(trial().id)))
    other.adopt_additions(trial().id, store)
    assert other.additions(trial().id) == store.additions(trial().id)
    assert not examine(other).findings and contents(store.root) == there


def test_robustness_record_by_hand() -> None:
    labels = np.array([0, 1, 2, 1])
    undamaged = np.array([0, 1, 1, NO_CLASS], np.int32)
    noise = np.array([[0, 1, 1, 1], [0, 0, 2, NO_CLASS]], np.int32)
    pair = np.array([[0, 1, NO_CLASS, 2], [0, 2, NO_CLASS, 2]], np.int32)
    kind = DamagedPredictions("version 1", ("ab", "cd"), noise)
    record = RobustnessRecord(np.arange(4), labels, undamaged, pair, {"noise": kind})
    assert record.accuracy_undamaged == 0.5
    assert record.accuracy("noise").tolist() == [0.75, 0.5]
    assert record.consistency("noise").tolist() == [0.75, 0.25], "no answer agrees with none"
    assert record.pair_consistency == 0.5
    again = RobustnessRecord.from_arrays(record.to_arrays())
    assert again.damaged["noise"].images == ("ab", "cd")
    assert np.array_equal(again.damaged["noise"].predictions, noise)
    assert again.damaged["noise"].definition == "version 1"
