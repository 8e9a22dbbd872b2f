"""Who may write: one process at a time, without a server, and never two for long.

A lease is a file in the folder that it is for: ``lease-000001``, ``lease-000002`` …; the highest
number is the owner. To claim is to make the next number, which only one process can, also on a
network file system. Its content names the owner; its time of change is the beat of the owner's
heart, set anew every few seconds by a thread.

A lease is free at once where its owner has released it or was a process of this host that is dead.
Of another host, or of a process that lives and does nothing, it is free when its heart has stood
still for `PATIENCE_SECONDS` while this process looked on: by the clock of this process alone, since
those of several hosts do not agree. Whoever lost a lease so finds out before its next commit: it
looks whether its own file is still there and still the newest (`Lease.check`).
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

BEAT_SECONDS = 5.0
PATIENCE_SECONDS = 30.0
POLL_SECONDS = 0.2
LEASE = "lease"
_LARGEST = 10_000
"""Bytes of a lease."""


class Lease:
    """The right to write into a folder, from `claim` until it is released or lost."""

    def __init__(self, folder: Path, name: str, generation: int) -> None:
        self.folder, self.name, self.generation = folder, name, generation
        self.path = _path(folder, name, generation)
        self.nonce = secrets.token_hex(8)
        self.released = False

    def check(self) -> None:
        """LeaseLost unless this is still the newest lease of its folder."""
        if _newest(self.folder, self.name) != self.generation or not self._mine():
            raise LeaseLost(
                f"another process has taken over {quote(self.folder, 300)}",
                "the lease of this process expired; what the other one writes counts",
            )

    def beat(self) -> None:
        """Show that the owner is alive. Raises nothing: that it is lost is found by `check`."""
        with suppress(ConvcompareError, OSError):
            if self._mine():
                atomic_files.touch(self.path)

    def release(self) -> None:
        """Give it back; nothing happens where it was lost.

        Where the disk refuses, the file stays, but this process knows that it is nobody's.
        """
        _heart.forget(self)
        self.released = True
        try:
            if self._mine():
                atomic_files.remove(self.path)
        except (ConvcompareError, OSError):
            _given_back.add(self.nonce)

    def record(self) -> dict[str, Any]:
        """What the file says."""
        import socket

        me = process.this()
        return {**vars(me), "machine": socket.gethostname(), "nonce": self.nonce}

    def _mine(self) -> bool:
        """Whether the file is still this one's; StoreError where the disk does not say."""
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
    """The lease of a folder, which is made; None where another process has it. Does not wait."""
    atomic_files.make_folder(folder)
    newest = _newest(folder, name)
    if newest and not _free(_path(folder, name, newest)):
        return None
    lease = Lease(folder, name, newest + 1)
    if not atomic_files.write_first(lease.path, stamp(lease.record())):
        return None
    if _newest(folder, name) != lease.generation:  # a claim that was older than it knew
        lease.release()
        return None
    for generation in _generations(folder, name):
        if generation < lease.generation:
            atomic_files.remove(_path(folder, name, generation))
    _heart.keep(lease)
    return lease


@contextmanager
def hold(
    folder: Path, name: str = LEASE, told: Callable[[str], None] = lambda _: None
) -> Iterator[Lease]:
    """The lease of a folder, as soon as it is to be had; after a second `told` hears who has it."""
    began, said = time.monotonic(), False
    while (lease := claim(folder, name)) is None:
        if not said and time.monotonic() - began > 1:
            told(holder(folder, name))
            said = True
        time.sleep(POLL_SECONDS)
    with lease:
        yield lease


def holder(folder: Path, name: str = LEASE) -> str:
    """Who has the lease of a folder, in words; empty where nobody has."""
    newest = _newest(folder, name)
    if not newest:
        return ""
    record = _read(_path(folder, name, newest))
    if record is None:
        return "an unknown process"
    return f"process {record.get('pid')} on {quote(record.get('machine'), 60)}"


def held(folder: Path) -> bool:
    """Whether a process that may be alive has the lease of a folder."""
    newest = _newest(folder, LEASE)
    return bool(newest) and not _free(_path(folder, LEASE, newest))


def is_lease(file: str) -> bool:
    """Whether a file in the folder of a run is a lease, by its name."""
    return _number(file, LEASE) > 0


# Who has a lease, as seen from here


_seen: dict[Path, tuple[object, float]] = {}
"""By the file of a lease of others: how it looked, and since when, by this process's clock."""


_given_back: set[str] = set()
"""Nonces of leases of this process that are released, but whose files the disk would not remove."""


def _free(path: Path) -> bool:
    """Whether the lease in that file may be taken over."""
    record = _read(path)
    if record and str(record.get("nonce")) in _given_back:
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
    """What a lease says; None where it is gone or damaged."""
    try:
        return unstamp(atomic_files.read(path, _LARGEST))
    except StoreError:
        return None


def _newest(folder: Path, name: str) -> int:
    """The number of the lease that counts, 0 where there is none."""
    return max(_generations(folder, name), default=0)


def _generations(folder: Path, name: str) -> list[int]:
    return [number for file in atomic_files.names(folder) if (number := _number(file, name))]


def _number(file: str, name: str) -> int:
    found = re.fullmatch(re.escape(name) + r"-(\d{6,12})", file, re.ASCII)
    return int(found[1]) if found else 0


def _path(folder: Path, name: str, generation: int) -> Path:
    return folder / f"{name}-{generation:06}"


class _Heart:
    """One thread that beats for all leases of this process."""

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
            time.sleep(BEAT_SECONDS)
            with self.lock:
                leases = list(self.leases)
            for lease in leases:
                lease.beat()


_heart = _Heart()
