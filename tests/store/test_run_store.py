from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from convcompare.core import process
from convcompare.core.config import TrainConfig
from convcompare.core.errors import StoreError
from convcompare.store import atomic_files
from convcompare.store.files import FOLDER
from convcompare.store.json_fields import from_record, to_record
from convcompare.store.json_records import write_record
from convcompare.store.npz import from_npz, to_npz
from convcompare.store.run import Run, Trial
from convcompare.store.run_store import RunStore
from tests.support.trials import (
    ENVIRONMENT,
    LOGITS,
    PREDICTIONS,
    epoch,
    finished,
    interrupted_trial,
    trial,
)


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


def test_records_round_trip_through_json() -> None:
    run = finished(trial())
    assert from_record(Run, json.loads(json.dumps(run.to_json()))) == run


def test_unknown_fields_of_newer_versions_are_ignored() -> None:
    record = finished(trial()).to_json()
    record["cost"]["joules"] = 3
    record["trial"]["config"]["ema"] = 0.9
    assert from_record(Run, record) == finished(trial())


def test_id_depends_on_every_option_and_not_on_the_label() -> None:
    base = trial()
    others = [
        trial(seed=1),
        Trial("fcn:hidden=9", "tiny", "ab" * 32, 0, TrainConfig()),
        Trial("fcn:hidden=8", "tiny", "cd" * 32, 0, TrainConfig()),
        Trial("fcn:hidden=8", "tiny", "ab" * 32, 0, TrainConfig(), code="12"),
        Trial("fcn:hidden=8", "tiny", "ab" * 32, 0, TrainConfig(precision="bf16")),
    ]
    assert len({base.id, *(other.id for other in others)}) == 6
    assert Trial("fcn:hidden=8", "tiny", "ab" * 32, 0, TrainConfig(), label="x").id == base.id


def test_first_numerics_version_keeps_ids_and_bytes() -> None:
    base = trial()
    assert base.id == "c4a9793a70a9"
    names = ["model", "dataset", "data", "seed", "config", "code", "label"]
    assert list(to_record(base)) == names
    raised = dataclasses.replace(base, numerics=2)
    assert to_record(raised) == {**to_record(base), "numerics": 2}
    assert raised.id != base.id
    for one in (base, raised):
        assert from_record(Trial, to_record(one)) == one


def test_finished_run_round_trips(store: RunStore) -> None:
    interrupted_trial(store)
    run = store.finish(finished(trial()), b"weights", PREDICTIONS)
    assert store.run(run.id) == run
    assert store.outcome(run.id) == run
    assert store.weights(run) == b"weights"
    assert np.array_equal(store.predictions(run).logits, LOGITS)
    assert not (store.folder(run.id) / "checkpoint").exists()
    assert store.ids() == [run.id]


def test_interrupted_run_resumes_after_its_last_epoch(store: RunStore) -> None:
    interrupted_trial(store)
    checkpoint, damage = store.checkpoint(trial().id)
    assert checkpoint is not None
    assert checkpoint.data == b"state 3"
    assert checkpoint.history == (epoch(1), epoch(2), epoch(3)) == store.history(trial().id)
    assert damage == ""


@pytest.mark.parametrize("damage", [b"", b"state", b"State 3", None])
def test_damaged_checkpoint_falls_back_to_the_previous_one(
    store: RunStore, damage: bytes | None
) -> None:
    interrupted_trial(store)
    newest = store.folder(trial().id) / "checkpoint" / "0003.safetensors"
    if damage is None:
        newest.unlink()
    else:
        newest.write_bytes(damage)
    checkpoint, warning = store.checkpoint(trial().id)
    assert checkpoint is not None
    assert (checkpoint.data, len(checkpoint.history)) == (b"state 2", 2)
    assert "0003.safetensors` is damaged" in warning
    assert warning.endswith("run continues after epoch 2")


def test_damaged_checkpoint_record_falls_back_and_two_restart_the_run(store: RunStore) -> None:
    interrupted_trial(store)
    states = store.folder(trial().id) / "checkpoint"
    newest = states / "0003.json"
    newest.write_bytes(newest.read_bytes().replace(b'"epoch": 3', b'"epoch": 4', 1))
    checkpoint, warning = store.checkpoint(trial().id)
    assert checkpoint is not None
    assert (checkpoint.data, warning.count("is damaged")) == (b"state 2", 1)
    (states / "0002.json").unlink()
    (states / "0002.json").mkdir()
    checkpoint, warning = store.checkpoint(trial().id)
    assert checkpoint is None
    assert "it is a folder: run starts over" in warning


