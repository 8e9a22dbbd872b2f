"""Leases: the right of one process at a time to write into a folder, without a server.

A lease is a file in that folder: ``lease-000001``, ``lease-000002`` …; the highest number owns the
folder. A process claims it by creating the next number, which is atomic, also on a network file
system. The file contains the owner; a thread of the owner sets its modification time every few
seconds as a heartbeat.

A lease is free at once if its owner released it, or was a process on this host that is dead.
Otherwise (another host, or a process that hangs) it is free after `PATIENCE_SECONDS` without a
heartbeat, by the clock of the claiming process alone, since the clocks of hosts differ. A process
that lost its lease in this way detects it before its next commit, which checks that its own file
still exists and is the newest (`Lease.check`).
"""

from __future__ import annotations

import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from convcompare.core import process
from convcompare.core.errors import ConvcompareError, LeaseLost, StoreError, quote
from convcompare.core.process import Process

from . import atomic_files
from .json_records import stamp, unstamp

HEARTBEAT_SECONDS = 5.0
PATIENCE_SECONDS = 30.0
POLL_SECONDS = 0.2
LEASE = "lease"
_LARGEST = 10_000
"""Maximum size of a lease in bytes."""


class Lease:
    """The right to write into a folder, from `claim` until it is released or lost."""

    def __init__(self, folder: Path, name: str, generation: int) -> None:
        self.folder, self.name, self.generation = folder, name, generation
        self.path = _path(folder, name, generation)
        self.nonce = secrets.token_hex(8)
        self.released = False

    def check(self) -> None:
        """Raise LeaseLost unless this is still the newest lease of its folder."""
        if _newest(self.folder, self.name) != self.generation or not self._is_own():
            raise LeaseLost(
                f"another process has taken over {quote(self.folder, 300)}",
                "the lease of this process expired; what the other one writes counts",
            )

    def beat(self) -> None:
        """Write a heartbeat. Errors are ignored, since `check` detects that the lease is lost."""
        with suppress(ConvcompareError, OSError):
            if self._is_own():
                atomic_files.touch(self.path)

    def release(self) -> None:
        """Release the lease; if it was lost, nothing happens.

        If the file cannot be removed, it stays, and this process treats it as free.
        """
        _heartbeat.forget(self)
        self.released = True
        try:
            if self._is_own():
                atomic_files.remove(self.path)
        except (ConvcompareError, OSError):
            _released.add(self.nonce)

    def record(self) -> dict[str, Any]:
        """Return the content of the file: the owning process, its host, and a nonce."""
        import socket

        me = process.this()
        return {**vars(me), "machine": socket.gethostname(), "nonce": self.nonce}

    def _is_own(self) -> bool:
        """Return whether the file still belongs to this lease.

        Raises:
            StoreError: if the file exists and cannot be read.
        """
        try:
            record = unstamp(atomic_files.read(self.path, _LARGEST))
        except StoreError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                return False
            raise
        return (record or {}).get("nonce") == self.nonce

    def __enter__(self) -> Lease:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        self.release()


def claim(folder: Path, name: str = LEASE) -> Lease | None:
    """Create a folder and claim its lease without waiting; None if another process has it."""
    atomic_files.make_folder(folder)
    newest = _newest(folder, name)
    if newest and not _free(_path(folder, name, newest)):
        return None
    lease = Lease(folder, name, newest + 1)
    if not atomic_files.write_first(lease.path, stamp(lease.record())):
        return None
    if _newest(folder, name) != lease.generation:  # another process claimed a higher number
        lease.release()
        return None
    for generation in _generations(folder, name):
        if generation < lease.generation:
            atomic_files.remove(_path(folder, name, generation))
    _heartbeat.keep(lease)
    return lease


