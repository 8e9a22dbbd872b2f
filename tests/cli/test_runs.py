"""``runs verify``, ``check`` and ``rm``: runs of a store reproduced, checked and removed."""

from __future__ import annotations

import csv
import dataclasses
import io
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from convcompare.core.config import TrainConfig
from convcompare.store import atomic_files
from convcompare.store.files import FOLDER
from convcompare.store.json_records import write_record
from convcompare.store.lease import claim
from convcompare.store.run_store import RunStore
from tests.support.damage import DAMAGES, flip
from tests.support.stores import DIVERGED, FINISHED, INTERRUPTED, V1, contents
from tests.support.trials import ENVIRONMENT, PREDICTIONS, epoch, finished, trial

Run = Callable[..., Any]
COMPARE = ("compare", "-d", "shapes:train=96,test=48", "cnn:depth=2,hidden=8", "fcn:hidden=8")
REST = ("-e", "2", "-b", "32", "--threads", "1", "--quiet")


@pytest.fixture(scope="module")
def trained_store(trained_once: Callable[..., Path]) -> Path:
    return trained_once(*COMPARE, *REST)


def id_of(store: Path, label: str) -> str:
    opened = RunStore(store)
    return next(run_id for run_id in opened.ids() if opened.trial(run_id).label == label)


def test_listed_accuracy_is_that_of_the_selected_epoch(tmp_path: Path, run: Run) -> None:
    opened = RunStore(tmp_path / "runs")
    config = TrainConfig().replace({"select": "best", "val_fraction": "0.1"})
    which = dataclasses.replace(trial(), config=config)
    epochs = [
        dataclasses.replace(epoch(number), val_accuracy=val, test_accuracy=test)
        for number, val, test in ((1, 0.7, 0.6), (2, 0.9, 0.8), (3, 0.5, 0.4))
    ]
    opened.begin(which, ENVIRONMENT)
    opened.finish(
        dataclasses.replace(finished(which), history=tuple(epochs)), b"weights", PREDICTIONS
    )
    (row,) = run("runs", "--format", "json").json()["runs"]
    assert row["test_accuracy"] == 0.8
    assert (row["epochs"], row["epochs_planned"]) == (3, config.epochs)


def test_a_run_is_shown_by_its_epochs(store: Path, run: Run) -> None:
    which = id_of(store, "fcn:hidden=8")
    record = run("runs", which, "-f", "json").json()
    rows = list(csv.DictReader(run("runs", which, "-f", "csv").out.splitlines()))
    assert [int(row["epoch"]) for row in rows] == [1, 2]
    for row, kept in zip(rows, record["history"], strict=True):
        assert float(row["train_loss"]) == kept["train_loss"]
        assert float(row["test_accuracy"]) == kept["test_accuracy"]
    assert run("runs", "tag", "good", which).code == 0
    shown = run("runs", which[:6]).out
    assert f"{record['history'][1]['test_loss']:.4f}" in shown
    assert f"run {which}: fcn:hidden=8 (fcn:hidden=8,dropout=0.0), seed 0" in shown
    assert "tags: good" in shown and "held-out" not in shown
    (store / which / "run.json").unlink()
    assert "· incomplete" in run("runs", which).out


# verify


def test_run_is_reproduced_bit_for_bit(store: Path, run: Run) -> None:
    before = contents(store)
    result = run("runs", "verify", id_of(store, "cnn:depth=2,hidden=8")[:6], "--quiet")
    assert result.code == 0
    assert "trained again: bit-identical" in result.out
    assert "the environment is the same" in result.out
    assert contents(store) == before, "the store is only read"


