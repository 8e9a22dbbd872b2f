"""Handles Ctrl-C and SIGTERM: the first stops the work, the second exits at once.

The first raises an exception in the main thread, where the command reports what is saved. A
separate thread receives signals, too: it exits the process after a second one, or if the first has
not ended it within `GRACE_SECONDS`, because the main thread is in a long step or an import
swallowed the exception. The operating system notifies that thread at once, whatever the main thread
does. During the import of a module, no exception is raised and the process exits: a library that
calls Python from C++ while it loads, as torch does, would abort.

Files are complete at any time.
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
    """State of the shutdown."""

    number = 0
    """The first signal; 0 if none has arrived."""
    reported = False
    """Whether the command has reported what is saved."""
    installed = False
    done = False
    """Whether the command has ended, and only Python's own shutdown is left."""


stop = _Stop()


def install() -> None:
    """Install the handlers, once per process, in the main thread."""
    if stop.installed:
        return
    stop.installed = True
    listening, write_end = os.pipe()
    if hasattr(os, "set_blocking"):  # Python 3.11 on Windows lacks it and does not need it
        os.set_blocking(write_end, False)
    signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    for number in SIGNALS:
        signal.signal(number, _raise)
    threading.Thread(target=_watch, args=(listening,), name="stopping", daemon=True).start()


@contextmanager
def listening(early: Sequence[int] = ()) -> Iterator[None]:
    """Install the handlers, and exit the process if a signal ends the block.

    `early` are signals that arrived before.
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
    """Return the exit code: that of the signal if one arrived, otherwise `otherwise`."""
    return 128 + stop.number if stop.number else otherwise


def leave(number: int) -> None:
    """Exit this process now, and end those that it has started."""
    stop.number = stop.number or number
    try:
        _end_descendants()
        if not stop.reported:
            with suppress(OSError):
                if os.isatty(2):
                    os.write(2, b"\x1b[?25h\n")  # a live display hides the cursor
                os.write(2, f"warning: {TEXT} ({HINT})\n".encode())
        with suppress(Exception):
            sys.stdout.flush()
    finally:
        os._exit(128 + number)


def _end_descendants() -> None:
    """Kill descendants until none is found; the main thread may start one meanwhile."""
    ended: set[int] = set()
    while found := set(process.descendants(os.getpid())) - ended:
        for pid in found:
            with suppress(OSError):
                os.kill(pid, KILL)
        ended |= found


def _raise(number: int, frame: FrameType | None) -> None:
    if stop.number:
        return  # the watching thread exits
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
    """Wait for another signal for at most GRACE_SECONDS."""
    try:
        select.select([listening], [], [], GRACE_SECONDS)
    except OSError:  # on Windows `select` supports only sockets
        time.sleep(GRACE_SECONDS)
