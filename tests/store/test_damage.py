"""Damage to one file of one run: detected, reported in one line, and other runs are shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from convcompare.store.check import examine
from convcompare.store.files import FOLDER
from convcompare.store.json_records import sha256, write_record
from convcompare.store.layout import LOGITS
from convcompare.store.npz import from_npz, to_npz
from convcompare.store.reader import RunReader
from tests.support.damage import DAMAGES, cut

Run = Callable[..., Any]
COMPARE = ("compare", "-d", "mnist-mini", "fcn:hidden=1", "fcn:hidden=2", "-e", "1", "--quiet")
ONE_THREAD = ("--threads", "1", "--precision", "fp32")


@pytest.fixture(scope="module")
def trained_store(trained_once: Callable[..., Path]) -> Path:
    return trained_once(*COMPARE, *ONE_THREAD)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["run.json", "test_logits.npz", "analyses/features.npz"])
def test_table_shows_the_undamaged_runs(
    store: Path, run: Run, name: str, damage: Callable[[Path, Path], None]
) -> None:
    hurt, sound = sorted(path for path in store.iterdir() if path.name != "comparisons")
    damage(hurt / name, sound / name)
    result = run("runs", "latest")
    assert result.code == 4
    assert result.out.count("fcn:hidden=") == 1
    (line,) = [line for line in result.err.splitlines() if line.startswith("error")]
    assert f"{hurt.name}/{name}` is damaged" in line
    assert "runs check --repair" in result.err


@pytest.mark.torture
@pytest.mark.parametrize("name", ["run.json", "test_logits.npz", "analyses/features.npz"])
def test_report_has_the_undamaged_runs(store: Path, run: Run, name: str) -> None:
    hurt, sound = sorted(path for path in store.iterdir() if path.name != "comparisons")
    cut(hurt / name, sound / name)
    assert run("report").code == 4


@pytest.mark.parametrize("damage", DAMAGES[:3])
def test_damaged_comparison_is_skipped_and_reported(
    store: Path, run: Run, damage: Callable[[Path, Path], None]
) -> None:
    assert run(*COMPARE[:4], "-e", "1", "--quiet", *ONE_THREAD).code == 0
    newest = max((store / "comparisons").iterdir())
    damage(newest, newest)
    result = run("runs", "latest", "--format", "json")
    assert (result.code, len(result.json()["models"])) == (4, 2)
    assert f"{newest.name}` is damaged" in result.err


def test_path_outside_the_run_is_refused(store: Path, run: Run) -> None:
    path = next(store.glob("*/run.json"))
    record = FOLDER.read_record(path)
    write_record(path, {**record, "sha256": {**record["sha256"], "../../../secret": "00"}})
    result = run("runs", "latest")
    assert result.code == 4
    assert "it names the file `../../../secret`" in result.err


def test_deeply_nested_or_endless_record_is_refused(store: Path, run: Run) -> None:
    deep, long = sorted(store.glob("*/run.json"))
    deep.write_bytes(b"[" * 1_000_000)
    with long.open("wb") as file:
        file.truncate(3 << 30)
    result = run("runs")
    assert result.code == 4
    assert "larger than what was written" in result.err
    assert "not the record that was written" in result.err


def test_accuracy_that_is_not_that_of_the_predictions_is_found(store: Path, run: Run) -> None:
    """A record that was changed and written again is what any reader takes for undamaged."""
    path = next(store.glob("*/run.json"))
    record = FOLDER.read_record(path)
    record["history"][-1]["test_accuracy"] += 0.01
    write_record(path, record)
    result = run("runs", "check")
    assert result.code == 4 and f"{path.parent.name}/run.json` is damaged" in result.err
    assert result.err.count("its test accuracy is 0.") == 1
    assert f", that of its predictions {record['history'][-1]['test_accuracy'] - 0.01:.4f}" in (
        result.err
    )


def test_predictions_without_labels_are_damaged(store: Path) -> None:
    """An array that is missing from a file whose digest fits."""
    path = next(store.glob("*/run.json"))
    data = to_npz({"logits": from_npz((path.parent / LOGITS).read_bytes())["logits"]})
    (path.parent / LOGITS).write_bytes(data)
    record = FOLDER.read_record(path)
    record["sha256"][LOGITS] = sha256(data)
    write_record(path, record)
    (damage,) = examine(RunReader(store)).findings
    assert damage.error.message.endswith("test_logits.npz` is damaged: 'labels'")