def test_differences_are_reported_with_the_environment(store: Path, run: Run) -> None:
    """The run as of another machine: other logits, other weights, another torch version."""
    import numpy as np

    from convcompare.store.json_records import sha256
    from convcompare.store.npz import from_npz, to_npz

    run_id = id_of(store, "fcn:hidden=8")
    opened = RunStore(store)
    found = opened.run(run_id)
    logits = dict(from_npz((store / run_id / "test_logits.npz").read_bytes()))
    logits["logits"] = logits["logits"] + np.float32(0.5)
    data = to_npz(logits)
    atomic_files.write(store / run_id / "test_logits.npz", data)
    last = dataclasses.replace(found.history[-1], test_loss=found.history[-1].test_loss + 0.25)
    made = dataclasses.replace(
        found,
        history=(*found.history[:-1], last),
        environment=dataclasses.replace(found.environment, torch="2.9.0", jobs=2),
        sha256={**found.sha256, "test_logits.npz": sha256(data)},
    )
    write_record(store / run_id / "run.json", made.to_json())
    result = run("runs", "verify", run_id, "--quiet", "--format", "json")
    assert result.code == 1
    told = result.json()
    parts = {part["part"]: part for part in told["parts"]}
    assert {name for name, part in parts.items() if part["equal"]} == {"end", "weights"}
    assert parts["metrics"]["detail"] == "from epoch 2 on: test_loss by up to 0.25"
    assert parts["logits"]["detail"] == "by up to 0.5; 0 of 48 images classified differently"
    differs = {one["name"]: (one["then"], one["now"]) for one in told["environment"]}
    assert differs["torch"][0] == "2.9.0"
    assert differs["jobs"] == (2, 1)


def test_a_run_that_diverged_diverges_again(run: Run, tmp_path: Path) -> None:
    command = ("train", "fcn:hidden=8", "-d", "shapes:train=96,test=48", "-b", "32", "-e", "2")
    assert run(*command, "--optimizer", "sgd", "--lr", "1e25", "--threads", "1").code == 1
    (run_id,) = RunStore(tmp_path / "runs").ids()
    assert run("runs", "verify", run_id).code == 0


def test_what_cannot_be_verified_is_refused(run: Run, tmp_path: Path) -> None:
    shutil.copytree(V1, tmp_path / "runs")
    result = run("runs", "verify", INTERRUPTED)
    assert (result.code, "has not ended" in result.err) == (2, True)
    flip(tmp_path / "runs" / FINISHED / "weights.safetensors", tmp_path)
    result = run("runs", "verify", FINISHED)
    assert (result.code, "weights.safetensors` is damaged" in result.err) == (4, True)


# check


def test_a_store_of_any_version_is_sound(store: Path, run: Run, tmp_path: Path) -> None:
    before = contents(store)
    result = run("runs", "check")
    assert (result.code, result.err) == (0, "")
    assert result.out.strip() == "2 runs, 1 comparison: no damage found"
    assert contents(store) == before
    shutil.copytree(V1, tmp_path / "old")
    assert run("runs", "check", "--store", "old").code == 0


FILES = (
    *("trial.json", "run.json", "environment.json", "weights.safetensors", "test_logits.npz"),
    *("analyses/gradients.npz", "analyses/features.npz", "analyses/receptive-field.npz"),
)


@pytest.mark.parametrize(("name", "number"), [(name, n) for n, name in enumerate(FILES)])
def test_every_damaged_file_of_a_run_is_found_and_quarantined(
    store: Path, run: Run, name: str, number: int
) -> None:
    hurt, sound = (store / id_of(store, label) for label in COMPARE[3:])
    DAMAGES[number % len(DAMAGES)](hurt / name, sound / name)
    kept = sorted(str(p.relative_to(store)) for p in hurt.rglob("*"))
    result = run("runs", "check")
    assert result.code == 4
    assert f"{hurt.name}/{name}` is damaged" in result.err
    result = run("runs", "check", "--repair", "--format", "json")
    assert result.code == 0, result.err
    assert run("runs", "check").code == 0
    place = Path(result.json()["damaged"][0]["quarantined"][0])
    if name == "environment.json":
        assert (place.name, hurt.exists()) == (name, True), "the run is whole without it"
    else:
        moved = sorted(f"{hurt.name}/{p.relative_to(place)}" for p in place.rglob("*"))
        assert (moved, hurt.exists()) == (kept, False), "the run as it was, and nothing else"


