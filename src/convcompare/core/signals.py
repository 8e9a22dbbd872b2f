"""Ctrl-C and SIGTERM: once ends what runs, twice leaves now; what is on the disk is whole.

The first raises an exception in the main thread, where the command says what is saved. A thread
of its own listens too: it ends the process when a second comes, or when the first has not done so
after `GRACE_SECONDS`, because the main thread is within a long step or an import swallowed the
exception. It is told by the operating system at once, whatever the main thread does. While a
module is imported nothing is raised, the process is left: a library that calls Python from C++ as
it is loaded, as torch does, answers an exception there by aborting.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType

from . import process
from .errors import Terminated

GRACE_SECONDS = 1.5
SIGNALS = (signal.SIGINT, signal.SIGTERM)
KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # Windows has one way to end a process
TEXT = "interrupted: everything that was saved is intact"
HINT = "repeat the command to resume"


class _Stop:
    """What has been asked for so far."""

    number = 0
    """The signal that came; 0 where none has."""
    said = False
    """Whether it has been said what is saved."""
    installed = False
    done = False
    """Whether the command has ended, and only Python's own end is left."""


stop = _Stop()


def install() -> None:
    """Listen from now on; once for a process, in its main thread."""
    if stop.installed:
        return
    stop.installed = True
    listening, told = os.pipe()
    if hasattr(os, "set_blocking"):  # not in Python 3.11 on Windows, which does not ask for it
        os.set_blocking(told, False)
    signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    for number in SIGNALS:
        signal.signal(number, _raise)
    threading.Thread(target=_watch, args=(listening,), name="stopping", daemon=True).start()


@contextmanager
def listening(early: Sequence[int] = ()) -> Iterator[None]:
    """Listen, and leave the process if a signal ends what runs in here.

    `early` are the signals that came before.
    """
    try:
        install()
        if early:
            leave(early[0])
        yield
    except BaseException:
        if stop.number:
            leave(stop.number)
        raise
    finally:
        stop.done = True


def code(otherwise: int) -> int:
    """The exit code: by the signal where one came, whatever was made of it."""
    return 128 + stop.number if stop.number else otherwise


def leave(number: int) -> None:
    """End this process now, and those that it has started."""
    stop.number = stop.number or number
    try:
        _end_descendants()
        if not stop.said:
            with suppress(OSError):
                if os.isatty(2):
                    os.write(2, b"\x1b[?25h\n")  # a live display hides the cursor
                os.write(2, f"warning: {TEXT} ({HINT})\n".encode())
        with suppress(Exception):
            sys.stdout.flush()
    finally:
        os._exit(128 + number)


def _end_descendants() -> None:
    """Kill until a look finds no other: the main thread may have started one meanwhile."""
    ended: set[int] = set()
    while found := set(process.descendants(os.getpid())) - ended:
        for pid in found:
            with suppress(OSError):
                os.kill(pid, KILL)
        ended |= found


def _raise(number: int, frame: FrameType | None) -> None:
    if stop.number:
        return  # the thread ends it
    stop.number = number
    if stop.done or _importing(frame):
        leave(number)
    raise KeyboardInterrupt if number == signal.SIGINT else Terminated


def _importing(frame: FrameType | None) -> bool:
    while frame and not frame.f_code.co_filename.startswith("<frozen importlib"):
        frame = frame.f_back
    return frame is not None


def _watch(listening: int) -> None:
    number = 0
    while number not in SIGNALS:
        number = os.read(listening, 1)[0]
    _await_second(listening)
    leave(number)


def _await_second(listening: int) -> None:
    """Wait for another signal, no longer than GRACE_SECONDS."""
    try:
        select.select([listening], [], [], GRACE_SECONDS)
    except OSError:  # Windows waits for sockets alone
        time.sleep(GRACE_SECONDS)
