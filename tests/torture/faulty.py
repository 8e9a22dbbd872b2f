"""A disk that fails at its n-th operation, which replaces the real one in a forked process."""

from __future__ import annotations

import errno
import functools
import io
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from convcompare.store import atomic_files
from convcompare.store.disk import Disk

OPERATIONS = [name for name, value in vars(Disk).items() if callable(value) and name[0] != "_"]
LOG = "operations.log"


def install(place: int, what: str, log: str) -> None:
    """Disturb operation number `place`, counted from 1; append every operation to the file `log`.

    Args:
        what: ``before``, ``during`` or ``after`` for a crash, or the name of an error.
    """
    atomic_files.disk = Faulty(place, what, Path(log))  # type: ignore[assignment]


class Faulty(Disk):
    """A disk that counts its operations and disturbs one of them."""

    def __init__(self, place: int, what: str, log: Path) -> None:
        self.place, self.what, self.number = place, what, 0
        self.log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)

    def perform(self, name: str, real: Callable[..., Any], path: Path, *more: Any) -> Any:
        if threading.current_thread().name == "leases":  # renewals of leases are at random times
            return real(path, *more)
        self.number += 1
        os.write(self.log, f"{name} {path}\n".encode())
        here = self.number == self.place
        if here and self.what == "before":
            _die()
        if here and self.what == "during" and name == "create":
            real(path, functools.partial(_half, more[0]))
            _die()
        if here and self.what.startswith("E"):
            if name == "create":  # a full disk accepts a part of the file
                real(path, functools.partial(_half, more[0]))
            number = getattr(errno, self.what)
            raise OSError(number, os.strerror(number), str(path))
        try:
            return real(path, *more)
        finally:  # also after a failure to remove a missing file
            if here and self.what == "after":
                _die()


def _operation(name: str) -> Callable[..., Any]:
    def perform(self: Faulty, path: Path, *more: Any) -> Any:
        return self.perform(name, getattr(super(Faulty, self), name), path, *more)

    return perform


for _name in OPERATIONS:
    setattr(Faulty, _name, _operation(_name))


def _half(fill: Callable[[Any], object], file: Any) -> None:
    """Write the first half of what `fill` writes."""
    complete = io.BytesIO()
    fill(complete)
    file.write(complete.getvalue()[: complete.tell() // 2])


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def operations(log: Path) -> list[tuple[str, str]]:
    """Return name and path of each logged operation."""
    lines = log.read_text().splitlines()
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in lines]
