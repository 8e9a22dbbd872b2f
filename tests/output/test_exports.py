"""Exported runs can be read by other programs, with the same values."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas
import pytest

import convcompare as cc

Run = Callable[..., Any]
NETWORKS = ["fcn:hidden=6", "fcn:hidden=10"]


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> cc.Result:
    """A comparison made by the library."""
    store = tmp_path_factory.mktemp("stored") / "runs"
    data = {"dataset": "mnist-mini", "train_images": 500}
    return cc.compare(NETWORKS, **data, epochs=2, seeds=2, store=store)


@pytest.fixture
def compared(stored: cc.Result, run: Run, monkeypatch: pytest.MonkeyPatch) -> cc.Result:
    """That comparison, in the default store."""
    monkeypatch.setenv("CONVCOMPARE_STORE", str(stored.assessment.store.root))
    return stored


def test_csv_export_into_a_path_with_a_file_ending_is_refused(
    compared: cc.Result, run: Run
) -> None:
    result = run("runs", "export", "--out", "table.csv")
    assert (result.code, "`table.csv` names a file" in result.err) == (2, True)
    assert not Path("table.csv").exists()
    written = run("runs", "latest", "--out", "table.csv")
    assert (written.code, Path("table.csv").is_file()) == (0, True)


def test_csv_files_equal_the_data_frames(compared: cc.Result, run: Run, tmp_path: Path) -> None:
    result = run("runs", "export")
    paths = [Path("convcompare-export") / f"{kind}.csv" for kind in ("models", "runs", "epochs")]
    assert result.out.splitlines() == [str(path) for path in paths]
    for path in paths:
        read = pandas.read_csv(path, dtype={"id": str}, keep_default_na=False, na_values=[""])
        expected = compared.to_dataframe(path.stem)
        empty = ["message", "tags", "note"]
        read = read.drop(columns=empty, errors="ignore")
        expected = expected.drop(columns=empty, errors="ignore")
        pandas.testing.assert_frame_equal(read, expected, check_dtype=False)


def test_tensorboard_reads_every_epoch(compared: cc.Result, run: Run, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    for _ in range(2):  # a repeated export duplicates nothing
        assert run("runs", "export", "--to", "tensorboard", "-o", "events").code == 0
    files = sorted(tmp_path.glob("events/*/seed-*/events.out.tfevents.*"))
    assert len(files) == 4
    found = {}
    for path in files:
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                key = (path.parts[-3], path.parts[-2], event.step, value.tag)
                assert key not in found
                found[key] = value.tensor.float_val[0]
    for group in compared.assessment.comparison.groups:
        for one in group.runs:
            for epoch in one.history:
                place = (group.label.replace(":", "-").replace("=", "-"), f"seed-{one.trial.seed}")
                for tag, value in (("loss/test", epoch.test_loss), ("learning-rate", epoch.lr)):
                    assert found[(*place, epoch.epoch, tag)] == pytest.approx(value, rel=1e-6)


@pytest.mark.filterwarnings("ignore")  # warnings of the library on import
def test_mlflow_has_every_run_once(
    compared: cc.Result, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("MLFLOW_DISABLE_TELEMETRY", "MLFLOW_ALLOW_FILE_STORE"):
        monkeypatch.setenv(variable, "true")
    for _ in range(2):  # the second time with a tag that the first export lacked
        assert run("runs", "export", "--to", "mlflow").code == 0
        one = compared.assessment.comparison.groups[0].runs[0].id
        assert run("runs", "tag", "late", one).code == 0
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=(tmp_path / "mlruns").as_uri())
    experiment = client.get_experiment_by_name("convcompare mnist-mini")
    runs = {
        r.data.tags["convcompare.store.run"]: r
        for r in client.search_runs([experiment.experiment_id])
    }
    ours = [one for group in compared.assessment.comparison.groups for one in group.runs]
    assert set(runs) == {one.id for one in ours}
    assert runs[ours[0].id].data.tags["convcompare.tags"] == "late"
    assert "convcompare.tags" not in runs[ours[1].id].data.tags
    for one in ours:
        theirs = runs[one.id]
        assert theirs.info.status == "FINISHED"
        assert theirs.data.params["seed"] == str(one.trial.seed)
        assert theirs.data.metrics["accuracy/test"] == one.test_accuracy
        history = client.get_metric_history(theirs.info.run_id, "loss/train")
        assert [(m.step, m.value) for m in sorted(history, key=lambda m: m.step)] == [
            (epoch.epoch, epoch.train_loss) for epoch in one.history
        ]


def _silent(connection: socket.socket) -> None:
    """Accept the request and send nothing."""


def _slow(connection: socket.socket) -> None:
    """Send one byte every 20 ms, so that no single read times out."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    with contextlib.suppress(OSError):
        while True:
            connection.sendall(b" ")
            time.sleep(0.02)