def test_same_command_replaces_quarantined_runs(store: Path, run: Run) -> None:
    path = store / id_of(store, "fcn:hidden=8") / "weights.safetensors"
    original = path.read_bytes()
    flip(path, path)
    assert run("runs", "check", "--repair").code == 0
    assert run(*COMPARE, *REST).code == 0
    assert path.read_bytes() == original
    assert run("runs", "check").code == 0


@pytest.mark.parametrize("name", ["0002.json", "0002.safetensors", "trial.json"])
def test_interrupted_run_resumes_after_repair(run: Run, tmp_path: Path, name: str) -> None:
    shutil.copytree(V1, tmp_path / "runs")
    (path,) = (tmp_path / "runs" / INTERRUPTED).rglob(name)
    trial = RunStore(tmp_path / "runs").trial(INTERRUPTED)
    flip(path, path)
    assert run("runs", "check").code == 4
    assert run("runs", "check", "--repair").code == 0
    assert run("runs", "check").code == 0
    command = ("train", trial.label, "-d", trial.dataset, "-e", "3", "--threads", "1", "--quiet")
    assert run(*command, "--precision", trial.config.precision).code == 0


def test_damaged_comparison_is_quarantined(store: Path, run: Run) -> None:
    (path,) = (store / "comparisons").iterdir()
    flip(path, path)
    assert run("runs", "check", "--repair").code == 0
    assert not path.exists()
    assert len(list(store.glob("quarantine/*/comparisons/*.json"))) == 1


def test_a_newer_record_and_a_run_that_is_written_are_left_alone(store: Path, run: Run) -> None:
    newer, written = (store / id_of(store, label) for label in COMPARE[3:])
    record = FOLDER.read_record(newer / "run.json")
    write_record(newer / "run.json", {**record, "schema_version": 2})
    flip(written / "weights.safetensors", written)
    lease = claim(written)
    assert lease
    with lease:
        result = run("runs", "check", "--repair")
    assert result.code == 4
    assert "was written by a newer convcompare" in result.err
    assert f"run {written.name} is being written by process" in result.err
    assert not (store / "quarantine").exists()
    assert run("runs", "check", "--repair").code == 4
    assert newer.exists() and not written.exists()


def test_missing_store_fails_the_check(run: Run) -> None:
    result = run("runs", "check", "--store", "nowhere")
    assert (result.code, "no runs in `nowhere`, which does not exist" in result.err) == (2, True)


@pytest.mark.parametrize(
    ("name", "error", "hint"),
    [
        ("fcn:hidden=8", "`fcn:hidden=8` is a network", "`convcompare runs --model fcn:hidden=8`"),
        ("lates", "no run begins with `lates`", "did you mean `latest`?"),
        ("zzz", "no run begins with `zzz`", "`convcompare runs --store runs` lists them"),
    ],
)
def test_a_name_of_no_run_is_answered(
    store: Path, run: Run, name: str, error: str, hint: str
) -> None:
    for more in ((), ("--format", "json")):
        result = run("runs", name, *more)
        assert (result.code, result.out) == (2, "")
        assert error in result.err and hint in result.err


def test_a_misspelt_network_is_not_removed(store: Path, run: Run) -> None:
    result = run("runs", "rm", "fcn:hiden=8", "--yes")
    assert (result.code, "did you mean `fcn:hidden=8`?" in result.err) == (2, True)


@pytest.mark.parametrize("command", ["runs", "runs latest", "report", "plot loss", "classes"])
def test_misspelt_store_is_reported_as_missing(run: Run, command: str) -> None:
    result = run(*command.split(), "--store", "nowhere")
    assert (result.code, "in `nowhere`, which does not exist" in result.err) == (2, True)