@contextmanager
def hold(
    folder: Path, name: str = LEASE, on_wait: Callable[[str], None] = lambda _: None
) -> Iterator[Lease]:
    """Wait for the lease of a folder and hold it within the block.

    After one second of waiting, `on_wait` is called once with a description of the holder.
    """
    started, reported = time.monotonic(), False
    while (lease := claim(folder, name)) is None:
        if not reported and time.monotonic() - started > 1:
            on_wait(holder(folder, name))
            reported = True
        time.sleep(POLL_SECONDS)
    with lease:
        yield lease


def holder(folder: Path, name: str = LEASE) -> str:
    """Return a description of the process that has the lease of a folder; empty if none has."""
    newest = _newest(folder, name)
    if not newest:
        return ""
    record = _read(_path(folder, name, newest))
    if record is None:
        return "an unknown process"
    return f"process {record.get('pid')} on {quote(record.get('machine'), 60)}"


def held(folder: Path) -> bool:
    """Return whether a process that may be alive has the lease of a folder."""
    newest = _newest(folder, LEASE)
    return bool(newest) and not _free(_path(folder, LEASE, newest))


def is_lease(file: str) -> bool:
    """Return whether a file in the folder of a run is a lease, by its name."""
    return _number(file, LEASE) > 0


# State of the leases of other processes


_seen: dict[Path, tuple[object, float]] = {}
"""Per lease file of another process: its last heartbeat, and when this process first saw it."""


_released: set[str] = set()
"""Nonces of leases that this process released, but whose files could not be removed."""


def _free(path: Path) -> bool:
    """Return whether the lease in this file may be taken over."""
    record = _read(path)
    if record and str(record.get("nonce")) in _released:
        return True
    owner = _owner(record)
    if owner is not None and owner.dead:
        return True
    try:
        state = path.lstat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    beat = (state.st_mtime_ns, state.st_ino, (record or {}).get("nonce"))
    now = time.monotonic()
    before, since = _seen.get(path, (None, now))
    if before != beat:
        _seen[path] = (beat, now)
        return False
    if now - since < PATIENCE_SECONDS:
        return False
    del _seen[path]
    return True


def _owner(record: dict[str, Any] | None) -> Process | None:
    if record is None:
        return None
    try:
        return Process(str(record["host"]), int(record["pid"]), int(record["started"]))
    except (KeyError, TypeError, ValueError):
        return None


def _read(path: Path) -> dict[str, Any] | None:
    """Return the content of a lease; None if it cannot be read or is damaged."""
    try:
        return unstamp(atomic_files.read(path, _LARGEST))
    except StoreError:
        return None


def _newest(folder: Path, name: str) -> int:
    """Return the highest number of a lease in the folder, 0 if there is none."""
    return max(_generations(folder, name), default=0)


def _generations(folder: Path, name: str) -> list[int]:
    return [number for file in atomic_files.names(folder) if (number := _number(file, name))]


def _number(file: str, name: str) -> int:
    found = re.fullmatch(re.escape(name) + r"-(\d{6,12})", file, re.ASCII)
    return int(found[1]) if found else 0


def _path(folder: Path, name: str, generation: int) -> Path:
    return folder / f"{name}-{generation:06}"


class _Heartbeat:
    """Thread that writes the heartbeats of all leases of this process."""

    def __init__(self) -> None:
        self.leases: set[Lease] = set()
        self.lock = threading.Lock()
        self.thread: threading.Thread | None = None

    def keep(self, lease: Lease) -> None:
        with self.lock:
            self.leases.add(lease)
            if self.thread is None or not self.thread.is_alive():
                self.thread = threading.Thread(target=self._beat, name="leases", daemon=True)
                self.thread.start()

    def forget(self, lease: Lease) -> None:
        with self.lock:
            self.leases.discard(lease)

    def _beat(self) -> None:
        while True:
            time.sleep(HEARTBEAT_SECONDS)
            with self.lock:
                leases = list(self.leases)
            for lease in leases:
                lease.beat()


_heartbeat = _Heartbeat()