def test_checkpoint_of_another_run_is_not_resumed(store: RunStore) -> None:
    interrupted_trial(store)
    other = trial(1)
    store.begin(other, ENVIRONMENT)
    store.save_epoch(other, [epoch(1), epoch(2), epoch(3)], b"other state 3")
    for name in ("0003.json", "0003.safetensors"):
        theirs = store.folder(other.id) / "checkpoint" / name
        (store.folder(trial().id) / "checkpoint" / name).write_bytes(theirs.read_bytes())
    checkpoint, warning = store.checkpoint(trial().id)
    assert checkpoint is not None
    assert (checkpoint.data, "it is of another run" in warning) == (b"state 2", True)


@pytest.mark.parametrize("value", ["../../x", 3, None, [], {"a": 1}])
@pytest.mark.parametrize("place", ["trial", "status", "history", "sha256", "ended", "cost"])
def test_record_that_is_no_run_is_refused_despite_its_checksum(
    store: RunStore, place: str, value: object
) -> None:
    interrupted_trial(store)
    run = store.finish(finished(trial()), b"weights", PREDICTIONS)
    record = {**run.to_json(), place: value}
    if place == "sha256" and value == {"a": 1}:
        record[place] = {"../../x": "00"}
    write_record(store.folder(run.id) / "run.json", record)
    try:
        store.sound_outcome(run.id)
    except StoreError as error:
        assert "run.json` is damaged" in error.message
    else:
        assert (place, value) in (("history", []), ("sha256", []), ("ended", "../../x"))


def test_every_flipped_byte_of_a_record_is_detected(store: RunStore) -> None:
    path = store.root / "record.json"
    atomic_files.make_folder(store.root)
    write_record(path, {"a": 1, "b": [1.5, "text"]})
    whole = path.read_bytes().rstrip()
    for place in range(len(whole)):
        if whole[place : place + 1].isspace():
            continue
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(StoreError):
            FOLDER.read_record(path)
    path.write_bytes(whole)
    assert FOLDER.read_record(path) == {"schema_version": 1, "a": 1, "b": [1.5, "text"]}


@pytest.mark.parametrize("name", ["weights.safetensors", "test_logits.npz"])
def test_swapped_or_truncated_files_are_detected(store: RunStore, name: str) -> None:
    interrupted_trial(store)
    run = store.finish(finished(trial()), b"weights", PREDICTIONS)
    path = store.folder(run.id) / name
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(StoreError, match="damaged"):
        _ = store.weights(run), store.predictions(run)


def test_names_of_arrays_are_no_arguments_of_numpy() -> None:
    arrays = {name: np.arange(3) for name in ("file", "allow_pickle", "arr_0")}
    assert list(from_npz(to_npz(arrays))) == list(arrays)
    with pytest.raises(ValueError, match="allow_pickle"):
        to_npz({"objects": np.array([{}])})


def test_record_of_another_run_is_detected(store: RunStore) -> None:
    for seed in (0, 1):
        store.begin(trial(seed), ENVIRONMENT)
        store.finish(finished(trial(seed)), None, None)
    other = store.folder(trial(1).id) / "run.json"
    other.write_bytes((store.folder(trial(0).id) / "run.json").read_bytes())
    with pytest.raises(StoreError, match="another run"):
        store.run(trial(1).id)


def test_newer_store_requires_an_upgrade(store: RunStore) -> None:
    atomic_files.make_folder(store.root)
    write_record(store.root / "record.json", {"schema_version": 99})
    with pytest.raises(StoreError) as caught:
        FOLDER.read_record(store.root / "record.json")
    assert "upgrade" in (caught.value.hint or "")


def test_leftovers_of_a_killed_write_are_collected(store: RunStore) -> None:
    interrupted_trial(store)
    left = store.folder(trial().id) / "checkpoint" / f".tmp-{process.host()}-1-999999999-00"
    left.write_bytes(b"half")
    store.begin(trial(), ENVIRONMENT)
    assert not left.exists()


def test_forgotten_run_starts_over(store: RunStore) -> None:
    interrupted_trial(store)
    store.finish(finished(trial()), b"weights", PREDICTIONS)
    store.forget(trial().id)
    assert not store.finished(trial().id)
    assert store.checkpoint(trial().id) == (None, "")
