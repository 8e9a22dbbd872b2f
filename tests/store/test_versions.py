"""A recorded store of version 1, and records of later versions: read or refused, not rewritten."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from convcompare.store.files import FOLDER
from convcompare.store.json_records import write_record
from convcompare.store.run_store import RunStore
from tests.support.stores import DIVERGED, FINISHED, INTERRUPTED, V1, contents

Run = Callable[..., Any]
READERS = (
    ("runs",),
    ("runs", "latest"),
    ("runs", FINISHED),
    ("runs", INTERRUPTED),
    ("classes", FINISHED),
    ("plot", "learning-curves", FINISHED, "--format", "json"),
    ("report", "--out", "told"),
)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    shutil.copytree(V1, tmp_path / "runs")
    return tmp_path / "runs"


def test_store_of_version_1_opens(old: Path) -> None:
    store = RunStore(old)
    assert set(store.ids()) == {FINISHED, INTERRUPTED, DIVERGED}
    run = store.run(FINISHED)
    store.verify(run, weights=True)
    assert store.predictions(run).logits.shape == (2000, 10)
    assert store.run(DIVERGED).status == "diverged"
    checkpoint, damage = store.checkpoint(INTERRUPTED)
    assert checkpoint is not None
    assert (len(checkpoint.history), damage) == (2, "")
    assert len(store.history(INTERRUPTED)) == 2
    assert store.incomplete_analysis(INTERRUPTED, "gradients")


def test_interrupted_run_of_version_1_resumes(old: Path, run: Run) -> None:
    trial = RunStore(old).trial(INTERRUPTED)
    command = ("train", trial.label, "-d", trial.dataset, "-e", "3", "--threads", "1")
    result = run(*command, "--precision", trial.config.precision)
    assert (result.code, "resumes after epoch 2" in result.err) == (0, True)
    assert not (old / INTERRUPTED / "checkpoint").exists()


@pytest.mark.parametrize("command", READERS, ids=lambda c: " ".join(c[:2]))
def test_readers_write_nothing(old: Path, run: Run, command: tuple[str, ...]) -> None:
    before = contents(old)
    result = run(*command)
    assert result.code in (0, 1), result.err
    assert contents(old) == before


def test_every_record_has_a_version_and_newer_ones_are_refused(run: Run, tmp_path: Path) -> None:
    command = ("compare", "-d", "mnist-mini", "fcn:hidden=1", "fcn:hidden=2", "-e", "1", "--quiet")
    for part in (("--shard", "1/2"), ("--shard", "2/2"), ()):  # the last one times all runs
        assert run(*command, "--threads", "1", *part).code == 0
    records = sorted((tmp_path / "runs").rglob("*.json"))
    names = {path.name for path in records if path.parent.name != "comparisons"}
    assert names == {"trial.json", "environment.json", "run.json", "timing.json"}
    assert all(json.loads(path.read_text())["schema_version"] == 1 for path in records)
    for name in ("run.json", "timing.json"):
        path = next((tmp_path / "runs").glob(f"*/{name}"))
        record = FOLDER.read_record(path)
        write_record(path, {**record, "schema_version": 2})
        result = run("runs")
        assert result.code == 4
        assert f"{name}` was written by a newer convcompare" in result.err
        assert "hint: upgrade convcompare to read it" in result.err
        assert result.out.count("fcn:hidden=") == 1, "the other run is listed"
        write_record(path, record)
