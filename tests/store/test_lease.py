"""Leases with real processes: dead, stopped, and on another host."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from convcompare.core import process
from convcompare.core.errors import LeaseLost, StoreError
from convcompare.store import atomic_files, lease
from convcompare.store.disk import Disk, Fill
from convcompare.store.json_records import stamp
from convcompare.store.run_store import RunStore
from tests.support.trials import epoch, finished, interrupted_trial, trial
from tests.torture.harness import fork_server

HOLDER = """
import sys, time
from pathlib import Path
from convcompare.store import lease
from convcompare.core.errors import LeaseLost
lease.HEARTBEAT_SECONDS = 0.05
mine = lease.claim(Path(sys.argv[1]))
print("claimed" if mine else "not claimed", flush=True)
sys.stdin.readline()
try:
    mine.check()
    print("still mine", flush=True)
except LeaseLost:
    print("lost", flush=True)
"""


class Holder:
    """A process that claims a folder and replies to each line with the state of its lease."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.reply() == "claimed"

    def reply(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def query(self) -> str:
        assert self.process.stdin
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.reply()


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Callable[[], Holder]]:
    holders = []

    def start() -> Holder:
        holders.append(Holder(tmp_path))
        return holders[-1]

    yield start
    for holder in holders:
        with holder.process as popen:
            popen.kill()


def rewrite(folder: Path, **changes: Any) -> Path:
    """Change fields of the newest lease of a folder."""
    path = max(folder.glob("lease-*"))
    record = json.loads(path.read_text())
    del record["crc32"]
    path.write_bytes(stamp({**record, **changes}))
    return path


def await_claim(folder: Path) -> lease.Lease:
    """Claim the lease of a folder as soon as it is free."""
    while (mine := lease.claim(folder)) is None:
        time.sleep(0.02)
    return mine


def await_beat(folder: Path) -> None:
    """Wait for the next heartbeat of the newest lease of a folder."""
    path = max(folder.glob("lease-*"))
    before = path.stat().st_mtime_ns
    while path.stat().st_mtime_ns == before:
        time.sleep(0.01)