# rm


def test_removed_run_is_reported_by_its_comparison(store: Path, run: Run) -> None:
    gone, left = (id_of(store, label) for label in COMPARE[3:])
    assert run("runs", "rm", gone).code == 2, "nobody is there to answer"
    assert (store / gone).exists()
    result = run("runs", "rm", gone[:7], "--yes")
    assert (result.code, result.out.strip()) == (0, f"removed {gone}")
    assert not (store / gone).exists()
    latest = run("runs", "latest")
    assert latest.code == 0
    assert left == run("runs", "--format", "json").json()["runs"][0]["id"]
    assert (
        f"run {gone} of {COMPARE[3]} is not in the store: removed, or not started yet" in latest.err
    )
    assert run("plot", "learning-curves").code == 0
    assert run(*COMPARE, *REST).code == 0, "the same command trains it"
    assert (store / gone / "run.json").exists()


@pytest.mark.torture
def test_what_is_left_has_a_report(store: Path, run: Run) -> None:
    assert run("runs", "rm", id_of(store, COMPARE[3]), "--yes").code == 0
    assert run("report").code == 0


@pytest.mark.parametrize(("answer", "removed"), [("y\n", True), ("n\n", False), ("", False)])
def test_it_asks_on_a_terminal(
    store: Path, run: Run, monkeypatch: pytest.MonkeyPatch, answer: str, removed: bool
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal(answer))
    run_id = id_of(store, "fcn:hidden=8")
    result = run("runs", "rm", run_id)
    assert (result.code, "error" in result.err) == (0, False), "an answer is no error"
    assert f"{run_id}  `fcn:hidden=8` on `shapes:train=96,test=48`, seed 0, ended" in result.err
    assert ("nothing was removed" in result.err) != removed != (store / run_id).exists()


def test_a_run_that_is_being_written_is_not_removed(store: Path, run: Run) -> None:
    run_id = id_of(store, "fcn:hidden=8")
    lease = claim(store / run_id)
    assert lease
    with lease:
        result = run("runs", "rm", run_id, "--yes")
    assert (result.code, "is being written by process" in result.err) == (4, True)
    assert RunStore(store).finished(run_id)


def test_a_damaged_run_can_be_removed(run: Run, tmp_path: Path) -> None:
    shutil.copytree(V1, tmp_path / "runs")
    path = tmp_path / "runs" / DIVERGED / "trial.json"
    flip(path, path)
    assert run("runs", "rm", DIVERGED, "--yes").code == 0
    assert run("runs", "check").code == 0


def test_earlier_forms_of_the_command_work(store: Path, run: Run) -> None:
    run_id = id_of(store, "fcn:hidden=8")
    assert run("runs", run_id, "--store", "runs", "--format", "json").json()["id"] == run_id
    assert run("runs", "--store", "runs", "latest", "--format", "json").code == 0
    result = run("runs", run_id, "check")
    assert (result.code, "too many arguments: `check`" in result.err) == (2, True)


# options of the list, of a comparison and of neither


def test_option_without_effect_is_refused(store: Path, run: Run) -> None:
    one = id_of(store, "fcn:hidden=8")
    for name, option, about in [
        (None, ("--sort", "parameters"), "a comparison"),
        (None, ("--all-pairs",), "a comparison"),
        ("latest", ("--model", "fcn:hidden=8"), "the list of runs"),
        ("latest", ("--status", "finished"), "the list of runs"),
        (one, ("--columns", "macs"), "several runs"),
        (one, ("--tag", "x"), "several runs"),
    ]:
        result = run("runs", *filter(None, [name]), *option)
        assert result.code == 2 and f"`{option[0]}` is for {about}" in result.err
    assert run("runs", "--model", "fcn*").code == run("runs", "latest", "--sort", "time").code == 0