def _other(connection: socket.socket) -> None:
    """Answer like another web server."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>")


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[socket.socket], None]], str]]:
    """Start a local server that answers with a given function; return its address."""
    with contextlib.ExitStack() as stack:

        def start(answer: Callable[[socket.socket], None]) -> str:
            listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))

            def loop() -> None:
                with contextlib.suppress(OSError):
                    while True:
                        connection = stack.enter_context(listening.accept()[0])
                        connection.recv(65536)
                        threading.Thread(target=answer, args=(connection,), daemon=True).start()

            accepting = threading.Thread(target=loop, daemon=True)

            def stop() -> None:
                with contextlib.suppress(OSError):
                    listening.shutdown(socket.SHUT_RDWR)  # wakes `accept`
                accepting.join(5)  # `stack` closes the connections accepted so far

            stack.callback(stop)
            accepting.start()
            return f"http://127.0.0.1:{listening.getsockname()[1]}"

        yield start


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (_silent, "it does not answer|has not answered for"),  # the latter on a busy machine
        (_slow, r"has not answered for 1\.5 seconds"),
        (_other, "the answer is not from an MLflow server"),
    ],
)
def test_mlflow_server_without_a_valid_answer_is_one_error(
    compared: cc.Result,
    run: Run,
    serve: Callable[[Callable[[socket.socket], None]], str],
    answer: Callable[[socket.socket], None],
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    environment = dict(os.environ)
    result = run("runs", "export", "--to", "mlflow", "--out", serve(answer))
    assert result.code == 4
    assert re.search(expected, result.err)
    assert len(result.err.splitlines()) == 2, "the error and its hint"
    assert dict(os.environ) == environment


def test_unreachable_mlflow_server_is_one_error(compared: cc.Result, run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    result = run("runs", "export", "--to", "mlflow", "--out", address)
    assert result.code == 4
    assert result.err.startswith(f"error: MLflow cannot use `{address}`: Connection refused")


@pytest.mark.parametrize(("to", "package"), [("tensorboard", "tensorboard"), ("mlflow", "mlflow")])
def test_missing_package_is_named_with_its_install_command(
    compared: cc.Result, run: Run, to: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [n for n in sys.modules if n.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    result = run("runs", "export", "--to", to)
    assert result.code == 2
    assert result.err.startswith(f"error: the export to {to} needs the package")
    assert f"pip install 'convcompare[{to}]'" in result.err


def test_unknown_format_gets_a_suggestion(run: Run) -> None:
    result = run("runs", "export", "--to", "tensorbord")
    assert (result.code, result.err.splitlines()[1]) == (2, " hint: did you mean `tensorboard`?")


@pytest.mark.filterwarnings("ignore")  # warnings of the library on import
def test_wandb_has_every_epoch_of_every_run_once_and_uploads_nothing(
    compared: cc.Result, run: Run, tmp_path: Path
) -> None:
    pytest.importorskip("wandb")
    for _ in range(2):
        assert run("runs", "export", "--to", "wandb").code == 0
    folders = sorted((tmp_path / "convcompare-wandb" / "wandb").glob("offline-run-*"))
    runs = {one.id: one for g in compared.assessment.comparison.groups for one in g.runs}
    assert sorted(folder.name[-12:] for folder in folders) == sorted(runs)
    for folder in folders:
        one = runs[folder.name[-12:]]
        records = complete_records(folder / f"run-{one.id}.wandb")
        started = next(record.run for record in records if record.HasField("run"))
        config = {item.key: item.value_json for item in started.config.update}
        assert (started.project, config["seed"]) == ("convcompare-mnist-mini", str(one.trial.seed))
        history = [
            {
                (item.key or item.nested_key[0]): json.loads(item.value_json)
                for item in r.history.item
            }
            for r in records
            if r.HasField("history")
        ]
        assert [row["epoch"] for row in history] == [1, 2]
        assert [row["loss/test"] for row in history] == [e.test_loss for e in one.history]


def complete_records(path: Path) -> list[Any]:
    """Return a run's records once the file is complete; another process writes its end."""
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline:
        records = list(wandb_records(path))
        if any(record.HasField("exit") for record in records):
            return records
        time.sleep(0.1)
    raise AssertionError(f"{path.name} has no end")


def wandb_records(path: Path) -> Iterator[Any]:
    """Iterate over a run's records: LevelDB's log format after a header of seven bytes."""
    from wandb.proto import wandb_internal_pb2

    data, place, parts = path.read_bytes(), 7, b""
    while place + 7 <= len(data):
        left = 32768 - place % 32768
        if left < 7:
            place += left
            continue
        size, kind = int.from_bytes(data[place + 4 : place + 6], "little"), data[place + 6]
        parts += data[place + 7 : place + 7 + size]
        place += 7 + size
        if kind in (1, 4):  # a full record, or the last part of one
            yield wandb_internal_pb2.Record.FromString(parts)
            parts = b""