def test_lease_is_exclusive_until_released(tmp_path: Path, held: Callable[[], Holder]) -> None:
    other = held()
    assert lease.claim(tmp_path) is None
    assert lease.holder(tmp_path).startswith(f"process {other.process.pid} on `")
    assert other.query() == "still mine"
    with lease.hold(tmp_path) as mine:
        mine.check()
        assert lease.claim(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_lease_of_a_dead_process_is_free_at_once(
    tmp_path: Path, held: Callable[[], Holder]
) -> None:
    other = held()
    other.process.kill()
    other.process.wait()
    mine = lease.claim(tmp_path)
    assert mine
    assert [path.name for path in tmp_path.iterdir()] == ["lease-000002"]


def test_process_with_a_reused_pid_is_not_the_owner(
    tmp_path: Path, held: Callable[[], Holder]
) -> None:
    other = held()
    rewrite(tmp_path, started=process.this().started + 1, pid=os.getpid())
    assert lease.claim(tmp_path)
    assert other.query() == "lost"


def test_stopped_owner_loses_the_lease_and_notices_on_resuming(
    tmp_path: Path, held: Callable[[], Holder], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = held()
    monkeypatch.setattr(lease, "PATIENCE_SECONDS", 0.0)
    for _ in range(5):
        assert lease.claim(tmp_path) is None, "its heart has beaten since the last look"
        await_beat(tmp_path)
    os.kill(other.process.pid, signal.SIGSTOP)
    monkeypatch.setattr(lease, "PATIENCE_SECONDS", 0.5)
    mine = await_claim(tmp_path)
    os.kill(other.process.pid, signal.SIGCONT)
    assert other.query() == "lost"
    mine.check()
    assert [path.name for path in tmp_path.iterdir()] == ["lease-000002"]


@pytest.mark.parametrize("damage", ["host", "text", "folder"])
def test_only_the_heartbeat_of_another_host_counts(
    tmp_path: Path, held: Callable[[], Holder], monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    other = held()
    path = rewrite(tmp_path, host="elsewhere", nonce="another")
    other.process.kill()
    if damage != "host":
        path.unlink()
        path.mkdir() if damage == "folder" else path.write_bytes(b"?")
    os.utime(path, (2**31, 2**31))  # the other host's clock is years ahead
    assert lease.claim(tmp_path) is None
    monkeypatch.setattr(lease, "PATIENCE_SECONDS", 0.0)
    os.utime(path, (1, 1))  # a heartbeat, by a clock that was set back
    seen = time.monotonic()
    assert lease.claim(tmp_path) is None
    monkeypatch.setattr(lease, "PATIENCE_SECONDS", 0.2)
    assert await_claim(tmp_path)
    assert time.monotonic() - seen >= 0.2


def test_process_that_lost_its_lease_commits_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, quick = RunStore(tmp_path), RunStore(tmp_path)
    mine = slow.claim(trial().id)
    assert mine
    interrupted_trial(slow)
    monkeypatch.setattr(lease, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(lease.Lease, "beat", lambda self: None)
    with pytest.raises(StoreError, match="is being written by process"):
        quick.note_failure(finished(trial()))
    theirs = quick.claim(trial().id)
    assert theirs
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for commit in (
        lambda: slow.save_epoch(trial(), [epoch(n) for n in (1, 2, 3, 4)], b"late"),
        lambda: slow.finish(finished(trial()), b"late", None),
        lambda: slow.note_failure(finished(trial())),
        lambda: slow.save_analysis(trial().id, "x", {}),
        lambda: slow.forget(trial().id),
    ):
        with pytest.raises(LeaseLost, match="has taken over"):
            commit()
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert quick.finish(finished(trial()), b"weights", None).sha256
    assert slow.weights(slow.run(trial().id)) == b"weights"


def test_lease_lost_between_write_and_rename_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(Disk):
        def create(self, path: Path, fill: Fill) -> None:
            super().create(path, fill)
            if path.parent.name == "checkpoint":
                rewrite(tmp_path / trial().id, nonce="another")

    store = RunStore(tmp_path)
    assert store.claim(trial().id)
    interrupted_trial(store)
    monkeypatch.setattr(atomic_files, "disk", Slow())
    with pytest.raises(LeaseLost):
        store.save_epoch(trial(), [epoch(n) for n in (1, 2, 3, 4)], b"late")
    monkeypatch.undo()
    folder = tmp_path / trial().id / "checkpoint"
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["0002.json", "0002.safetensors", "0003.json", "0003.safetensors"]


def test_first_recorded_end_counts(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    interrupted_trial(store)
    first = store.finish(finished(trial()), b"one", None)
    assert store.finish(finished(trial()), b"two", None) == first
    assert store.weights(first) == b"one"


def test_leftovers_of_a_killed_end_are_removed(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    interrupted_trial(store)
    store.finish(finished(trial()), b"one", None)
    folder = store.folder(trial().id)
    whole = sorted(path.name for path in folder.iterdir())
    (folder / "checkpoint").mkdir()
    (folder / "error.json").write_bytes(b"")
    (folder / "lease-000004").write_bytes(stamp({"host": process.host(), "pid": 1, "started": 7}))
    store.tidy(trial().id)
    assert sorted(path.name for path in folder.iterdir()) == whole


@pytest.mark.parametrize("place", [".", "analyses"])
def test_temporary_file_that_could_not_be_removed_is_removed_later(
    tmp_path: Path, place: str
) -> None:
    store = RunStore(tmp_path)
    interrupted_trial(store)
    store.finish(finished(trial()), b"one", None)
    left = store.folder(trial().id) / place / f".tmp-{process.host()}-1-999999999-00"
    left.parent.mkdir(exist_ok=True)
    left.write_bytes(b"whole, and linked")
    store.tidy(trial().id)
    assert not left.exists()


@pytest.mark.parametrize("operation", ["read", "unlink"])
def test_released_lease_file_that_could_not_be_removed_is_not_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    def refuse(*_: Any) -> Any:
        raise OSError(5, "Input/output error")

    mine = lease.claim(tmp_path)
    assert mine
    with monkeypatch.context() as broken:
        broken.setattr(atomic_files.disk, operation, refuse)
        mine.release()
    assert mine.path.exists()
    again = lease.claim(tmp_path)
    assert again
    assert not mine.path.exists()
    again.check()
    again.release()


@pytest.mark.parametrize("nonce", [[], {}, None, 3])
def test_lease_without_a_nonce_belongs_to_another_process(tmp_path: Path, nonce: object) -> None:
    record = {"host": "elsewhere", "pid": 1, "started": 1, "machine": "m", "nonce": nonce}
    path = tmp_path / "lease-000001"
    path.write_bytes(stamp(record))
    assert lease.claim(tmp_path) is None
    assert lease.held(tmp_path)


@pytest.mark.torture  # experiment/test_shards.py has two workers on one store
def test_two_comparisons_run_each_shared_trial_once(tmp_path: Path) -> None:
    command = ["compare", "fcn:hidden=8", "fcn:hidden=9", "-d", "mnist-mini", "-e", "3"]
    command += ["--threads", "1", "--store", "s"]
    both = [fork_server().start(command, tmp_path) for _ in range(2)]
    errors = [process.wait().clean(0).err for process in both]
    assert sum(error.count("epoch 3/3") for error in errors) == 2, errors
    assert not list((tmp_path / "s").rglob("lease-*"))
